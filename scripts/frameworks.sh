#!/usr/bin/env bash
# Real job frameworks fill a Redis of their own, work and are killed; our server must say what they say.
#   usage: scripts/frameworks.sh [PYTEST ARGUMENTS...]   for instance -k rq; QMS_BINARY names a server other than scripts/build.sh's
# Takes Python, Node.js with npm, and Go; what one of them is missing for, or cannot be installed, is reported as skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install-packages.sh frameworks
[ -n "${QMS_BINARY:-}" ] || scripts/build.sh

here=$PWD/test/frameworks
tools=$PWD/build/frameworks
mkdir -p "$tools"

try() { "$@" || echo "frameworks.sh: failed, so its frameworks are skipped: $*" >&2; }

python() { # folder, requirements
  [ -x "$tools/$1/bin/python" ] || python3 -m venv "$tools/$1"
  "$tools/$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/$2"
}

javascript() {
  cp "$here/package.json" "$tools/"
  npm install --prefix "$tools" --no-audit --no-fund --no-package-lock --ignore-scripts --silent
}

try python venv requirements.txt
try python venv-older requirements-older.txt
try javascript
command -v go > /dev/null || PATH=$PATH:/usr/local/go/bin
try go build -C "$here/asynq" -o "$tools/asynq" .

export QMS_BINARY=${QMS_BINARY:-$PWD/build/release/queue-metrics-server}
export FRAMEWORKS_TOOLS=$tools
# Debian's own Python, because the packages above belong to it. The time limit is only for what no test expects.
exec timeout 1800 /usr/bin/python3 -m pytest -p no:cacheprovider -rs test/frameworks "$@"
