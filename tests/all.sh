#!/bin/bash
# all.sh: run every suite, whatever the others said, and end with their sum: N passed, N failed.
# The sum is left in $B/tests/sum, the output of each suite in $B/tests/SUITE.log.
cd "$(dirname "$0")/.." || exit 2
logs=${B:-build}/tests
mkdir -p "$logs"
rm -f "$logs/sum"

# "passed failed skipped" of a log: Criterion prints a Synthesis a program, our runners one last line.
count() {
    awk '{ gsub(/\033\[[0-9;]*m/, "") }
         /Synthesis: Tested:/ { for (i = 1; i < NF; i++) {
                                    if ($i == "Passing:") passed += $(i + 1)
                                    if ($i == "Failing:" || $i == "Crashing:") failed += $(i + 1) } }
         /^[0-9]+ passed, [0-9]+ failed/ { p = $1; f = $3; s = $5 + 0 }
         END { print passed + p, failed + f, s + 0 }' "$1"
}

passed=0 failed=0 skipped=0
for suite in unit fixtures witness scenarios screens; do
    echo "== make $suite"
    ${MAKE:-make} --no-print-directory "$suite" 2>&1 | tee "$logs/$suite.log"
    status=${PIPESTATUS[0]}
    read -r p f s < <(count "$logs/$suite.log")
    if [ "$f" -eq 0 ] && { [ "$status" -ne 0 ] || [ $((p + s)) -eq 0 ]; }; then
        echo "make $suite ended with $status after $p tests: that counts as a failure"
        f=1
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
[ "$skipped" -eq 0 ] || echo "$skipped skipped: the reasons are above"
echo "$passed passed, $failed failed" | tee "$logs/sum"
[ "$failed" -eq 0 ]
