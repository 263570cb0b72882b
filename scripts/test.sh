#!/usr/bin/env bash
# Installs what the tests need, then builds and runs all unit and integration tests.
# usage: scripts/test.sh [PRESET]   dev (the default), asan or tsan
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-packages.sh build test
cmake --workflow --preset "${1:-dev}"
