#!/usr/bin/env bash
# The end-to-end tests: our server and a real Redis under a real Kubernetes control plane, all on loopback, without a cluster.
#   usage: scripts/e2e.sh [PYTEST ARGUMENTS...]      for instance -k autoscaling; QMS_BINARY names a server other than scripts/build.sh's
# Needs Go 1.26 for the control plane, which takes 10 to 15 minutes to build the first time; the tests then take about seven minutes.
# When a test fails, the logs of everything are in build/e2e.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install-packages.sh e2e

command -v go > /dev/null || PATH=$PATH:/usr/local/go/bin
if ! (cd test/e2e/controlplane && go version); then
  echo "e2e.sh: building the control plane takes Go 1.26 or later. Debian's golang package is older: unpack the archive of the Go" >&2
  echo "project's download page into /usr/local, or let Go 1.21 or later fetch it: GOTOOLCHAIN=auto scripts/e2e.sh" >&2
  exit 1
fi
CGO_ENABLED=0 go build -C test/e2e/controlplane -ldflags=-s -o "$PWD/build/controlplane/controlplane" .
for part in etcd kube-apiserver kube-controller-manager kube-scheduler kubectl; do
  ln -sf controlplane "build/controlplane/$part"
done

[ -n "${QMS_BINARY:-}" ] || scripts/build.sh

# Debian's own Python, because the packages above belong to it. The time limit is only for what no test expects.
exec timeout 1800 /usr/bin/python3 -m pytest test/e2e "$@"
