#!/bin/bash
# demo.sh: why does the count stand still? Debian's uWSGI with a Flask app, whose thread counts up a
# global, recorded from its start to its stop; then the report, and on a terminal the screen.
set -eu
cd "$(dirname "$0")/.."
B=$(realpath "${B:-build}")
trace=$B/demo.ftrace log=$B/demo.log
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
rm -f "$trace"

say() { printf '\n\033[1m%s\033[m\n' "$*"; }
[ -t 1 ] || say() { printf '\n== %s\n' "$*"; }

say "uWSGI: a master and two workers; tests/scenarios/apps/ticker.py counts up 10 times a second"
command="uwsgi --plugin python3 --http-socket 127.0.0.1:$port --master --workers 2 --enable-threads
         --wsgi-file tests/scenarios/apps/ticker.py --callable app"
# shellcheck disable=SC2086 # on one line
echo "LD_PRELOAD=libforktrace.so" $command
LD_PRELOAD=$B/libforktrace.so FORKTRACE_OUT=$trace PYTHONDONTWRITEBYTECODE=1 $command >"$log" 2>&1 &
uwsgi=$!
trap 'kill -KILL $uwsgi 2>/dev/null || true' EXIT

ask() { curl --silent --fail --noproxy '*' --max-time 5 "http://127.0.0.1:$port/"; }
for _ in $(seq 100); do
    ask >/dev/null && break
    kill -0 $uwsgi 2>/dev/null || { cat "$log" >&2; exit 1; }
    sleep 0.1
done

printf 'the count, asked for 20 times in 2 seconds:'
for _ in $(seq 20); do
    printf ' %s' "$(ask)"
    sleep 0.1
done
echo
kill -INT $uwsgi
wait $uwsgi
trap - EXIT

say "forktrace report build/demo.ftrace"
"$B/forktrace" report "$trace"

if [ -t 0 ] && [ -t 1 ]; then
    exec "$B/forktrace" view "$trace"
fi
say "To see it drawn: $(realpath --relative-to=. "$B")/forktrace view $(realpath --relative-to=. "$trace")"
