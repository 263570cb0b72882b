#!/usr/bin/env bash
# Installs what the build needs and builds build/release/queue-metrics-server.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-packages.sh build
cmake --workflow --preset release
