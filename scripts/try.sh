#!/usr/bin/env bash
# Builds the server, runs it against a Redis (REDIS_URL, or a local one of its own), pushes jobs and shows what the HPA
# would read. Keeps serving until Ctrl-C, then leaves nothing behind.
# usage: [REDIS_URL=redis://…] [PORT=8443] scripts/try.sh
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-packages.sh build run
scripts/build.sh

dir=$(mktemp -d)
pids=()
cleanup() {
  trap - EXIT INT TERM
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 0' INT TERM

if [ -n "${REDIS_URL:-}" ]; then
  queue=queue-metrics-try  # Not a name that workers of yours wait on.
  redis() { redis-cli -u "$REDIS_URL" "$@" 2>/dev/null; }
else
  queue=evaluation-jobs
  redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --dir "$dir" --daemonize no > "$dir/redis.log" &
  pids+=($!)
  export REDIS_URL="unix://$dir/redis.sock"
  redis() { redis-cli -s "$dir/redis.sock" "$@"; }
  until redis ping > /dev/null 2>&1; do sleep 0.1; done
fi

port=${PORT:-8443}
if [ -z "${PORT:-}" ] && (exec 3<> /dev/tcp/127.0.0.1/8443) 2> /dev/null; then
  port=0  # Somebody else's; any other will do.
fi
build/release/queue-metrics-server serve --auth none --bind-address 127.0.0.1 --secure-port "$port" \
  --tls-ca-out-file "$dir/ca.crt" --shutdown-delay-duration 0s > "$dir/listening" &
pids+=($!)
server=$!
until [ -s "$dir/listening" ]; do
  kill -0 "$server" 2> /dev/null || exit 1
  sleep 0.05
done
url=$(sed -n 's/^listening on //p' "$dir/listening")
metric="$url/apis/external.metrics.k8s.io/v1beta1/namespaces/default/redis_queue_length?labelSelector=queue%3D$queue"

show() {
  printf '\n$ %s\n' "$1"
  eval "$1"
  echo
}
redis rpush "$queue" one two three > /dev/null
echo
echo "Three jobs are in the list \"$queue\". What the HPA reads:"
show "curl -sS --cacert $dir/ca.crt '$metric'"
redis lpop "$queue" > /dev/null
echo "One job was taken:"
show "curl -s --cacert $dir/ca.crt '$metric' | grep value"
redis del "$queue" > /dev/null
echo "The queue is empty:"
show "curl -s --cacert $dir/ca.crt '$metric' | grep value"
echo "Serving on $url with Redis at $REDIS_URL; Ctrl-C ends it."
wait "$server"
