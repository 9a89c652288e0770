/* test_findings_locks.c: locks whose owner is lost at a fork, and whoever waits for them. */
#include <signal.h>
#include <string.h>

#include "find_one.h"

TestSuite(findings_locks, .init = trace_begin, .fini = trace_end);

Test(findings_locks, a_child_that_waits_for_a_ghost)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    thread = trace_thread_at(root, 100, 110, 0xabc);
    ft_ref fork = trace_fork(root, FT_FORK_fork, 101);
    trace_held(root, fork, thread, SOME_LOCK);
    trace_child(fork, 101);
    trace_waiting(fork, SOME_LOCK, 110);
    const struct finding *x = one((uint32_t[]){100, 101, 0}, RULE_child_deadlock);
    expect_severity(x, SEVERITY_ERROR);
    cr_expect_eq(x->processes.count, 1);
    cr_expect_eq(x->processes.list[0], 1);
    cr_expect_eq(found->list[0], x, "the worst comes first");
    bool held = false;
    for (size_t i = 0; i < found->count; i++) held |= found->list[i]->rule == RULE_lock_held;
    cr_expect(held);
}

Test(findings_locks, a_wait_with_a_time_limit_is_not_for_ever)
{
    forked_with_a_thread(0);
    struct ft_wait_slot *slot = trace_waiting(child, SOME_LOCK, 110);
    usleep(1100000); /* one that gives up is not told before a second */
    trace_thread_name(root, 0xabc, "later");
    for (unsigned timed = FT_TIMED_UNKNOWN; timed <= FT_TIMED; timed++) {
        slot->timed = (uint16_t)timed;
        const struct finding *x = one((uint32_t[]){100, 101, 0}, RULE_child_deadlock);
        expect_severity(x, timed == FT_TIMED ? SEVERITY_WARNING : SEVERITY_ERROR);
        cr_expect_eq(!strstr(x->title, "for ever"), timed == FT_TIMED, "%s", x->title);
        cr_expect_eq(!!strstr(x->explanation, "has a time limit"), timed == FT_TIMED, "%s", x->explanation);
    }
}

Test(findings_locks, a_wait_for_a_thread_that_is_there_is_no_deadlock)
{
    forked_with_a_thread(0);
    ft_ref own = trace_thread_at(child, 101, 111, 0xdef);
    (void)own;
    trace_waiting(child, SOME_LOCK, 111);
    cr_expect_null(one((uint32_t[]){100, 101, 0}, RULE_child_deadlock));
}

Test(findings_locks, a_lock_the_forking_thread_holds_is_its_own)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_thread_at(root, 100, 110, 0xabc);
    ft_ref fork = trace_fork(root, FT_FORK_fork, 101);
    trace_held(root, fork, root, SOME_LOCK);
    trace_child(fork, 101);
    cr_expect_null(one((uint32_t[]){100, 101, 0}, RULE_lock_held));
}

/* A child forked while a thread holds a lock, that ends by itself; the parent goes on. */
static void held_at_the_fork(bool told_to_end, bool waits)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    thread = trace_thread_at(root, 100, 110, 0xabc);
    child = trace_fork(root, FT_FORK_fork, 101);
    trace_held(root, child, thread, SOME_LOCK);
    trace_child(child, 101);
    if (waits) trace_waiting(child, SOME_LOCK, 110);
    usleep(A_WHILE);
    if (told_to_end) trace_kill(root, FT_KILL_kill, 101, SIGTERM);
    trace_exit(child, FT_EXIT__exit, 0);
    trace_reap(root, 101, 0);
    trace_thread_name(root, 0xabc, "later");
}

Test(findings_locks, a_lock_held_at_the_fork_of_a_job)
{
    held_at_the_fork(false, false);
    const struct finding *x = one((uint32_t[]){100, 0}, RULE_lock_held);
    expect_severity(x, SEVERITY_NOTE);
    cr_expect(strstr(x->explanation, "did without it"), "%s", x->explanation);
}

Test(findings_locks, a_lock_held_at_the_fork_of_a_worker)
{
    held_at_the_fork(true, false);
    const struct finding *x = one((uint32_t[]){100, 0}, RULE_lock_held);
    expect_severity(x, SEVERITY_WARNING);
    cr_expect_not(strstr(x->explanation, "did without it"), "%s", x->explanation);
}

Test(findings_locks, a_lock_held_at_the_fork_of_a_job_that_wants_it)
{
    held_at_the_fork(false, true);
    expect_severity(one((uint32_t[]){100, 0}, RULE_lock_held), SEVERITY_WARNING);
}

/* The same program in runs with other pids and addresses; and another owner of the lock. */
static void expect_print(uint32_t pid, uint64_t lock, const char *thread_name, bool same)
{
    static const char print[] = "child-deadlock:df3b2055b15068c5";
    root = trace_image(pid, 1, FT_BIRTH_ROOT, "prog");
    thread = trace_thread_at(root, pid, pid + 1, 0xabc);
    trace_thread_name(root, 0xabc, thread_name);
    child = trace_fork(root, FT_FORK_fork, (int32_t)pid + 2);
    trace_held(root, child, thread, lock);
    trace_child(child, pid + 2);
    trace_waiting(child, lock, pid + 1);
    const struct finding *x = one((uint32_t[]){pid, pid + 2, 0}, RULE_child_deadlock);
    cr_assert(x);
    cr_expect_eq(!strcmp(x->fingerprint, print), same, "%s of %s", x->fingerprint, x->subject);
}

Test(findings_locks, a_lock_is_known_by_its_owner) { expect_print(100, SOME_LOCK, "ticker", true); }
Test(findings_locks, not_by_its_address_or_pid) { expect_print(4000, SOME_LOCK + 0x5000, "ticker", true); }
Test(findings_locks, another_owner_is_another_lock) { expect_print(100, SOME_LOCK, "logger", false); }
