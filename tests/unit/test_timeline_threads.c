/* test_timeline_threads.c: threads, ghosts, signals and waits in the model. */
#include <errno.h>
#include <signal.h>

#include "build_trace.h"

TestSuite(timeline_threads, .init = trace_begin, .fini = trace_end);

#define BIT(signal) (1ull << ((signal)-1))

static const struct disposition *disposition(const struct process *p, int signal)
{
    for (size_t i = 0; i < p->disposition_count; i++)
        if (p->dispositions[i].signal == signal) return &p->dispositions[i];
    return NULL;
}

Test(timeline_threads, a_thread_from_birth_to_end)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    ft_ref thread = trace_thread_at(root, 100, 101, 0x7000);
    trace_thread_name(root, 0x7000, "ticker");
    trace_thread_name(root, 0x6000, "leader"); /* the pthread_t nobody told us: the main thread's */
    trace_thread_end(thread, FT_THREAD_END_cancelled);
    struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(t->thread_count, 2);
    const struct thread *th = &t->threads[1];
    cr_expect_eq(th->tid, 101);
    cr_expect_str_eq(th->name, "ticker");
    cr_expect_str_eq(t->threads[0].name, "leader");
    cr_expect_eq(th->created_by, 0);
    cr_expect_eq(th->start_routine, 0x401000);
    cr_expect_eq(th->how, THREAD_CANCELLED);
    cr_expect_eq(th->cpu_ns, 12345);
    cr_expect_eq(EVENT_AT(t, th->create)->child, 1);
    cr_expect_eq(find(t, EVENT_THREAD_START, 0)->thread, 1);
    cr_expect_eq(timeline_next_thread(t, 0, NONE), 0);
    cr_expect_eq(timeline_next_thread(t, 0, 0), 1);
    cr_expect_eq(timeline_next_thread(t, 0, 1), NONE);
}

Test(timeline_threads, creations_that_made_no_thread)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_thread(root, EAGAIN);
    trace_thread(root, -1); /* killed inside: nobody started */
    trace_thread_start(trace_thread(root, -1), 100, 101, 0x7000);
    struct timeline *t = trace_timeline(NULL);
    cr_expect_eq(t->thread_count, 2);
    cr_expect_eq(find(t, EVENT_THREAD_CREATE, 0)->child, NONE);
    cr_expect_eq(find(t, EVENT_THREAD_CREATE, 1)->child, NONE);
    cr_expect(find(t, EVENT_THREAD_CREATE, 1)->flags & EVENT_UNFINISHED);
    cr_expect_eq(find(t, EVENT_THREAD_CREATE, 2)->child, 1);
}

Test(timeline_threads, ghosts_are_the_living_but_the_forking_one)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    ft_ref ended = trace_thread_at(root, 100, 101, 0x7000);
    ft_ref forker = trace_thread_at(root, 100, 102, 0x8000);
    trace_thread_at(root, 100, 103, 0x9000);
    trace_thread(root, 0); /* created, not started: exists all the same */
    trace_thread_end(ended, FT_THREAD_END_returned);
    trace_forked(forker, 110);
    trace_thread_at(root, 100, 104, 0xa000); /* after the fork */
    struct timeline *t = trace_timeline(NULL);
    const struct process *child = &t->processes[1];
    cr_assert_eq(child->ghost_count, 3);
    cr_expect_eq(child->ghosts[0].thread, 0);
    cr_expect_eq(child->ghosts[1].thread, 3);
    cr_expect_eq(child->ghosts[2].thread, 4);
    for (size_t i = 0; i < 3; i++) cr_expect_eq(child->ghosts[i].fork, child->fork);
    cr_expect_eq(t->processes[0].ghost_count, 0);
}

Test(timeline_threads, no_ghosts_where_memory_is_not_copied)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_thread_at(root, 100, 101, 0x7000);
    trace_fork(root, FT_FORK_vfork, 110);
    trace_image(110, 100, FT_BIRTH_EXEC, "a");
    trace_fork(root, FT_FORK_posix_spawn, 111);
    trace_image(111, 100, FT_BIRTH_EXEC, "b");
    struct timeline *t = trace_timeline(NULL);
    cr_expect_eq(t->processes[1].ghost_count, 0);
    cr_expect_eq(t->processes[2].ghost_count, 0);
}

Test(timeline_threads, unseen_threads_are_ghosts_of_the_forks_that_list_them)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    ft_ref known = trace_thread_at(root, 100, 101, 0x7000);
    ft_ref young = trace_thread(root, 0); /* its tid is not known yet */
    ft_ref one = trace_fork(root, FT_FORK_fork, 110);
    trace_unseen(root, one, 101);
    trace_unseen(root, one, 102); /* is the young one */
    trace_unseen(root, one, 105); /* is nobody we know */
    trace_child(one, 110);
    trace_thread_start(young, 100, 102, 0x8000);
    ft_ref two = trace_fork(root, FT_FORK_fork, 111);
    trace_unseen(root, two, 105);
    trace_child(two, 111);
    trace_forked(root, 112); /* the unseen one has ended before */
    trace_unseen_start(100, 105, 0xb000);
    struct timeline *t = trace_timeline(NULL);
    (void)known;
    cr_expect_eq(t->processes[1].ghost_count, 3);
    cr_expect_eq(t->processes[2].ghost_count, 3);
    cr_expect_eq(t->processes[3].ghost_count, 2);
    thread_id unseen = t->processes[1].ghosts[2].thread;
    cr_expect_eq(t->threads[unseen].tid, 105);
    cr_expect_eq(t->threads[unseen].created_by, NONE);
    cr_expect(t->threads[unseen].birth_lost);
    cr_expect_eq(t->processes[2].ghosts[2].thread, unseen);
    cr_expect_eq(find(t, EVENT_THREAD_START, 2)->thread, unseen);
}

/* --- signals ---------------------------------------------------------------------------------- */

Test(timeline_threads, fork_copies_dispositions_and_exec_keeps_the_ignored)
{
    ft_ref root = trace_image_masks(100, 1, FT_BIRTH_ROOT, "prog", 0, BIT(SIGINT), 0);
    trace_sigaction(root, SIGTERM, 0, 0x5000);
    trace_sigaction(root, SIGPIPE, 0, 1);
    trace_sigaction(root, SIGHUP, 0, 0x5100);
    trace_sigaction(root, SIGHUP, 0x5100, 0);
    ft_ref child = trace_forked(root, 101);
    trace_sigaction(child, SIGTERM, 0x5000, 0x6000);
    trace_exec(root, "/usr/bin/next");
    trace_image_masks(100, 1, FT_BIRTH_EXEC, "next", 0, BIT(SIGINT) | BIT(SIGPIPE), 0);
    struct timeline *t = trace_timeline(NULL);
    const struct process *p = &t->processes[0], *c = &t->processes[1];
    cr_expect_eq(c->disposition_count, 3);
    cr_expect_eq(disposition(c, SIGTERM)->handler, 0x6000);
    cr_expect_not(disposition(c, SIGTERM)->inherited);
    cr_expect_eq(disposition(c, SIGPIPE)->kind, DISPOSITION_IGNORE);
    cr_expect(disposition(c, SIGPIPE)->inherited);
    cr_expect(disposition(c, SIGINT)->inherited);
    cr_expect_null(disposition(c, SIGHUP));
    cr_expect_eq(p->disposition_count, 2);
    cr_expect_null(disposition(p, SIGTERM));
    cr_expect_not(disposition(p, SIGPIPE)->inherited);

    int64_t fork = c->start, install = t->events[disposition(c, SIGTERM)->event].ns;
    cr_expect_eq(timeline_disposition(t, 1, SIGTERM, fork).handler, 0x5000);
    cr_expect(timeline_disposition(t, 1, SIGTERM, fork).inherited);
    cr_expect_eq(timeline_disposition(t, 1, SIGTERM, install).handler, 0x6000);
    cr_expect_eq(timeline_disposition(t, 0, SIGTERM, fork).handler, 0x5000);
    cr_expect_eq(timeline_disposition(t, 0, SIGTERM, t->end).kind, DISPOSITION_DEFAULT);
    cr_expect_eq(timeline_disposition(t, 0, SIGINT, t->end).kind, DISPOSITION_IGNORE);
}

Test(timeline_threads, the_mask_at_birth_is_the_forking_threads)
{
    ft_ref root = trace_image_masks(100, 1, FT_BIRTH_ROOT, "prog", BIT(SIGUSR1), 0, 0);
    ft_ref thread = trace_thread_at(root, 100, 101, 0x7000);
    trace_sigmask(thread, BIT(SIGUSR1), BIT(SIGUSR1) | BIT(SIGTERM));
    trace_forked(thread, 110);
    trace_forked(root, 111);
    struct timeline *t = trace_timeline(NULL);
    cr_expect_eq(t->processes[0].mask_at_birth, BIT(SIGUSR1));
    cr_expect_eq(t->processes[1].mask_at_birth, BIT(SIGUSR1) | BIT(SIGTERM));
    cr_expect_eq(t->processes[2].mask_at_birth, BIT(SIGUSR1));
}

Test(timeline_threads, whom_a_signal_was_sent_to)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_thread_at(root, 100, 101, 0x7000);
    trace_forked(root, 110);
    trace_kill(root, FT_KILL_kill, 110, SIGTERM);
    trace_kill(root, FT_KILL_pthread_kill, 0x7000, SIGUSR1);
    trace_kill(root, FT_KILL_tgkill, 101, SIGUSR1);
    trace_kill(root, FT_KILL_raise, 0, SIGUSR1);
    trace_kill(root, FT_KILL_kill, -100, SIGTERM);
    trace_kill(root, FT_KILL_kill, 999, SIGTERM);
    struct timeline *t = trace_timeline(NULL);
    const uint32_t targets[] = {1, 1, 1, 0, NONE, NONE};
    const bool threads[] = {false, true, true, true, false, false};
    for (size_t i = 0; i < 6; i++) {
        cr_expect_eq(find(t, EVENT_KILL, i)->child, targets[i], "kill %zu", i);
        cr_expect_eq(timeline_kill_thread(find(t, EVENT_KILL, i)), threads[i], "kill %zu", i);
    }
}

/* --- waits ------------------------------------------------------------------------------------ */

Test(timeline_threads, a_child_waits_for_a_thread_that_is_not_there)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    ft_ref holder = trace_thread_at(root, 100, 101, 0x7000);
    uint64_t since = trace_now();
    trace_wait(root, since, 0x5000, 101);
    ft_ref child = trace_fork(root, FT_FORK_fork, 110);
    trace_held(root, child, holder, 0x5000);
    trace_child(child, 110);
    trace_waiting(child, 0x5000, 101);
    trace_reap(root, 110, SIGKILL);
    struct timeline *t = trace_timeline(NULL);
    const struct event *here = find(t, EVENT_LOCK_WAIT, 0), *there = find(t, EVENT_LOCK_WAIT, 1);
    cr_expect_eq(here->child, 1);
    cr_expect(timeline_owner_alive(t, here));
    cr_expect_not(here->flags & EVENT_UNFINISHED);
    cr_expect_gt(timeline_duration(t, here), 0);
    cr_expect_eq(there->process, 1);
    cr_expect_eq(there->child, 1);
    cr_expect_not(timeline_owner_alive(t, there));
    cr_expect(there->flags & EVENT_UNFINISHED);
    cr_expect_eq(timeline_duration(t, there), t->processes[1].end - there->ns);
    cr_expect_eq(find(t, EVENT_LOCK_HELD, 0)->child, 1);
}

Test(timeline_threads, a_wait_told_several_times_is_one)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    uint64_t first = trace_now();
    trace_wait(root, first, 0x5000, 0);
    trace_wait(root, first, 0x5000, 0);
    uint64_t second = trace_now();
    trace_wait(root, second, 0x6000, 0);
    trace_waiting(root, 0x6000, 0)->head.time = second;
    trace_exit(root, FT_EXIT__exit, 0);
    struct timeline *t = trace_timeline(NULL);
    const struct event *a = find(t, EVENT_LOCK_WAIT, 0), *b = find(t, EVENT_LOCK_WAIT, 1);
    cr_expect_not(a->flags & EVENT_UNFINISHED);
    cr_expect_eq(a->ns + timeline_duration(t, a), ft_reader_ns(t->reader, a->record->time) - t->origin);
    cr_expect(b->flags & EVENT_UNFINISHED);
    cr_expect_eq(b->ns + timeline_duration(t, b), t->processes[0].end);
    size_t waits = 0;
    for (size_t i = 0; i < t->event_count; i++) waits += EVENT_AT(t, i)->type == EVENT_LOCK_WAIT;
    cr_expect_eq(waits, 2);
}

/* --- addresses -------------------------------------------------------------------------------- */

Test(timeline_threads, objects_belong_to_a_family_and_an_image)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_object(root, "/lib/parent.so", 0x10000, 0x20000);
    ft_ref child = trace_forked(root, 101);
    trace_object(child, "/lib/child.so", 0x20000, 0x30000);
    trace_exec(root, "/usr/bin/next");
    ft_ref next = trace_image(100, 1, FT_BIRTH_EXEC, "next");
    trace_object(next, "/lib/next.so", 0x10000, 0x20000);
    struct timeline *t = trace_timeline(NULL);
    int64_t forked = t->processes[1].start, end = t->end;
    cr_expect_str_eq(timeline_object(t, 0, forked, 0x10000)->path, "/lib/parent.so");
    cr_expect_str_eq(timeline_object(t, 1, end, 0x1ffff)->path, "/lib/parent.so");
    cr_expect_str_eq(timeline_object(t, 1, end, 0x20000)->path, "/lib/child.so");
    cr_expect_str_eq(timeline_object(t, 0, end, 0x18000)->path, "/lib/next.so");
    cr_expect_null(timeline_object(t, 0, end, 0x20000));
    cr_expect_null(timeline_object(t, 1, end, 0x30000));
    cr_expect_null(timeline_object(t, 1, end, 0xffff));
}
