#!/usr/bin/env bash
# Collects everything a container needs to run a program: the program itself, stripped, the libraries it loads, the CAs of this system,
# and dpkg's description of the packages these come from, where scanners look for it.
#   usage: scripts/make-image-root.sh PROGRAM FOLDER
set -euo pipefail

program=$1
root=$2
mkdir -p "$root/var/lib/dpkg/status.d"
install --strip "$program" "$root/"
files=$(ldd "$program" | grep -o '/[^ ]*')
files+=$'\n'/etc/ssl/certs/ca-certificates.crt
for file in $files; do
  cp --dereference --parents "$file" "$root/"
done

# A library is known to dpkg by the one of its paths that is in its package; CAs come from theirs by a script.
for file in $files; do
  { dpkg-query --search "$(readlink -f "$file")" || dpkg-query --search "/${file#/usr/}" || true; } 2> /dev/null | cut -d: -f1
done | sort -u | { cat; echo ca-certificates; } | while read -r package; do
  dpkg-query --status "$package" > "$root/var/lib/dpkg/status.d/$package"
done
