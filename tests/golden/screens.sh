#!/bin/bash
# screens.sh [--update]: what `forktrace view` draws and `forktrace diff` says, compared with the stored screens (make golden stores them anew);
# and how it treats a terminal (terminal.py).
# The traces are real runs, cut to what was written: uwsgi.ftrace is `uwsgi --master --workers 2 --enable-threads`
# whose app starts a thread; values.ftrace the same with a watch (`record -w py:ticker.i`), so that every write of the
# app's global is there; waits.ftrace a C program whose child waits for a mutex of a thread it has not got; the others
# are made by stories.py.
cd "$(dirname "$0")" || exit 2
forktrace=${B:-$PWD/../../build}/forktrace
export TERM=xterm TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 NO_COLOR=1

# screen                 trace          size    options  keys
screens="
uwsgi-80x24              uwsgi.ftrace   80x24   -
uwsgi-200x50             uwsgi.ftrace   200x50  -
uwsgi-120x40-ascii       uwsgi.ftrace   120x40  --ascii
uwsgi-zoom               uwsgi.ftrace   80x24   -        ++++++<Right><Right>
uwsgi-ghost              uwsgi.ftrace   80x24   -        jjjj
uwsgi-creator            uwsgi.ftrace   80x24   -        jjjjp
uwsgi-back               uwsgi.ftrace   80x24   -        jjjjpb
uwsgi-folded             uwsgi.ftrace   80x24   -        <Space>
uwsgi-find               uwsgi.ftrace   80x24   -        /kill<Enter>
uwsgi-not-found          uwsgi.ftrace   80x24   -        /nothing<lt>here<Enter>
uwsgi-time               uwsgi.ftrace   80x24   -        t1.5s<Enter>
uwsgi-trouble            uwsgi.ftrace   80x24   -        nnnn
uwsgi-details            uwsgi.ftrace   80x24   -        <Tab>jjjj
uwsgi-help               uwsgi.ftrace   80x24   -        ?
uwsgi-help-end           uwsgi.ftrace   100x30  --ascii  ?G
uwsgi-20x6               uwsgi.ftrace   20x6    -
values-80x24             values.ftrace  80x24   -
values-80x24-ascii       values.ftrace  80x24   --ascii
values-200x50            values.ftrace  200x50  -
values-copies            values.ftrace  120x40  -        jj
values-worker            values.ftrace  120x40  -        jjjjj
values-steps             values.ftrace  80x24   -        jjlllllh
values-writer            values.ftrace  80x24   -        jjlllll<Enter>
values-from-writer       values.ftrace  80x24   -        jlll<Enter>
values-parent            values.ftrace  80x24   -        jjjjj<Enter>
values-zoom              values.ftrace  120x40  -        jjll++
values-all               values.ftrace  120x40  -        v
values-none              values.ftrace  120x40  -        vv
values-findings          values.ftrace  80x24   -        n
values-finding-go        values.ftrace  120x40  -        nn<Enter>
values-finding-back      values.ftrace  80x24   -        njjN
values-details           values.ftrace  80x24   -        <Tab>G
uwsgi-idle               uwsgi.ftrace   80x24   -        z
uwsgi-idle-ascii         uwsgi.ftrace   80x24   --ascii  z
uwsgi-idle-zoom          uwsgi.ftrace   120x40  -        z++ll
uwsgi-selection          uwsgi.ftrace   80x24   -        s]]]]]]]]]]
uwsgi-selected           uwsgi.ftrace   80x24   -        s]]]]]]]]]]s
uwsgi-filter             uwsgi.ftrace   80x24   -        &t:ticker<Enter>
uwsgi-filter-kind        uwsgi.ftrace   80x24   -        &k:sigaction<Space>!hup<Enter>
uwsgi-filter-wrong       uwsgi.ftrace   80x24   -        &(<Enter>
uwsgi-filter-typing      uwsgi.ftrace   80x24   -        jjjj&t:worker
uwsgi-filter-forgotten   uwsgi.ftrace   80x24   -        jjjj&t:worker<Esc>
uwsgi-filter-again       uwsgi.ftrace   80x24   -        &hup<Enter><Esc>&<Up>
uwsgi-family             uwsgi.ftrace   80x24   -        jjjjo
uwsgi-families           uwsgi.ftrace   80x24   -        jjjxjjjjxo
uwsgi-help-wide          uwsgi.ftrace   200x50  -        ?
uwsgi-replay             uwsgi.ftrace   120x40  -        rllllllllllllll
uwsgi-copied             uwsgi.ftrace   80x24   -        y
uwsgi-time-late          uwsgi.ftrace   80x24   -        t400<Enter>
uwsgi-back-to-finding    uwsgi.ftrace   80x24   -        n<Enter><Enter>bb
uwsgi-prompts            uwsgi.ftrace   80x24   -        /wörd
uwsgi-search-regex       uwsgi.ftrace   80x24   -        /^kill.*hup<Enter>
uwsgi-handler-history    uwsgi.ftrace   120x50  -        /sigaction:<Space>sigint<Enter>...
waits-80x24              waits.ftrace   80x24   -
waits-80x24-ascii        waits.ftrace   80x24   --ascii
waits-200x50             waits.ftrace   200x50  -
waits-deadlock           waits.ftrace   80x24   -        jjjl
waits-owner              waits.ftrace   80x24   -        jjjl<Enter>
waits-signal             waits.ftrace   150x24  -        /sigusr1<Enter>
waits-last               waits.ftrace   80x24   -        G
gunicorn-80x24           gunicorn.ftrace 80x24  -
gunicorn-120x40-ascii    gunicorn.ftrace 120x40 --ascii
gunicorn-200x50          gunicorn.ftrace 200x50 -
gunicorn-more            gunicorn.ftrace 80x24  -        }}}}
gunicorn-less            gunicorn.ftrace 200x50 -        {{{{
gunicorn-wait            gunicorn.ftrace 120x40 -        <Enter>jl
reloader-80x24           reloader.ftrace 80x24  -
reloader-120x40-ascii    reloader.ftrace 120x40 --ascii
reloader-200x50          reloader.ftrace 200x50 -
reloader-holder          reloader.ftrace 120x40 -        <Enter><Tab>
race-80x24               race.ftrace    80x24   -
race-120x40-ascii        race.ftrace    120x40  --ascii
race-200x50              race.ftrace    200x50  -
race-writes              race.ftrace    120x40  -        <Enter>++++
gevent-80x24             gevent.ftrace  80x24   -
gevent-120x40-ascii      gevent.ftrace  120x40  --ascii
gevent-200x50            gevent.ftrace  200x50  -
gevent-greenlet          gevent.ftrace  120x40  -        jj
hostile-80x24            hostile.ftrace 80x24   -
hostile-200x50-ascii     hostile.ftrace 200x50  --ascii
hostile-details          hostile.ftrace 100x40  -        jj<Tab>
hostile-find             hostile.ftrace 80x24   -        /long<Enter>
kernel-80x24             kernel.ftrace  80x24   -
kernel-arrow             kernel.ftrace  150x24  -        /^kill.*usr1<Enter>
kernel-taken             kernel.ftrace  150x24  -        jl
kernel-stranger          kernel.ftrace  150x24  -        jjjl
"

# text                   A              B: what `forktrace diff` says of them
diffs="
diff-flask-uwsgi         flask.ftrace   uwsgi.ftrace
diff-uwsgi-gunicorn      uwsgi.ftrace   gunicorn.ftrace
diff-same                uwsgi.ftrace   uwsgi.ftrace
diff-hostile             hostile.ftrace race.ftrace
"

passed=0 failed=0
# compare NAME TEXT: with what is stored, or store it
compare() {
    local stored=screens/$1.txt difference
    if [ "$update" ]; then
        printf '%s\n' "$2" > "$stored"
    elif difference=$(diff -u "$stored" - <<< "$2"); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf '%s differs:\n%s\n' "$1" "$difference"
    fi
}
update=
[ "$1" = --update ] && update=yes
while read -r name trace size option keys; do
    [ -n "$name" ] || continue
    [ "$option" = - ] && option=
    # shellcheck disable=SC2086
    got=$("$forktrace" view --no-symbols $option --size "$size" --script "$keys" "$trace" 2>&1; echo "status $?")
    compare "$name" "$got"
done <<< "$screens"
while read -r name a b; do
    [ -n "$name" ] || continue
    compare "$name" "$("$forktrace" diff --no-symbols "$a" "$b" 2>&1; echo "status $?")"
done <<< "$diffs"
[ "$update" ] && exit
unset NO_COLOR
read -r p _ f _ < <(./terminal.py "$forktrace" | tee /dev/stderr | tail -1)
echo "$((passed + ${p:-0})) passed, $((failed + ${f:-1})) failed"
[ "$((failed + ${f:-1}))" -eq 0 ]
