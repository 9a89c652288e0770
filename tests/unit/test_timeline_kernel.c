/*
 * test_timeline_kernel.c: one event, two witnesses: what the kernel and the
 * library tell of the same task becomes one, what only the kernel tells is
 * not left out.
 */
#include <linux/sched.h>
#include <signal.h>
#include <string.h>

#include "build_trace.h"

TestSuite(timeline_kernel, .init = trace_begin, .fini = trace_end);

static const struct process *only_child(const struct timeline *t)
{
    cr_assert_eq(t->process_count, 2);
    return &t->processes[1];
}

static size_t count(const struct timeline *t, enum event_type type)
{
    size_t n = 0;
    for (size_t i = 0; i < t->event_count; i++) n += EVENT_AT(t, i)->type == type;
    return n;
}

Test(timeline_kernel, fork_seen_by_both_is_one)
{
    ft_ref k = trace_kernel_task(0, 100, 100, 0, FT_KERNEL_ROOT);
    trace_kernel_exec(k, "/usr/bin/server", 0);
    ft_ref root = trace_image(100, 1, FT_BIRTH_EXEC, "server");
    ft_ref fork = trace_fork(root, FT_FORK_fork, 101);
    ft_ref child = trace_kernel_task(k, 101, 101, 0, FT_KERNEL_BORN);
    trace_child(fork, 101);
    trace_kernel_exit(child, 3 << 8, true);
    trace_reap(root, 101, 3 << 8);
    const struct timeline *t = trace_timeline(NULL);
    const struct process *p = only_child(t);
    cr_assert_eq(t->processes[0].origin, ORIGIN_ROOT);
    cr_assert_eq(count(t, EVENT_FORK), 1);
    cr_assert_eq(p->coverage, COVERAGE_FULL);
    cr_assert_eq(p->how, END_EXIT);
    cr_assert_eq(p->status, 3);
    cr_assert(!p->end_inferred);
}

Test(timeline_kernel, thread_seen_by_both_is_one)
{
    ft_ref k = trace_kernel_task(0, 100, 100, 0, FT_KERNEL_ROOT);
    ft_ref root = trace_image(100, 1, FT_BIRTH_EXEC, "server");
    ft_ref thread = trace_thread(root, 0);
    ft_ref told = trace_kernel_task(k, 100, 105, CLONE_THREAD | CLONE_VM, FT_KERNEL_BORN);
    trace_thread_start(thread, 100, 105, 0x7000);
    trace_thread_end(thread, FT_THREAD_END_returned);
    trace_kernel_exit(told, 0, false);
    const struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(t->thread_count, 2);
    cr_assert_eq(t->threads[1].tid, 105);
    cr_assert_eq(t->threads[1].how, THREAD_RETURNED);
    cr_assert_eq(count(t, EVENT_THREAD_CREATE), 1);
    cr_assert_eq(count(t, EVENT_THREAD_END), 1);
}

Test(timeline_kernel, static_program_has_its_lane_and_reason)
{
    ft_ref k = trace_kernel_task(0, 100, 100, 0, FT_KERNEL_ROOT);
    ft_ref root = trace_image(100, 1, FT_BIRTH_EXEC, "server");
    ft_ref fork = trace_fork(root, FT_FORK_fork, 101);
    ft_ref child = trace_kernel_task(k, 101, 101, 0, FT_KERNEL_BORN);
    trace_child(fork, 101);
    trace_exec(fork, "/opt/static");
    trace_kernel_exec(child, "/opt/static", FT_BLIND_STATIC);
    trace_kernel_task(child, 101, 102, CLONE_THREAD | CLONE_VM, FT_KERNEL_BORN);
    trace_kernel_exit(child, SIGSEGV, true);
    const struct timeline *t = trace_timeline(NULL);
    const struct process *p = only_child(t);
    cr_assert_eq(p->coverage, COVERAGE_KERNEL_ONLY);
    cr_assert(!strncmp(p->coverage_reason, "static", 6));
    cr_assert_eq(p->image_count, 2);
    cr_assert_str_eq(p->images[1].exe, "/opt/static");
    cr_assert_eq(count(t, EVENT_EXEC), 1);
    cr_assert_eq(count(t, EVENT_THREAD_CREATE), 1);
    cr_assert_eq(t->thread_count, 3);
    cr_assert_eq(p->how, END_SIGNAL);
    cr_assert_eq(p->signal, SIGSEGV);
}

Test(timeline_kernel, kill_seen_by_both_is_one_and_names_the_killer)
{
    ft_ref k = trace_kernel_task(0, 100, 100, 0, FT_KERNEL_ROOT);
    ft_ref root = trace_image(100, 1, FT_BIRTH_EXEC, "server");
    ft_ref fork = trace_fork(root, FT_FORK_fork, 101);
    ft_ref child = trace_kernel_task(k, 101, 101, 0, FT_KERNEL_BORN);
    trace_child(fork, 101);
    trace_kill(root, FT_KILL_kill, 101, SIGKILL);
    trace_kernel_kill(k, child, 101, 100, SIGKILL);
    trace_kernel_exit(child, SIGKILL, true);
    const struct timeline *t = trace_timeline(NULL);
    const struct process *p = only_child(t);
    cr_assert_eq(count(t, EVENT_KILL), 1);
    cr_assert_eq(count(t, EVENT_SIGNAL), 1);
    cr_assert_neq(p->killed_by, NONE);
    cr_assert_eq(timeline_sender(t, EVENT_AT(t, p->killed_by)).process, 0);
}

Test(timeline_kernel, kill_from_outside_has_a_name_and_no_lane)
{
    ft_ref k = trace_kernel_task(0, 100, 100, 0, FT_KERNEL_ROOT);
    trace_image(100, 1, FT_BIRTH_EXEC, "server");
    trace_kernel_kill(0, k, 100, 77, SIGKILL);
    trace_kernel_exit(k, SIGKILL, true);
    const struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(count(t, EVENT_KILL), 0);
    struct sender s = timeline_sender(t, EVENT_AT(t, t->processes[0].killed_by));
    cr_assert_eq(s.process, NONE);
    cr_assert_eq(s.pid, 77);
    cr_assert_str_eq(s.name, "stranger");
}

/* --- signals ---------------------------------------------------------------------------------- */

static ft_ref k, root, worker, lib_worker;

/* A server and its worker, seen by both. */
static void server(void)
{
    k = trace_kernel_task(0, 100, 100, 0, FT_KERNEL_ROOT);
    root = trace_image(100, 1, FT_BIRTH_EXEC, "server");
    lib_worker = trace_fork(root, FT_FORK_fork, 101);
    worker = trace_kernel_task(k, 101, 101, 0, FT_KERNEL_BORN);
    trace_child(lib_worker, 101);
}

static event_id first(const struct timeline *t, enum event_type type)
{
    for (event_id i = 0; i < t->event_count; i++)
        if (EVENT_AT(t, i)->type == type) return i;
    cr_assert_fail("no %s", event_type_name(type));
    return NONE;
}

Test(timeline_kernel, signal_is_taken_by_the_thread_that_took_it)
{
    server();
    ft_ref thread = trace_thread(lib_worker, 0);
    ft_ref told = trace_kernel_task(worker, 101, 105, CLONE_THREAD | CLONE_VM, FT_KERNEL_BORN);
    trace_thread_start(thread, 101, 105, 0x7000);
    trace_kill(root, FT_KILL_kill, 101, SIGUSR1);
    trace_kernel_kill(k, worker, 101, 100, SIGUSR1);
    trace_kernel_signal(told, k, 100, SIGUSR1, 0);
    const struct timeline *t = trace_timeline(NULL);
    event_id kill = first(t, EVENT_KILL), taken = timeline_taken(t, EVENT_AT(t, kill));
    cr_assert_eq(count(t, EVENT_KILL), 1);
    cr_assert_eq(taken, first(t, EVENT_SIGNAL));
    cr_assert_eq(t->threads[EVENT_AT(t, taken)->thread].tid, 105);
    cr_assert_eq(timeline_sender(t, EVENT_AT(t, taken)).thread, t->processes[0].main);
    cr_assert_eq(t->processes[1].killed_by, NONE);
}

Test(timeline_kernel, signal_sent_and_not_taken_is_not_taken)
{
    server();
    trace_kill(root, FT_KILL_kill, 101, SIGUSR1);
    trace_kernel_kill(k, worker, 101, 100, SIGUSR1);
    trace_kernel_signal(worker, k, 100, SIGUSR2, 0);
    const struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(timeline_taken(t, EVENT_AT(t, first(t, EVENT_KILL))), NONE);
}

/* The kernel gives each thread a SIGKILL instead. */
Test(timeline_kernel, fatal_signal_that_reached_no_thread_is_taken_at_the_end)
{
    server();
    trace_kill(root, FT_KILL_kill, 101, SIGTERM);
    trace_kernel_kill(k, worker, 101, 100, SIGTERM);
    trace_kernel_exit(worker, SIGTERM, true);
    const struct timeline *t = trace_timeline(NULL);
    const struct process *p = only_child(t);
    cr_assert_eq(count(t, EVENT_SIGNAL), 1);
    cr_assert_eq(p->killed_by, first(t, EVENT_SIGNAL));
    cr_assert_eq(timeline_sender(t, EVENT_AT(t, p->killed_by)).process, 0);
    cr_assert_eq(timeline_taken(t, EVENT_AT(t, first(t, EVENT_KILL))), p->killed_by);
}

Test(timeline_kernel, signal_that_is_taken_and_ends_is_one)
{
    server();
    trace_kernel_kill(0, worker, 101, 77, SIGTERM);
    trace_kernel_signal(worker, 0, 77, SIGTERM, 0);
    trace_kernel_exit(worker, SIGTERM, true);
    const struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(count(t, EVENT_SIGNAL), 1);
    cr_assert_eq(only_child(t)->killed_by, first(t, EVENT_SIGNAL));
}

Test(timeline_kernel, out_of_memory)
{
    server();
    trace_kernel_kill(0, worker, 101, 0, SIGKILL);
    trace_kernel_out_of_memory(worker);
    const struct timeline *t = trace_timeline(NULL);
    const struct process *p = only_child(t);
    cr_assert(p->out_of_memory);
    cr_assert(!t->processes[0].out_of_memory);
    struct sender s = timeline_sender(t, EVENT_AT(t, p->killed_by));
    cr_assert_eq(s.process, NONE);
    cr_assert_eq(s.pid, 0);
    cr_assert_eq(s.code, SI_KERNEL);
}

/* Its siginfo says kill() by itself. */
Test(timeline_kernel, sigpipe_is_the_kernels)
{
    server();
    trace_kernel_kill(0, worker, 101, 0, SIGPIPE);
    trace_kernel_signal(worker, worker, 101, SIGPIPE, SI_USER);
    const struct timeline *t = trace_timeline(NULL);
    struct sender s = timeline_sender(t, EVENT_AT(t, first(t, EVENT_SIGNAL)));
    cr_assert_eq(count(t, EVENT_KILL), 0);
    cr_assert_eq(s.process, NONE);
    cr_assert_eq(s.code, SI_KERNEL);
}

Test(timeline_kernel, kill_of_oneself_is_ones_own)
{
    server();
    trace_kill(lib_worker, FT_KILL_kill, 101, SIGUSR1);
    trace_kernel_kill(worker, worker, 101, 101, SIGUSR1);
    trace_kernel_signal(worker, worker, 101, SIGUSR1, SI_USER);
    const struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(timeline_sender(t, EVENT_AT(t, first(t, EVENT_SIGNAL))).process, 1);
}

/* --- others ------------------------------------------------------------------------------------- */

Test(timeline_kernel, pid_used_again_is_another_process)
{
    server();
    trace_exit(lib_worker, FT_EXIT__exit, 0);
    trace_kernel_exit(worker, 0, true);
    trace_reap(root, 101, 0);
    ft_ref fork = trace_fork(root, FT_FORK_fork, 101);
    ft_ref again = trace_kernel_task(k, 101, 101, 0, FT_KERNEL_BORN);
    trace_child(fork, 101);
    trace_kernel_exit(again, 7 << 8, true);
    const struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(t->process_count, 3);
    cr_assert_eq(count(t, EVENT_FORK), 2);
    cr_assert_eq(count(t, EVENT_EXIT), 2);
    cr_assert_eq(t->processes[1].status, 0);
    cr_assert_eq(t->processes[2].status, 7);
}

Test(timeline_kernel, raw_clone_beside_the_library)
{
    server();
    ft_ref raw = trace_kernel_task(worker, 102, 102, 0, FT_KERNEL_BORN);
    trace_kernel_exit(raw, 0, true);
    const struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(t->process_count, 3);
    cr_assert_eq(t->processes[2].parent, 1);
    cr_assert_eq(t->processes[2].coverage, COVERAGE_KERNEL_ONLY);
    cr_assert(!strncmp(t->processes[2].coverage_reason, "raw clone", 9));
    cr_assert_eq(count(t, EVENT_FORK), 2);
}

/* forktrace-ebpf was killed: the library goes on alone. */
Test(timeline_kernel, a_witness_that_leaves_takes_nothing_along)
{
    server();
    ft_ref alone = trace_fork(root, FT_FORK_fork, 102);
    trace_child(alone, 102);
    trace_exit(alone, FT_EXIT__exit, 5);
    trace_reap(root, 102, 5 << 8);
    const struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(t->process_count, 3);
    cr_assert_eq(t->processes[2].status, 5);
    cr_assert_eq(t->processes[2].coverage, COVERAGE_FULL);
}
