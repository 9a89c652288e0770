#!/bin/bash
# deps.sh: install what building, testing and the demo need and this Debian does not have yet.
set -eu

build="gcc libc6-dev make pkg-config libelf-dev libdw-dev libcjson-dev libncurses-dev"
tests="libcriterion-dev musl-tools python3 procps tmux"
servers="uwsgi-core uwsgi-plugin-python3 python3-flask gunicorn python3-gevent curl"

missing=()
for package in $build $tests $servers; do
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
    *" installed") ;;
    *) missing+=("$package") ;;
    esac
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "forktrace: packages are missing: sudo apt-get install ${missing[*]}" >&2
    exit 2
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q -o Acquire::Retries=3 update
apt-get -q -y --no-install-recommends -o Acquire::Retries=3 install "${missing[@]}" </dev/null
