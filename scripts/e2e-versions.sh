#!/usr/bin/env bash
# The end-to-end tests of zero on every Kubernetes that behaves differently: 1.37, 1.37 without HPAScaleToZero, 1.36 and 1.34.
#   usage: scripts/e2e-versions.sh [PYTEST ARGUMENTS...]      QMS_BINARY names a server other than scripts/build.sh's
# Needs what scripts/e2e.sh needs, and 10 to 15 minutes more for each control plane it has not built yet; it runs one at a time.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v go > /dev/null || PATH=$PATH:/usr/local/go/bin
parts="etcd kube-apiserver kube-controller-manager kube-scheduler kubectl"

# The same program as that of scripts/e2e.sh, from the modules of another Kubernetes, which a published release names itself.
build_control_plane() { # v1.36.3
  local source=$PWD/build/controlplane-$1/source go_mod
  mkdir -p "$source"
  [ -x "$source/../controlplane" ] && return
  echo "building the control plane of Kubernetes $1" >&2
  go_mod=$(cd /tmp && go mod download -json "k8s.io/kubernetes@$1" | sed -n 's/^\t"GoMod": "\(.*\)",$/\1/p')
  cp test/e2e/controlplane/main.go "$source"
  {
    # Its staging modules come from its own tree there; as modules they have the same version with a 0 in front.
    printf 'module controlplane\n\n'
    grep '^go ' "$go_mod"
    printf '\nrequire k8s.io/kubernetes %s\n\nreplace (\n' "$1"
    grep -o 'k8s.io/[a-z-]* => \./staging' "$go_mod" | while read -r module _; do printf '\t%s => %s v0%s\n' "$module" "$module" "${1#v1}"; done
    printf ')\n'
  } > "$source/go.mod"
  (cd "$source" && go mod tidy && CGO_ENABLED=0 nice -n 19 go build -p 1 -ldflags=-s -o ../controlplane .)
  for part in $parts; do ln -sf controlplane "$source/../$part"; done
}

scripts/e2e.sh -k test_zero "$@"
FEATURE_GATES=HPAScaleToZero=false scripts/e2e.sh -k test_zero "$@"
for version in v1.36.3 v1.34.4; do
  build_control_plane "$version"
  CONTROL_PLANE=$PWD/build/controlplane-$version scripts/e2e.sh -k test_zero "$@"
done
