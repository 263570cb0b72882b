#!/usr/bin/env bash
# Searches for inputs that break a parser, from the seeds of test/fuzz/corpus on, one fuzzer after the other. Prints a Markdown
# table; fails if anything was found. What the search learns stays in build/fuzz for the next one.
# usage: scripts/fuzz.sh [--seconds COUNT] [FUZZER…]   60 s each without --seconds, all fuzzers without names
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=60
if [ "${1:-}" = --seconds ]; then
  seconds=$2
  shift 2
fi
[ $# -gt 0 ] || set -- $(ls test/fuzz/corpus)

scripts/install-packages.sh build test fuzz
cmake --preset fuzz > /dev/null
cmake --build --preset fuzz >&2

binaries=build/fuzz/test/fuzz
failed=0
echo "| Fuzzer | Executions | Seconds | Edges covered | Inputs kept | Found |"
echo "|---|---:|---:|---:|---:|---|"
for fuzzer in "$@"; do
  finds=$binaries/finds/$fuzzer
  log=$binaries/$fuzzer.log
  found=nothing
  mkdir -p "$finds"
  "$binaries/$fuzzer" -max_total_time="$seconds" -max_len=4096 -timeout=10 -print_final_stats=1 -artifact_prefix="$finds-" \
    "$finds" "test/fuzz/corpus/$fuzzer" > "$log" 2>&1 || { found="see $log" failed=1; }
  awk -v fuzzer="$fuzzer" -v seconds="$seconds" -v found="$found" '
    / cov: / { for (i = 1; i < NF; ++i) { if ($i == "cov:") edges = $(i + 1); if ($i == "corp:") kept = $(i + 1) } }
    /stat::number_of_executed_units:/ { executions = $2 }
    END { sub("/.*", "", kept); print "| " fuzzer " | " executions " | " seconds " | " edges " | " kept " | " found " |" }' "$log"
done
exit "$failed"
