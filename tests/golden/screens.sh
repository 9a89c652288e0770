#!/bin/bash
# screens.sh [--update]: what `forktrace view` draws, compared with the stored screens (make golden stores them anew);
# and how it treats a terminal (terminal.py).
# The traces are real runs, cut to what was written: uwsgi.ftrace is `uwsgi --master --workers 2 --enable-threads`
# whose app starts a thread; waits.ftrace a C program whose child waits for a mutex of a thread it has not got.
cd "$(dirname "$0")" || exit 2
forktrace=${B:-$PWD/../../build}/forktrace
export TERM=xterm TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 NO_COLOR=1

# screen                 trace          size    options  keys
screens="
uwsgi-80x24              uwsgi.ftrace   80x24   -
uwsgi-200x50             uwsgi.ftrace   200x50  -
uwsgi-120x40-ascii       uwsgi.ftrace   120x40  --ascii
uwsgi-zoom               uwsgi.ftrace   80x24   -        ++++++<Right><Right>
uwsgi-ghost              uwsgi.ftrace   80x24   -        jjj
uwsgi-creator            uwsgi.ftrace   80x24   -        jjjp
uwsgi-back               uwsgi.ftrace   80x24   -        jjjpb
uwsgi-folded             uwsgi.ftrace   80x24   -        <Space>
uwsgi-find               uwsgi.ftrace   80x24   -        /kill<Enter>
uwsgi-not-found          uwsgi.ftrace   80x24   -        /nothing<lt>here<Enter>
uwsgi-time               uwsgi.ftrace   80x24   -        t1.5s<Enter>
uwsgi-trouble            uwsgi.ftrace   80x24   -        nn
uwsgi-details            uwsgi.ftrace   80x24   -        <Tab>jjjj
uwsgi-help               uwsgi.ftrace   80x24   -        ?
uwsgi-help-end           uwsgi.ftrace   100x30  --ascii  ?G
uwsgi-20x6               uwsgi.ftrace   20x6    -
waits-80x24              waits.ftrace   80x24   -
waits-80x24-ascii        waits.ftrace   80x24   --ascii
waits-200x50             waits.ftrace   200x50  -
waits-deadlock           waits.ftrace   80x24   -        nn
waits-owner              waits.ftrace   80x24   -        nn<Enter>
waits-signal             waits.ftrace   150x24  -        /sigusr1<Enter>
waits-last               waits.ftrace   80x24   -        G
"

passed=0 failed=0
while read -r name trace size option keys; do
    [ -n "$name" ] || continue
    [ "$option" = - ] && option=
    # shellcheck disable=SC2086
    got=$("$forktrace" view --no-symbols $option --size "$size" --script "$keys" "$trace" 2>&1; echo "status $?")
    stored=screens/$name.txt
    if [ "$1" = --update ]; then
        printf '%s\n' "$got" > "$stored"
    elif difference=$(diff -u "$stored" - <<< "$got"); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf '%s differs:\n%s\n' "$name" "$difference"
    fi
done <<< "$screens"
[ "$1" = --update ] && exit
unset NO_COLOR
read -r p _ f _ < <(./terminal.py "$forktrace" | tee /dev/stderr | tail -1)
echo "$((passed + ${p:-0})) passed, $((failed + ${f:-1})) failed"
[ "$((failed + ${f:-1}))" -eq 0 ]
