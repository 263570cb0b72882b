#!/usr/bin/env bash
# Mixed load and random faults for a while; prints what was held and what was lost, and fails if a promise was broken.
# usage: scripts/soak.sh [--minutes COUNT] [--seed NUMBER]   10 minutes without
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-packages.sh build test
[ -n "${QMS_BINARY:-}" ] || scripts/build.sh
export QMS_BINARY=${QMS_BINARY:-$PWD/build/release/queue-metrics-server} PYTHONDONTWRITEBYTECODE=1
exec env PYTHONPATH=test/integration/server:test/faults python3 test/faults/soak.py "$@"
