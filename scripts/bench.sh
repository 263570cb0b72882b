#!/usr/bin/env bash
# Builds the server and measures it against itself: a metric read beside a handler that does nothing. Prints a Markdown
# table; with --write it also goes to docs/benchmarks.md. With --many-queues: ten thousand configured queues beside ten.
# usage: scripts/bench.sh [--many-queues] [--write] [--rounds COUNT] [--seconds SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."
measure=bench.py
if [ "${1:-}" = --many-queues ]; then
  measure=many_queues.py
  shift
fi
scripts/install-packages.sh build test
scripts/build.sh >&2
cmake --workflow --preset bench >&2
exec python3 "test/bench/$measure" --server build/release/queue-metrics-server \
  --load-generator build/bench/test/bench/load_generator "$@"
