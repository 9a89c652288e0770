/* test_timeline_unseen.c: what the library was not in, in the model. */
#include <errno.h>
#include <signal.h>

#include "build_trace.h"

TestSuite(timeline_unseen, .init = trace_begin, .fini = trace_end);

#define EXITED(status) ((status) << 8)

static void expect_covered(const struct timeline *t, process_id p)
{
    cr_expect_eq(t->processes[p].coverage, COVERAGE_FULL);
    cr_expect_null(t->processes[p].coverage_reason);
}

static void expect_blind(const struct timeline *t, process_id p, const char *why, const char *exe)
{
    const struct process *process = &t->processes[p];
    cr_expect_eq(process->coverage, COVERAGE_NONE);
    cr_assert(process->coverage_reason);
    cr_expect(!strncmp(process->coverage_reason, why, strlen(why)), "%s", process->coverage_reason);
    if (!exe) return;
    cr_assert(process->image_count);
    cr_expect_str_eq(process->images[process->image_count - 1].exe, exe);
}

Test(timeline_unseen, images_that_cannot_load_the_library)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    ft_ref child = trace_forked(root, 101);
    trace_exec(child, "/bin/static");
    trace_blind(child, 0, "/bin/static", FT_BLIND_STATIC);
    ft_ref spawn = trace_fork(root, FT_FORK_posix_spawn, 102);
    trace_blind(root, spawn, "/bin/su", FT_BLIND_SETUID);
    trace_reap(root, 101, EXITED(4));
    trace_reap(root, 102, SIGSEGV);
    trace_exit(root, FT_EXIT__exit, 0);
    struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(t->process_count, 3);
    expect_covered(t, 0);
    expect_blind(t, 1, "static: ", "/bin/static");
    cr_expect_eq(t->processes[1].status, 4);
    expect_blind(t, 2, "setuid: ", "/bin/su");
    cr_expect_eq(t->processes[2].signal, SIGSEGV);
    cr_expect_not(t->complete);
}

Test(timeline_unseen, a_system_call_filter_ends_recording)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    ft_ref sandbox = trace_forked(root, 101);
    trace_note(sandbox, FT_NOTE_SECCOMP, "getpid");
    ft_ref open = trace_forked(root, 102);
    trace_note(open, 0, "getpid"); /* the kernel refused the filter */
    trace_exit(open, FT_EXIT__exit, 0);
    trace_reap(root, 101, EXITED(3));
    trace_reap(root, 102, EXITED(0));
    trace_exit(root, FT_EXIT__exit, 0);
    struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(t->process_count, 3);
    expect_covered(t, 0);
    cr_expect_eq(t->processes[1].coverage, COVERAGE_NONE);
    cr_expect(strstr(t->processes[1].coverage_reason, "seccomp: "));
    cr_expect(strstr(t->processes[1].coverage_reason, "(getpid)"));
    cr_expect_eq(t->processes[1].status, 3);
    expect_covered(t, 2);
}

Test(timeline_unseen, children_libc_does_not_tell_and_calls_that_have_not_returned)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    ft_ref shell = trace_fork(root, FT_FORK_system, 1);
    trace_blind(root, shell, "/bin/sh", FT_BLIND_DISABLED);
    trace_reap_api(root, 0, EXITED(2), FT_REAP_system);
    trace_exit(root, FT_EXIT__exit, 0);
    struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(t->process_count, 2);
    expect_blind(t, 1, "disabled: ", "/bin/sh");
}

Test(timeline_unseen, an_exec_that_failed_blinds_nobody)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_exec(root, "/bin/static");
    trace_blind(root, 0, "/bin/static", FT_BLIND_STATIC);
    trace_exec_failed(root, "/bin/static", EACCES);
    trace_exit(root, FT_EXIT__exit, 0);
    expect_covered(trace_timeline(NULL), 0);
}

Test(timeline_unseen, a_blind_image_between_two_seen_ones)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_exec(root, "/bin/static");
    trace_blind(root, 0, "/bin/static", FT_BLIND_STATIC);
    ft_ref last = trace_image(100, 1, FT_BIRTH_EXEC, "/bin/dynamic");
    trace_exit(last, FT_EXIT__exit, 0);
    struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(t->process_count, 1);
    cr_assert_eq(t->processes[0].image_count, 3);
    cr_expect_str_eq(t->processes[0].images[1].exe, "/bin/static");
    expect_blind(t, 0, "static: ", NULL);
}

/* ld.so called by hand, a loader of another name: the file looked blind, and then it spoke. */
Test(timeline_unseen, what_speaks_is_not_blind)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_exec(root, "/bin/odd");
    trace_blind(root, 0, "/bin/odd", FT_BLIND_LOADER);
    ft_ref odd = trace_image(100, 1, FT_BIRTH_EXEC, "odd");
    trace_exit(odd, FT_EXIT__exit, 0);
    struct timeline *t = trace_timeline(NULL);
    cr_expect_eq(t->processes[0].image_count, 2);
    expect_covered(t, 0);
}

Test(timeline_unseen, raw_system_calls)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_reap(root, 101, EXITED(0)); /* a child nobody saw made */
    trace_forked(root, 102);          /* one that left by no function we know */
    trace_reap(root, 102, EXITED(0));
    trace_forked(root, 103); /* one that was killed says nothing either, and is seen all its life */
    trace_reap(root, 103, SIGKILL);
    trace_exit(trace_forked(root, 104), FT_EXIT__exit, 0);
    trace_reap(root, 104, EXITED(0));
    trace_exit(root, FT_EXIT__exit, 0);
    struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(t->process_count, 5);
    for (process_id p = 0; p < 5; p++) {
        if (t->processes[p].pid == 101)
            expect_blind(t, p, "raw clone: ", NULL);
        else if (t->processes[p].pid == 102)
            expect_blind(t, p, "raw system call: ", NULL);
        else
            expect_covered(t, p);
    }
}

/* --- signals, where an image tells nothing ------------------------------------------------------- */

static void only_ignores(const struct timeline *t, process_id p, int signal)
{
    const struct process *process = &t->processes[p];
    cr_assert_eq(process->disposition_count, 1, "p%u has %zu", p, process->disposition_count);
    cr_expect_eq(process->dispositions[0].signal, signal);
    cr_expect_eq(process->dispositions[0].kind, DISPOSITION_IGNORE);
    struct disposition handled = timeline_disposition(t, p, SIGTERM, t->end),
                       ignored = timeline_disposition(t, p, signal, t->end);
    cr_expect_eq(handled.kind, DISPOSITION_DEFAULT);
    cr_expect_eq(ignored.kind, DISPOSITION_IGNORE);
}

/* exec takes handlers away and leaves what is ignored: also where the library is not in what comes next. */
Test(timeline_unseen, an_image_that_is_not_seen_has_no_handlers_of_the_one_before)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "server");
    trace_sigaction(root, SIGTERM, 0, 0x401000);
    trace_sigaction(root, SIGHUP, 0, (uint64_t)(uintptr_t)SIG_IGN);
    ft_ref told = trace_forked(root, 110), silent = trace_forked(root, 120), stays = trace_forked(root, 130);
    trace_blind(told, 0, "/usr/bin/static", FT_BLIND_STATIC);
    trace_exec(told, "/usr/bin/static");
    trace_exec(silent, "/usr/bin/quiet");
    trace_exit(stays, FT_EXIT__exit, 0);
    struct timeline *t = trace_timeline((uint32_t[]){100, 110, 120, 0});
    only_ignores(t, 1, SIGHUP);
    only_ignores(t, 2, SIGHUP);
    cr_expect_eq(t->processes[3].disposition_count, 2);
    cr_expect_eq(t->processes[0].disposition_count, 2);
}

Test(timeline_unseen, nor_one_that_was_spawned_nor_one_between_two_that_are)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "server");
    trace_sigaction(root, SIGTERM, 0, 0x401000);
    trace_sigaction(root, SIGHUP, 0, (uint64_t)(uintptr_t)SIG_IGN);
    trace_blind(root, trace_fork(root, FT_FORK_posix_spawn, 110), "/usr/bin/static", FT_BLIND_STATIC);
    ft_ref child = trace_forked(root, 120);
    trace_blind(child, 0, "/usr/bin/static", FT_BLIND_STATIC);
    trace_exec(child, "/usr/bin/static");
    trace_image(120, 100, FT_BIRTH_EXEC, "server again");
    struct timeline *t = trace_timeline((uint32_t[]){100, 110, 120, 0});
    only_ignores(t, 1, SIGHUP);
    cr_assert_eq(t->processes[2].image_count, 3);
    cr_expect_eq(timeline_disposition(t, 2, SIGHUP, t->processes[2].images[1].start).kind,
                 DISPOSITION_IGNORE);
    cr_expect_eq(timeline_disposition(t, 2, SIGTERM, t->processes[2].images[1].start).kind,
                 DISPOSITION_DEFAULT);
}
