#!/usr/bin/env bash
# Fails if a C++ file is not as clang-format would write it. `scripts/check-format.sh --fix` writes it so.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=(--dry-run --Werror)
[ "${1:-}" != --fix ] || mode=(-i)
git ls-files --cached --others --exclude-standard '*.cpp' '*.h' | xargs clang-format-14 "${mode[@]}"
