#!/usr/bin/env bash
# The whole pipeline, 0 → 10 → 0: these manifests under a real control plane, our server, a real Redis and real executors; AWS is emulated.
# usage: scripts/e2e-pipeline.sh [--write-docs] [PYTEST ARGUMENTS...]   --write-docs: docs/pipeline-timing.{md,svg} from this run
# Takes about ten minutes, and what scripts/e2e.sh says of the first time. When a test fails, the logs of everything are in build/e2e.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = --write-docs ]; then
  shift
  export QMS_WRITE_DOCS=$PWD/docs
fi

scripts/e2e.sh --collect-only -q # Packages, the control plane and the server.
venv=build/e2e-pipeline-venv
[ -x $venv/bin/python ] || python3 -m venv $venv
$venv/bin/pip install --quiet --requirement test/e2e/pipeline/requirements.txt
exec timeout 1800 $venv/bin/python -m pytest test/e2e/pipeline "$@"
