/* test_findings_calls.c: rules about calls, connections and Python's values, each on a sick timeline and its
 * healthy twin; and that each rule has a lesson. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "build_trace.h"
#include "viewer/findings/findings.h"
#include "viewer/lesson.h"

TestSuite(calls, .init = trace_begin, .fini = trace_end);

#define A_WHILE 60000 /* us: longer than a moment */
#define LOCK    0x7f0000001000

/* How many findings of a rule; *first: one of them. */
static size_t found(const uint32_t *alive, enum rule_id rule, const struct finding **first)
{
    struct findings *f = findings_find(trace_timeline(alive));
    size_t count = 0;
    cr_assert(f);
    for (size_t i = 0; i < f->count; i++)
        if (f->list[i]->rule == rule && !count++ && first) *first = f->list[i];
    return count;
}

static void expect(const uint32_t *alive, enum rule_id rule, enum severity severity, const char *subject)
{
    const struct finding *x = NULL;
    cr_assert_eq(found(alive, rule, &x), 1);
    cr_expect_eq(x->severity, severity, "%s", x->title);
    cr_expect_str_eq(x->subject, subject);
    cr_expect(*x->title && *x->explanation && x->evidence.count, "%s", x->title);
}

static const uint32_t both[] = {100, 101, 0};
static ft_ref root, thread, child;

static void forked(bool with_a_thread)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    if (with_a_thread) thread = trace_thread_at(root, 100, 110, 0xabc);
    child = trace_forked(root, 101);
}

/* --- unsafe-call-after-fork, stdio-duplicated, atfork-handler, reaped-by-stranger ---------------- */

Test(calls, that_are_unsafe_after_a_fork)
{
    forked(true);
    trace_unsafe_call(child, FT_UNSAFE_localtime_r);
    trace_unsafe_call(child, FT_UNSAFE_mktime); /* the same lock */
    expect(both, RULE_unsafe_call, SEVERITY_WARNING, "localtime");
}

Test(calls, that_glibc_copes_with)
{
    forked(true);
    trace_unsafe_call(child, FT_UNSAFE_pthread_create);
    expect(both, RULE_unsafe_call, SEVERITY_NOTE, "pthread_create");
}

Test(calls, of_a_child_without_ghosts_are_safe)
{
    forked(false);
    trace_unsafe_call(child, FT_UNSAFE_localtime_r);
    cr_expect_eq(found(both, RULE_unsafe_call, NULL), 0);
}

static size_t lines_written_twice(bool child_writes, enum ft_exit_api parent_leaves_by)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    child = trace_fork(root, FT_FORK_fork, 101);
    trace_stdio(root, child, 0x5000, FT_STDIO_PENDING);
    trace_child(child, 101);
    if (child_writes) trace_stdio(child, child, 0x5000, FT_STDIO_WRITTEN);
    trace_exit(child, FT_EXIT_exit, 0);
    trace_reap(root, 101, 0);
    trace_exit(root, parent_leaves_by, 0);
    if (parent_leaves_by == FT_EXIT_exit) trace_exit(root, FT_EXIT_end, 0);
    return found(NULL, RULE_stdio_duplicated, NULL);
}

Test(calls, that_write_a_buffer_twice) { cr_expect_eq(lines_written_twice(true, FT_EXIT_exit), 1); }
Test(calls, that_write_it_in_the_parent_only) { cr_expect_eq(lines_written_twice(false, FT_EXIT_exit), 0); }
Test(calls, that_write_it_in_the_child_only) { cr_expect_eq(lines_written_twice(true, FT_EXIT__exit), 0); }

static size_t handlers(uint64_t ns)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_object(root, "/opt/libslow.so", 0x10000, 0x20000);
    trace_atfork(root, 0x10100, FT_ATFORK_prepare, ns);
    child = trace_forked(root, 101);
    return found(both, RULE_atfork_handler, NULL);
}

Test(calls, of_slow_fork_handlers) { cr_expect_eq(handlers(5000000), 1); }
Test(calls, of_quick_fork_handlers) { cr_expect_eq(handlers(5000), 0); }

static size_t waits_in_vain(bool somebody_else)
{
    forked(true);
    trace_exit(child, FT_EXIT__exit, 3);
    trace_object(root, "/opt/prog", 0x10000, 0x20000);
    if (somebody_else) trace_reap(thread, 101, 3 << 8);
    trace_no_child(root, somebody_else ? 101 : 999, 0x10200);
    return found((uint32_t[]){100, 0}, RULE_reaped_by_stranger, NULL);
}

Test(calls, that_wait_for_what_another_thread_reaped) { cr_expect_eq(waits_in_vain(true), 1); }
Test(calls, that_wait_for_nobody_s_child) { cr_expect_eq(waits_in_vain(false), 0); }

/* --- connections --------------------------------------------------------------------------------- */

/* Two ask, each sends and reads: the other's question comes between the one's and its answer. */
static void ask_in_turn(ft_ref a, ft_ref b, uint16_t held)
{
    for (uint32_t turn = 1; turn <= 6; turn += 2) {
        trace_fd_use(a, (struct trace_use){FT_FD_WRITES, turn, b, 0, held, FT_FD_CONNECTED});
        trace_fd_use(b, (struct trace_use){FT_FD_WRITES, turn + 1, a, 0, held, FT_FD_CONNECTED});
        trace_fd_use(a, (struct trace_use){FT_FD_READS, turn, b, 0, held, FT_FD_CONNECTED});
        trace_fd_use(b, (struct trace_use){FT_FD_READS, turn + 1, a, 0, held, FT_FD_CONNECTED});
    }
}

static size_t threads_ask(uint16_t held)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    thread = trace_thread_at(root, 100, 110, 0xabc);
    ask_in_turn(root, thread, held);
    return found((uint32_t[]){100, 0}, RULE_fd_shared_by_threads, NULL);
}

Test(calls, of_threads_cross_on_a_connection) { cr_expect_eq(threads_ask(0), 1); }
Test(calls, of_threads_under_a_lock_do_not) { cr_expect_eq(threads_ask(0x1235), 0); }

Test(calls, of_parent_and_child_share_a_connection)
{
    forked(false);
    trace_fd_use(child, (struct trace_use){FT_FD_WRITES, 1, root, 0, 0, FT_FD_CONNECTED});
    trace_fd_use(root, (struct trace_use){FT_FD_WRITES, 2, child, 0, 0, FT_FD_CONNECTED});
    expect(both, RULE_fd_shared_after_fork, SEVERITY_WARNING, "a connection of prog");
}

Test(calls, of_a_child_that_was_given_the_connection)
{
    forked(false);
    trace_fd_use(child, (struct trace_use){FT_FD_WRITES, 1, root, 0, 0, FT_FD_CONNECTED});
    cr_expect_eq(found(both, RULE_fd_shared_after_fork, NULL), 0);
}

/* --- Python's values ------------------------------------------------------------------------------ */

/* Three threads count; each read the value before `lost` others wrote theirs. */
static void count(ft_ref *threads, int rounds, int lost, uint16_t held)
{
    trace_py_global(root, "total", FT_PY_KIND_int, 0);
    trace_py_write(root, "total", 0, 0, true);
    int64_t total = 0;
    for (int i = 0; i < rounds; i++) {
        if (!lost || i % (lost + 1) == 0) total++;
        trace_py_write(threads[i % 3], "total", total, held, false);
    }
}

static void count_with(int lost, uint16_t held)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    ft_ref threads[3];
    for (uint32_t i = 0; i < 3; i++) threads[i] = trace_thread_at(root, 100, 110 + i, 0xabc + i);
    count(threads, 30, lost, held);
}

Test(calls, that_count_without_a_lock_and_lose)
{
    count_with(2, 0);
    expect((uint32_t[]){100, 0}, RULE_racy_writes, SEVERITY_WARNING, "app.total");
}

Test(calls, that_count_without_a_lock_and_are_lucky)
{
    count_with(0, 0);
    expect((uint32_t[]){100, 0}, RULE_racy_writes, SEVERITY_NOTE, "app.total");
}

Test(calls, that_count_under_a_lock)
{
    count_with(0, 0x1235);
    cr_expect_eq(found((uint32_t[]){100, 0}, RULE_racy_writes, NULL), 0);
}

/* A Python thread holds a semaphore at a fork, which a global is bound to or not; the child may make it anew.
 */
static void held_in_python(bool bound, uint64_t in_child)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py");
    thread = trace_thread_at(root, 100, 110, 0xabc);
    trace_py_thread(root, thread, "holder");
    if (bound) trace_py_global(root, "lock", FT_PY_KIND_lock, LOCK);
    child = trace_fork(root, FT_FORK_fork, 101);
    trace_held_of(root, child, thread, LOCK, FT_WAIT_sem);
    if (bound) trace_py_value(root, child, "lock", FT_PY_KIND_lock, LOCK);
    trace_child(child, 101);
    if (in_child) trace_py_global(child, "lock", FT_PY_KIND_lock, in_child);
}

Test(calls, that_leave_a_global_lock_held)
{
    held_in_python(true, 0);
    expect(both, RULE_lock_held, SEVERITY_WARNING, "app.lock");
}

Test(calls, that_leave_a_lock_held_which_is_made_anew)
{
    held_in_python(true, LOCK + 0x40);
    cr_expect_eq(found(both, RULE_lock_held, NULL), 0);
}

Test(calls, that_leave_a_lock_of_python_s_own)
{
    held_in_python(false, 0);
    cr_expect_eq(found(both, RULE_lock_held, NULL), 0);
}

/* --- lessons ---------------------------------------------------------------------------------------- */

Test(calls, every_rule_has_a_lesson)
{
    for (enum rule_id rule = 0; rule < RULE_COUNT; rule++) {
        size_t pairs = 0;
        for (enum language l = 0; l < LANGUAGE_COUNT; l++) {
            bool sick = lesson_source(rule, l, false), fixed = lesson_source(rule, l, true);
            cr_expect_eq(sick, fixed, "%s: half a lesson", finding_rules[rule].name);
            pairs += sick && fixed;
        }
        cr_expect(pairs, "%s has none", finding_rules[rule].name);
    }
}
