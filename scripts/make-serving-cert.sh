#!/usr/bin/env bash
# Gives the server a serving certificate for manifests/server/components/mounted-certificate: a Secret for the pods, and its CA for the
# APIService, so that kube-apiserver knows whom it talks to. For who wants neither the server (--tls-self-managed) nor cert-manager to
# write these. Needs kubectl and OpenSSL 3. The CA's key is thrown away once it has signed. To renew, run it again: the server takes the new pair into use as soon as the kubelet
# has brought it, and the CA of the old one stays trusted meanwhile.
#   usage: scripts/make-serving-cert.sh [DAYS]      valid for a year unless told otherwise
set -euo pipefail

days=${1:-365}
namespace=queue-metrics
service=queue-metrics-server
apiservice=v1beta1.external.metrics.k8s.io

umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/openssl.cnf" <<END
[req]
distinguished_name = subject
[subject]
[ca]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:$service.$namespace.svc
END
certificate() { # NAME OPTIONS...: a new key and its certificate
  local name=$1; shift
  openssl req -config "$work/openssl.cnf" -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$days" \
    -keyout "$work/$name.key" -out "$work/$name.crt" "$@"
}
certificate ca -subj "/CN=$service-ca" -extensions ca
certificate tls -subj "/CN=$service" -extensions server -CA "$work/ca.crt" -CAkey "$work/ca.key"

# First trust, then use: no moment in which the server has a certificate that kube-apiserver refuses.
kubectl get apiservice "$apiservice" -o jsonpath='{.spec.caBundle}' | base64 -d > "$work/old.crt"
if [ -s "$work/old.crt" ]; then
  openssl x509 -in "$work/old.crt" >> "$work/ca.crt" # Only the first: the one before it is no longer in use.
fi
kubectl patch apiservice "$apiservice" --type=merge -p "{\"spec\":{\"caBundle\":\"$(base64 -w0 "$work/ca.crt")\"}}"
# Server-side, because client-side apply would copy the key into an annotation.
kubectl create secret tls "$service-tls" -n "$namespace" --cert="$work/tls.crt" --key="$work/tls.key" --dry-run=client -o yaml |
  kubectl apply --server-side -f -
