#!/usr/bin/env bash
# Checks manifests/ and hpa-examples/ without a cluster or an account: our own rules, the executor on a Redis of its own, formatting, the evaluator against a real tofu,
# Kubernetes' and Karpenter's schemas, checkov and tflint. Tools are built once, into build/manifest-tools (about 5 minutes; 10 more without a tofu or terraform).
# usage: scripts/check-manifests.sh [--quick]   --quick: rules and executor only (half a minute); what kube-apiserver says is scripts/e2e.sh's part
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$PWD/build/manifest-tools
python=$tools/venv/bin/python
kubernetes=v1.37.2
karpenter=v1.15.1

step() { printf '\n== %s\n' "$*"; }

step "our own rules, each proved able to fail, and the executor"
[ -x "$python" ] || python3 -m venv "$tools/venv"
"$tools/venv/bin/pip" install --quiet --requirement test/manifests/requirements.txt --requirement hpa-examples/executor/requirements.txt
"$python" -m pytest -q -p no:cacheprovider test/manifests test/executor
[ "${1:-}" != --quick ] || exit 0

go_install() { # name module@version
  [ -x "$tools/$1" ] || GOBIN=$tools GOFLAGS=-mod=mod nice go install -p 1 "$2"
}

module_dir() { # module@version; one that wants a newer Go is downloaded all the same, and only its files are read here
  (cd "$tools" && go mod download "$1") > /dev/null 2>&1 || true
  echo "$(go env GOMODCACHE)/$1"
}

# `go install` refuses OpenTofu, because its go.mod replaces a module.
build_tofu() {
  mkdir -p "$tools/tofu-source"
  cat > "$tools/tofu-source/go.mod" <<'MOD'
module tofu

go 1.26

require github.com/opentofu/opentofu v1.12.6

replace github.com/hashicorp/hcl/v2 v2.20.1 => github.com/opentofu/hcl/v2 v2.20.2-0.20251021132045-587d123c2828

tool github.com/opentofu/opentofu/cmd/tofu
MOD
  (cd "$tools/tofu-source" && go mod tidy && nice go build -p 1 -ldflags=-s -o "$tools/tofu" github.com/opentofu/opentofu/cmd/tofu)
}

tofu=$(command -v tofu || command -v terraform || echo "$tools/tofu")
[ -x "$tofu" ] || build_tofu

step "formatting"
"$tofu" fmt -check -recursive -diff manifests

step "the rules' evaluator says what $(basename "$tofu") says"
"$python" test/manifests/compare_with_tofu.py "$tofu"

step "schemas of Kubernetes $kubernetes and Karpenter $karpenter"
go_install kubeconform github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
swagger=$(module_dir k8s.io/kubernetes@$kubernetes)/api/openapi-spec/swagger.json
crds=$(module_dir github.com/aws/karpenter-provider-aws@$karpenter)/pkg/apis/crds
"$python" test/manifests/make_schemas.py "$tools/schemas" "$swagger" "$crds"/*.yaml
find manifests hpa-examples -name '*.yaml' -not -name kustomization.yaml -not -path '*/chart/*' -not -path '*/components/*' -print0 |
  xargs -0 "$tools/kubeconform" -strict -summary -schema-location "$tools/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json"

step "checkov"
[ -x "$tools/checkov/bin/checkov" ] || { python3 -m venv "$tools/checkov" && "$tools/checkov/bin/pip" install --quiet checkov==3.3.30; }
"$tools/checkov/bin/checkov" --config-file scripts/checkov.yaml

step "tflint"
go_install tflint github.com/terraform-linters/tflint@v0.64.0
for module in manifests/aws manifests/aws/modules/pool manifests/fargate; do
  "$tools/tflint" --chdir "$module"
done
