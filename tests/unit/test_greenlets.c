/*
 * test_greenlets.c: greenlets in the timeline: seen, gone, copied by a fork,
 * never taken for threads; and the findings about them, with healthy twins.
 */
#include <string.h>
#include <unistd.h>

#include "build_trace.h"
#include "viewer/findings/findings.h"

TestSuite(greenlets, .init = trace_begin, .fini = trace_end);

#define A_WHILE 60000 /* us: longer than a moment */
#define LIST(...) \
    (ft_ref[]) { __VA_ARGS__, 0 }

/* The greenlet of a process with this name. */
static thread_id greenlet(const struct timeline *t, process_id p, const char *name)
{
    for (thread_id i = timeline_next_thread(t, p, NONE); i != NONE; i = timeline_next_thread(t, p, i)) {
        const struct thread *th = &t->threads[i];
        if (th->kind == THREAD_GREENLET && th->python_name && !strcmp(th->python_name, name)) return i;
    }
    return NONE;
}

static size_t findings(const struct timeline *t, enum rule_id rule, const struct finding **first)
{
    struct findings *found = findings_find(t);
    size_t count = 0;
    for (size_t i = 0; i < found->count; i++)
        if (found->list[i]->rule == rule && !count++ && first) *first = found->list[i];
    return count;
}

Test(greenlets, are_run_by_the_thread_that_told_of_them)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py");
    ft_ref a = trace_greenlet(root, "a", "gevent.Greenlet", 0), hub = trace_greenlet(root, "", "Hub", 1);
    trace_greenlets(root, 0, 0, 0, LIST(a, hub));
    struct timeline *t = trace_timeline((uint32_t[]){100, 0});
    cr_assert_eq(t->thread_count, 3);
    const struct thread *g = &t->threads[greenlet(t, 0, "a")];
    cr_expect_eq(g->runs_on, t->processes[0].main);
    cr_expect_eq(g->copy_of, NONE);
    cr_expect_eq(g->tid, 0);
    cr_expect_eq(g->end, NEVER);
    cr_expect(!g->hub && t->threads[2].hub);
    cr_expect_eq(EVENT_AT(t, g->create)->type, EVENT_GREENLET);
    cr_expect_eq(EVENT_AT(t, g->create)->child, greenlet(t, 0, "a"));
}

Test(greenlets, are_gone_by_the_picture_that_lacks_them)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py");
    ft_ref a = trace_greenlet(root, "a", "", 0), c = trace_greenlet(root, "c", "", 0);
    trace_greenlets(root, 0, 0, 0, LIST(a, c));
    trace_greenlets(root, 0, 0, 1, LIST(a)); /* there was no room for one: c may be it */
    struct timeline *t = trace_timeline((uint32_t[]){100, 0});
    cr_expect_eq(t->threads[greenlet(t, 0, "c")].end, NEVER);
    trace_greenlets(root, 0, 0, 0, LIST(a));
    t = trace_timeline((uint32_t[]){100, 0});
    cr_expect_eq(t->threads[greenlet(t, 0, "c")].how, THREAD_RETURNED);
    cr_expect_eq(t->threads[greenlet(t, 0, "a")].how, THREAD_RUNNING);
}

Test(greenlets, of_another_thread_are_left_alone_by_a_picture)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py");
    ft_ref thread = trace_thread_at(root, 100, 101, 0x7000);
    ft_ref a = trace_greenlet(root, "a", "", 0), c = trace_greenlet(thread, "c", "", 0);
    trace_greenlets(root, 0, 0, 0, LIST(a));
    trace_greenlets(thread, 0, 0, 0, LIST(c));
    struct timeline *t = trace_timeline((uint32_t[]){100, 0});
    cr_expect_eq(t->threads[greenlet(t, 0, "a")].end, NEVER);
    cr_expect_eq(t->threads[greenlet(t, 0, "c")].end, NEVER);
    cr_expect_eq(t->threads[greenlet(t, 0, "c")].runs_on, 1);
}

Test(greenlets, are_copied_by_a_fork_and_lost_by_none)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py");
    ft_ref child = trace_fork(root, FT_FORK_fork, 101);
    ft_ref a = trace_greenlet(root, "a", "", 0), c = trace_greenlet(root, "c", "", 0);
    trace_greenlets(root, child, c, 0, LIST(a, c));
    trace_child(child, 101);
    trace_greenlets(child, 0, 0, 0, LIST(a)); /* goes by the same name in the child */
    struct timeline *t = trace_timeline((uint32_t[]){100, 101, 0});
    thread_id copy = greenlet(t, 1, "a");
    cr_assert_neq(copy, NONE);
    cr_expect_eq(t->threads[copy].copy_of, greenlet(t, 0, "a"));
    cr_expect_eq(timeline_greenlet_origin(t, copy), greenlet(t, 0, "a"));
    cr_expect_eq(t->threads[copy].runs_on, t->processes[1].main);
    cr_expect_eq(t->threads[copy].start, t->processes[1].start);
    cr_expect(!t->threads[copy].forker && t->threads[greenlet(t, 1, "c")].forker);
    cr_expect_eq(t->threads[greenlet(t, 1, "c")].how, THREAD_RETURNED);
    cr_expect_eq(t->threads[greenlet(t, 0, "c")].how, THREAD_RUNNING); /* the parent's goes on */
    cr_expect_eq(t->processes[1].ghost_count, 0);
}

Test(greenlets, end_with_their_image_and_their_process)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py");
    ft_ref child = trace_fork(root, FT_FORK_fork, 101);
    ft_ref a = trace_greenlet(root, "a", "", 0);
    trace_greenlets(root, child, 0, 0, LIST(a));
    trace_child(child, 101);
    trace_exec(child, "/bin/true");
    trace_image(101, 100, FT_BIRTH_EXEC, "true");
    trace_exit(root, FT_EXIT__exit, 0);
    struct timeline *t = trace_timeline(NULL);
    cr_expect_eq(t->threads[greenlet(t, 1, "a")].how, THREAD_EXEC);
    cr_expect_eq(t->threads[greenlet(t, 0, "a")].how, THREAD_PROCESS_ENDED);
    cr_expect_eq(findings(t, RULE_greenlet_survives, NULL), 0);
}

/* A fork with a greenlet a, which calls it or not; the child ends after `stays` us. */
static struct timeline *forked(bool by_a, bool hub, useconds_t stays)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py");
    ft_ref child = trace_fork(root, FT_FORK_fork, 101);
    ft_ref a = trace_greenlet(root, "a", "gevent.Greenlet", hub ? FT_GREENLET_HUB : 0);
    trace_greenlets(root, child, by_a ? a : 0, 0, LIST(a));
    trace_child(child, 101);
    usleep(stays);
    trace_exit(child, FT_EXIT__exit, 0);
    return trace_timeline((uint32_t[]){100, 0});
}

Test(greenlets, that_survive_a_fork_are_told)
{
    const struct finding *x = NULL;
    struct timeline *t = forked(false, false, A_WHILE);
    cr_assert_eq(findings(t, RULE_greenlet_survives, &x), 1);
    cr_expect_eq(x->severity, SEVERITY_WARNING);
    cr_expect_str_eq(x->subject, "a");
    cr_expect_eq(x->processes.count, 2);
    cr_expect(strstr(x->title, "greenlet `a`") && strstr(x->explanation, "_DummyThread"));
    cr_expect_eq(x->evidence.count, 2); /* when it was seen, and the fork */
}

Test(greenlets, in_a_child_that_ends_at_once_are_not)
{
    cr_expect_eq(findings(forked(false, false, 0), RULE_greenlet_survives, NULL), 0);
}

Test(greenlets, that_are_the_event_loop_are_not)
{
    cr_expect_eq(findings(forked(false, true, A_WHILE), RULE_greenlet_survives, NULL), 0);
}

Test(greenlets, that_called_the_fork_are_not)
{
    cr_expect_eq(findings(forked(true, false, A_WHILE), RULE_greenlet_survives, NULL), 0);
}

Test(greenlets, that_the_child_ends_at_once_are_not)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py");
    ft_ref child = trace_fork(root, FT_FORK_fork, 101);
    ft_ref a = trace_greenlet(root, "a", "", 0), c = trace_greenlet(root, "", "Hub", FT_GREENLET_HUB);
    trace_greenlets(root, child, 0, 0, LIST(a, c));
    trace_child(child, 101);
    trace_greenlets(child, 0, 0, 0, LIST(c));
    usleep(A_WHILE);
    trace_exit(child, FT_EXIT__exit, 0);
    cr_expect_eq(findings(trace_timeline((uint32_t[]){100, 0}), RULE_greenlet_survives, NULL), 0);
}

/* --- who keeps the thread ---------------------------------------------------------------------- */

#define LONG_RUN 1100000 /* us */

static ft_ref python(void) { return trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py"); }

/* The greenlet a runs so long, while so many others wait. */
static struct timeline *ran(useconds_t so_long, uint32_t others)
{
    ft_ref root = python();
    uint64_t since = trace_now();
    usleep(so_long);
    ft_ref a = trace_greenlet(root, "a", "", 0); /* first seen when its run had lasted too long */
    trace_greenlet_run(root, a, since, others);
    return trace_timeline((uint32_t[]){100, 0});
}

Test(greenlets, that_keep_the_thread_are_told)
{
    const struct finding *x = NULL;
    struct timeline *t = ran(LONG_RUN, 3);
    cr_assert_eq(findings(t, RULE_greenlet_starved, &x), 1);
    cr_expect_eq(x->severity, SEVERITY_WARNING);
    cr_expect_str_eq(x->subject, "a");
    cr_expect(strstr(x->title, "greenlet `a`") && strstr(x->title, "3 other greenlets"), "%s", x->title);
    const struct event *e = EVENT_AT(t, x->evidence.list[0]);
    cr_expect_eq(e->child, greenlet(t, 0, "a"));
    cr_expect(timeline_duration(t, e) >= LONG_RUN * 1000ll && !e->flags);
}

Test(greenlets, that_keep_it_from_nobody_are_not)
{
    cr_expect_eq(findings(ran(LONG_RUN, 0), RULE_greenlet_starved, NULL), 0);
}

Test(greenlets, that_give_way_in_time_are_not)
{
    cr_expect_eq(findings(ran(LONG_RUN / 4, 3), RULE_greenlet_starved, NULL), 0);
}

/* What runs when the process is killed; a greenlet `other` was seen before. */
static struct timeline *runs_at_the_end(const char *function, uint32_t flags)
{
    ft_ref root = python();
    trace_greenlets(root, 0, 0, 0, LIST(trace_greenlet(root, "other", "", 0)));
    trace_greenlet_runs(root, function, flags);
    usleep(LONG_RUN);
    trace_reap(root, 100, 9);
    trace_sigmask(root, 0, 0); /* its last record */
    return trace_timeline(NULL);
}

Test(greenlets, that_never_give_way_are_told)
{
    const struct finding *x = NULL;
    struct timeline *t = runs_at_the_end("forever", 0);
    cr_assert_eq(findings(t, RULE_greenlet_starved, &x), 1);
    cr_expect_str_eq(x->subject, "forever");
    cr_expect(strstr(x->title, "to the end"), "%s", x->title);
    cr_expect_eq(EVENT_AT(t, x->evidence.list[0])->flags, EVENT_UNFINISHED);
}

Test(greenlets, the_event_loop_may_wait_to_the_end)
{
    cr_expect_eq(findings(runs_at_the_end("run", FT_GREENLET_HUB), RULE_greenlet_starved, NULL), 0);
}

Test(greenlets, what_is_not_known_is_not_told)
{
    cr_expect_eq(findings(runs_at_the_end("", 0), RULE_greenlet_starved, NULL), 0);
}

/* Without switches: a wait of the thread itself for a lock, with a loop and a greenlet there, or not. */
static size_t waits(bool loop)
{
    ft_ref root = python();
    ft_ref a = trace_greenlet(root, "a", "", 0), hub = trace_greenlet(root, "", "Hub", FT_GREENLET_HUB);
    trace_greenlets(root, 0, 0, 0, loop ? LIST(a, hub) : LIST(hub));
    uint64_t since = trace_now();
    usleep(LONG_RUN);
    trace_wait(root, since, 0x5000, 0);
    trace_greenlets(root, 0, 0, 0, loop ? LIST(a, hub) : LIST(hub));
    return findings(trace_timeline((uint32_t[]){100, 0}), RULE_greenlet_starved, NULL);
}

Test(greenlets, a_wait_of_their_thread_keeps_it_from_them) { cr_expect_eq(waits(true), 1); }
Test(greenlets, a_wait_with_no_greenlet_there_harms_nobody) { cr_expect_eq(waits(false), 0); }
