#!/usr/bin/env bash
# Installs what the named parts need from Debian's packages, if it is not there yet: build, run, test, e2e, frameworks, check,
# image, fuzz.
# usage: scripts/install-packages.sh PART…
set -euo pipefail

declare -A packages=(
  [build]="g++ cmake ninja-build pkg-config libcpp-httplib-dev libhiredis-dev rapidjson-dev prometheus-cpp-dev
           libcli11-dev libspdlog-dev libyaml-cpp-dev libssl-dev zlib1g-dev"
  [run]="redis-server redis-tools curl ca-certificates"
  [test]="catch2 redis-server redis-tools openssl curl python3 python3-jsonschema python3-pytest python3-yaml libfaketime"
  [e2e]="openssl python3 python3-pytest python3-yaml redis-server redis-tools"
  [frameworks]="python3 python3-pytest python3-venv redis-server ruby-sidekiq
               php-cli php-illuminate-bus php-illuminate-events php-illuminate-queue php-illuminate-redis php-redis"
  [check]="clang-format-14 clang-tidy-14 git python3-venv"
  [image]="ca-certificates"
  [fuzz]="clang-14 libclang-rt-14-dev"
)

missing=()
for part in "$@"; do
  for package in ${packages[$part]}; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
done
# A chroot fresh from debootstrap has no /etc/hosts, and so no localhost for the tests.
getent ahosts localhost > /dev/null || missing+=(libnss-myhostname)
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ]; then
  echo "These Debian packages are missing; install them as root: ${missing[*]}" >&2
  exit 1
fi
echo "Installing: ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
