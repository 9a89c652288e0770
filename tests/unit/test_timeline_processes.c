/* test_timeline_processes.c: births, images, ends and pids of processes in the model. */
#include <errno.h>
#include <signal.h>

#include "build_trace.h"

TestSuite(timeline_processes, .init = trace_begin, .fini = trace_end);

#define EXITED(status) ((status) << 8)

static size_t count(const struct timeline *t, enum event_type type)
{
    size_t n = 0;
    for (size_t i = 0; i < t->event_count; i++) n += EVENT_AT(t, i)->type == type;
    return n;
}

Test(timeline_processes, a_root_that_returns_from_main)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog one");
    trace_exit(root, FT_EXIT_end, 0x103);
    struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(t->process_count, 1);
    struct process *p = &t->processes[0];
    cr_expect_eq(p->pid, 100);
    cr_expect_eq(p->origin, ORIGIN_ROOT);
    cr_expect_eq(p->parent, NONE);
    cr_expect_eq(p->how, END_EXIT);
    cr_expect_eq(p->status, 3);
    cr_expect_not(p->end_inferred);
    cr_expect_eq(p->image_count, 1);
    cr_expect_eq(p->images[0].argc, 2);
    cr_expect_str_eq(p->images[0].argv[1], "one");
    cr_expect_str_eq(p->role, "prog");
    cr_expect(t->threads[p->main].is_main);
    cr_expect_eq(t->threads[p->main].how, THREAD_PROCESS_ENDED);
    cr_expect_eq(count(t, EVENT_EXIT), 1);
    cr_expect(t->complete);
}

Test(timeline_processes, a_fork_and_its_reaping)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    ft_ref child = trace_forked(root, 101);
    trace_exit(child, FT_EXIT__exit, 7);
    trace_reap(root, 101, EXITED(7));
    struct timeline *t = trace_timeline((uint32_t[]){100, 0});
    cr_assert_eq(t->process_count, 2);
    struct process *c = &t->processes[1];
    cr_expect_eq(c->parent, 0);
    cr_expect_eq(c->created_by, t->processes[0].main);
    cr_expect_eq(c->ppid, 100);
    cr_expect_eq(c->origin, ORIGIN_FORK);
    cr_expect_eq(EVENT_AT(t, c->fork)->child, 1);
    cr_expect_eq(EVENT_AT(t, c->fork)->process, 0);
    cr_expect(c->image_inherited);
    cr_expect_eq(c->how, END_EXIT);
    cr_expect_eq(c->status, 7);
    cr_expect_eq(c->reaped_by, 0);
    cr_expect_eq(EVENT_AT(t, c->reap)->type, EVENT_WAIT);
    cr_expect_eq(EVENT_AT(t, c->reap)->child, 1);
    cr_expect_lt(c->end, t->events[c->reap].ns);
    cr_expect_eq(t->processes[0].how, END_RUNNING);
    cr_expect_eq(t->processes[0].end, NEVER);
    cr_expect_str_eq(c->role, "prog child 1");
}

Test(timeline_processes, killed_by_a_signal_ends_at_its_reaping)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_forked(root, 101);
    trace_reap(root, 101, SIGKILL);
    struct timeline *t = trace_timeline(NULL);
    cr_expect_eq(t->processes[1].how, END_SIGNAL);
    cr_expect_eq(t->processes[1].signal, SIGKILL);
    cr_expect_eq(t->processes[1].status, -1);
    cr_expect(t->processes[1].end_inferred);
    cr_expect_eq(t->processes[1].end, t->events[t->processes[1].reap].ns);
    cr_expect_eq(t->processes[0].how, END_VANISHED);
}

Test(timeline_processes, who_started_the_run_says_how_it_ended)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_forked(root, 101);
    trace_reap(0, 100, SIGKILL);
    trace_reap(0, 999, SIGKILL);
    struct timeline *t = trace_timeline((uint32_t[]){101, 0});
    cr_assert_eq(t->process_count, 2);
    cr_expect_eq(count(t, EVENT_WAIT), 0);
    cr_expect_eq(t->processes[0].how, END_SIGNAL);
    cr_expect_eq(t->processes[0].signal, SIGKILL);
    cr_expect_eq(t->processes[0].reaped_by, NONE);
    cr_expect_eq(t->processes[1].how, END_RUNNING);
}

Test(timeline_processes, a_stop_is_no_end)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_forked(root, 101);
    trace_reap(root, 101, SIGSTOP << 8 | 0x7f);
    struct timeline *t = trace_timeline((uint32_t[]){101, 0});
    cr_expect_eq(t->processes[1].how, END_RUNNING);
    cr_expect_eq(t->processes[1].reaped_by, NONE);
    cr_expect_eq(count(t, EVENT_WAIT), 1);
}

Test(timeline_processes, exec_is_the_next_image_of_the_same_process)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "first");
    ft_ref thread = trace_thread_at(root, 100, 101, 0x7000);
    trace_exec(root, "/usr/bin/second");
    ft_ref second = trace_image(100, 1, FT_BIRTH_EXEC, "second");
    trace_thread_at(second, 100, 102, 0x7000);
    struct timeline *t = trace_timeline(NULL);
    (void)thread;
    cr_assert_eq(t->process_count, 1);
    cr_assert_eq(t->thread_count, 3);
    cr_expect_eq(t->processes[0].image_count, 2);
    cr_expect_str_eq(t->processes[0].images[1].argv[0], "second");
    cr_expect_eq(t->threads[1].how, THREAD_EXEC);
    cr_expect_eq(EVENT_AT(t, t->threads[1].create)->image, 0);
    cr_expect_eq(EVENT_AT(t, t->threads[2].create)->image, 1);
    cr_expect_eq(EVENT_AT(t, t->threads[2].create)->thread, t->processes[0].main);
    cr_expect_eq(count(t, EVENT_EXEC), 1);
}

Test(timeline_processes, an_exec_that_failed_did_not_happen)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_exec(root, "/nowhere");
    trace_exec_failed(root, "/nowhere", ENOENT);
    trace_exit(root, FT_EXIT__exit, 1);
    struct timeline *t = trace_timeline(NULL);
    cr_expect_eq(count(t, EVENT_EXEC), 0);
    cr_expect_eq(count(t, EVENT_EXEC_FAILED), 1);
    cr_expect_eq(t->processes[0].image_count, 1);
    cr_expect_eq(t->processes[0].coverage, COVERAGE_FULL);
    for (size_t i = 0; i < t->event_count; i++)
        if (EVENT_AT(t, i)->type == EVENT_EXEC_FAILED) cr_expect_eq(EVENT_AT(t, i)->child, ENOENT);
}

Test(timeline_processes, an_image_that_says_nothing_is_not_covered)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_exec(root, "/bin/static");
    struct timeline *t = trace_timeline(NULL);
    cr_expect_eq(t->processes[0].image_count, 2);
    cr_expect_str_eq(t->processes[0].images[1].exe, "/bin/static");
    cr_expect_eq(t->processes[0].coverage, COVERAGE_NONE);
    cr_expect_not(t->complete);
}

Test(timeline_processes, vfork_and_posix_spawn_are_known_by_their_pid)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    ft_ref v = trace_fork(root, FT_FORK_vfork, 101);
    trace_exec(v, "/usr/bin/a");
    trace_image(101, 100, FT_BIRTH_EXEC, "a");
    trace_fork(root, FT_FORK_posix_spawn, 102);
    trace_image(102, 100, FT_BIRTH_EXEC, "b");
    struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(t->process_count, 3);
    cr_expect_eq(t->processes[1].origin, ORIGIN_VFORK);
    cr_expect_eq(t->processes[1].image_count, 2);
    cr_expect_eq(t->processes[2].origin, ORIGIN_POSIX_SPAWN);
    cr_expect_eq(t->processes[2].image_count, 1);
    cr_expect_eq(count(t, EVENT_FORK), 2);
}

Test(timeline_processes, the_children_of_system_and_popen)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_fork(root, FT_FORK_system, 1);
    trace_exit(trace_image(101, 100, FT_BIRTH_EXEC, "sh -c"), FT_EXIT__exit, 3);
    trace_reap_api(root, 0, EXITED(3), FT_REAP_system);
    trace_fork(root, FT_FORK_popen, 1); /* its shell never says a word */
    trace_reap_api(root, 0, EXITED(4), FT_REAP_pclose);
    struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(t->process_count, 3);
    cr_expect_eq(t->processes[1].pid, 101);
    cr_expect_eq(t->processes[1].origin, ORIGIN_SYSTEM);
    cr_expect_eq(t->processes[1].status, 3);
    cr_expect_eq(t->processes[1].coverage, COVERAGE_FULL);
    cr_expect_eq(t->processes[2].origin, ORIGIN_POPEN);
    cr_expect_eq(t->processes[2].status, 4);
    cr_expect_eq(t->processes[2].coverage, COVERAGE_NONE);
    cr_expect_eq(count(t, EVENT_FORK), 2);
}

Test(timeline_processes, a_child_nobody_saw_gets_an_inferred_fork)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_image(101, 100, FT_BIRTH_EXEC, "stranger");
    trace_image_masks(102, 100, FT_BIRTH_UNSEEN_FORK, "prog", 0, 0, root);
    struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(t->process_count, 3);
    for (process_id p = 1; p < 3; p++) {
        cr_expect_eq(t->processes[p].origin, ORIGIN_UNKNOWN);
        cr_expect_eq(t->processes[p].parent, 0);
        const struct event *fork = EVENT_AT(t, t->processes[p].fork);
        cr_expect(fork->flags & EVENT_INFERRED);
        cr_expect_eq(fork->child, p);
        cr_expect_null(fork->record);
    }
    cr_expect(t->processes[2].image_inherited);
    cr_expect_not(t->processes[1].image_inherited);
}

Test(timeline_processes, pids_are_reused)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    for (int i = 0; i < 3; i++) {
        ft_ref child = trace_forked(root, 101);
        trace_exit(child, FT_EXIT__exit, i);
        trace_reap(root, 101, EXITED(i));
    }
    struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(t->process_count, 4);
    for (process_id p = 1; p < 4; p++) {
        cr_expect_eq(t->processes[p].pid, 101);
        cr_expect_eq(t->processes[p].status, (int)p - 1);
        cr_expect_eq(EVENT_AT(t, t->processes[p].reap)->child, p);
        cr_expect_str_eq(t->processes[p].role, "prog child 1"); /* the number of a dead one */
    }
}

Test(timeline_processes, a_fork_that_failed_or_never_returned)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_fork(root, FT_FORK_fork, -EAGAIN);
    trace_fork_open(root, FT_FORK_fork);                 /* killed inside: no child ever spoke */
    trace_child(trace_fork_open(root, FT_FORK_fork), 7); /* killed inside, but the child lives */
    struct timeline *t = trace_timeline((uint32_t[]){7, 0});
    cr_assert_eq(t->process_count, 2);
    cr_expect_eq(count(t, EVENT_FORK), 3);
    cr_expect_eq(t->processes[1].pid, 7);
    cr_expect_eq(t->processes[1].how, END_RUNNING);
}

Test(timeline_processes, daemon_ends_the_parent_unseen)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_child(trace_fork(root, FT_FORK_daemon, 1), 101);
    struct timeline *t = trace_timeline((uint32_t[]){101, 0});
    cr_assert_eq(t->process_count, 2);
    cr_expect_eq(t->processes[0].how, END_EXIT);
    cr_expect_eq(t->processes[0].status, 0);
    cr_assert_neq(t->processes[0].exit, NONE);
    cr_expect_eq(EVENT_AT(t, t->processes[0].exit)->type, EVENT_EXIT);
    cr_expect(EVENT_AT(t, t->processes[0].exit)->flags & EVENT_INFERRED);
    cr_expect_eq(EVENT_AT(t, t->processes[1].fork)->child, 1);
    for (size_t i = 1; i < t->event_count; i++) cr_expect_geq(t->events[i].ns, t->events[i - 1].ns);
}

Test(timeline_processes, an_exit_that_hangs)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    ft_ref child = trace_forked(root, 101);
    trace_exit(child, FT_EXIT_exit, 0);
    trace_reap(root, 101, SIGKILL);
    trace_exit(root, FT_EXIT_exit, 5);
    trace_exit(root, FT_EXIT_end, 5);
    struct timeline *t = trace_timeline(NULL);
    const struct event *hung = EVENT_AT(t, t->processes[1].exit), *done = EVENT_AT(t, t->processes[0].exit);
    cr_expect(hung->flags & EVENT_UNFINISHED);
    cr_expect_eq(timeline_duration(t, hung), t->processes[1].end - hung->ns);
    cr_expect_eq(t->processes[1].how, END_SIGNAL);
    cr_expect_not(done->flags & EVENT_UNFINISHED);
    cr_expect_gt(timeline_duration(t, done), 0);
    cr_expect_eq(t->processes[0].status, 5);
}

Test(timeline_processes, roles_of_a_uwsgi_tree)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "uwsgi --master --workers 2");
    ft_ref one = trace_forked(root, 101);
    trace_forked(root, 102);
    trace_exit(one, FT_EXIT__exit, 30);
    trace_reap(root, 101, EXITED(30));
    trace_forked(root, 103); /* takes the place of the first */
    struct timeline *t = trace_timeline(NULL);
    cr_expect_str_eq(t->processes[0].role, "uwsgi master");
    cr_expect_str_eq(t->processes[1].role, "uwsgi worker 1");
    cr_expect_str_eq(t->processes[2].role, "uwsgi worker 2");
    cr_expect_str_eq(t->processes[3].role, "uwsgi worker 1");
}

Test(timeline_processes, roles_of_gunicorn_and_the_werkzeug_reloader)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 /usr/bin/gunicorn app:app");
    trace_forked(root, 101);
    trace_fork(root, FT_FORK_posix_spawn, 102);
    trace_image(102, 100, FT_BIRTH_EXEC, "python3 -m flask run --reload");
    ft_ref flask = trace_image(102, 100, FT_BIRTH_EXEC, "python3 -m flask run --reload");
    trace_fork(flask, FT_FORK_posix_spawn, 103);
    trace_image(103, 102, FT_BIRTH_EXEC, "/usr/bin/python3 -m flask run --reload");
    struct timeline *t = trace_timeline(NULL);
    cr_expect_str_eq(t->processes[0].role, "gunicorn arbiter");
    cr_expect_str_eq(t->processes[1].role, "gunicorn worker 1");
    cr_expect_str_eq(t->processes[2].role, "werkzeug reloader");
    cr_expect_str_eq(t->processes[3].role, "flask (reloaded)");
}
