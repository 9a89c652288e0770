#!/bin/bash
# deps.sh [demo]: install what building, testing and the demo need and this Debian does not have yet; for the
# demo less is needed. No service is started: the servers are run by the tests, in places of their own.
set -eu

build="gcc libc6-dev make pkg-config libelf-dev libdw-dev libiberty-dev libzydis-dev libcjson-dev libncurses-dev
       clang-14 bpftool libbpf-dev zlib1g-dev"
# Of libcurl only the header is needed, and of its three packages there can be one.
compgen -G "/usr/include/*/curl/curl.h" >/dev/null || build="$build libcurl4-openssl-dev"
demo="python3 uwsgi-core uwsgi-plugin-python3 python3-flask curl"
tests="libcriterion-dev g++ musl-tools procps libcap2-bin tmux gunicorn python3-gevent python3-eventlet wrk"
servers="nginx apache2-bin apache2-utils postgresql-15 redis-tools clickhouse-server"
libraries="python3-numpy libopenblas0-pthread python3-pycurl libgomp1 librsvg2-bin"
[ "$(uname -m)" = x86_64 ] && tests="$tests gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static"
[ "${1:-}" = demo ] && tests="" servers="" libraries=""

missing=()
for package in $build $demo $tests $servers $libraries; do
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
# What packages start when they are installed asks this first (invoke-rc.d(8)); the answer is for us only.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    trap 'rm -f $policy' EXIT
fi
apt-get -q -o Acquire::Retries=3 update
apt-get -q -y --no-install-recommends -o Acquire::Retries=3 install "${missing[@]}" </dev/null
