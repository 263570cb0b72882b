#!/usr/bin/env bash
# Breaks what the server depends on, over and over, under constant reads: its Redis, the network between them, its descriptors, its
# clock, itself. Takes about 15 minutes with 100 cycles; every test has a short round in scripts/test.sh, too.
# usage: scripts/faults.sh [--cycles COUNT] [PYTEST ARGUMENTS…]
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-packages.sh build test
[ -n "${QMS_BINARY:-}" ] || scripts/build.sh
export QMS_BINARY=${QMS_BINARY:-$PWD/build/release/queue-metrics-server} PYTHONDONTWRITEBYTECODE=1
[ "${1:-}" = --cycles ] || set -- --cycles 100 "$@"
exec python3 -m pytest test/faults --redis-timeout 1 "$@" # As the server has by itself.
