/*
 * greenlets.c: greenlets: when they were first seen, when no more, and their
 * copies in forked children, which go by the same reference.
 */
#include "build.h"

/* Each copy at a fork takes memory: no real run comes near this, a forged file must not fill it. */
#define COPIES_A_RECORD 64
#define COPIES_ALWAYS   1000000

static thread_id find(const struct build *b, ft_ref greenlet, process_id p)
{
    uint32_t *known = map_get(&b->by_greenlet, greenlet, p);
    return known ? *known : NONE;
}

static void name_it(struct build *b, thread_id id, ft_ref ref, const struct ft_greenlet *record)
{
    struct thread *g = &b->t->threads[id];
    g->python_name = record->name ? build_string_once(b, record->name) : NULL;
    g->python = python_function_of(b->t, record->function);
    g->type = record->type ? build_string_once(b, record->type) : NULL;
    g->hub = record->flags & FT_GREENLET_HUB;
    b->threads[id].greenlet = ref;
    build_map_put(b, &b->by_greenlet, ref, g->process, id);
}

void greenlets_seen(struct build *b, const struct item *it)
{
    struct ft_greenlet record = FT_GET(greenlet, it->record);
    event_id e = event_add(b, it, EVENT_GREENLET);
    thread_id runner = event_about(b, e)->thread;
    thread_id id = thread_add_greenlet(b, event_about(b, e)->process, runner, it->ns);
    b->t->threads[id].runs_on = runner;
    b->t->threads[id].create = e;
    event_about(b, e)->child = id;
    b->threads[id].image = b->threads[runner].image;
    name_it(b, id, it->ref, &record);
    uint32_t *run = map_get(&b->early_runs, it->ref, event_about(b, e)->process);
    if (run) event_about(b, *run)->child = id;
}

/* What the child of that fork has of this greenlet. */
static void copy(struct build *b, thread_id of, process_id child, bool forker)
{
    if (b->greenlet_count++ >= COPIES_ALWAYS + order_count(b) * COPIES_A_RECORD) {
        b->left_out++;
        return;
    }
    ft_ref ref = b->threads[of].greenlet;
    const struct ft_head *record = ft_reader_find(b->t->reader, ref, FT_GREENLET);
    if (!record || find(b, ref, child) != NONE) return;
    struct ft_greenlet greenlet = FT_GET(greenlet, record);
    thread_id id = thread_add_greenlet(b, child, b->t->threads[of].created_by, b->t->processes[child].start);
    struct thread *g = &b->t->threads[id], *original = &b->t->threads[of];
    g->copy_of = of;
    g->forker = forker;
    g->runs_on = b->t->processes[child].main;
    g->create = original->create;
    g->waits_at = original->waits_at;
    b->threads[id].image = b->threads[g->runs_on].image;
    name_it(b, id, ref, &greenlet);
}

/* Those of the thread that were not in its picture have come to their end since the one before. */
static void end_others(struct build *b, process_id p, thread_id runner, int64_t ns)
{
    for (thread_id t = b->processes[p].greenlets, next; t != NONE; t = next) {
        next = b->threads[t].alive_next;
        if (b->t->threads[t].runs_on == runner && b->threads[t].picture != b->pictures)
            thread_end(b, t, ns, THREAD_RETURNED);
    }
}

void greenlets_picture(struct build *b, const struct item *it)
{
    struct ft_greenlets record = FT_GET(greenlets, it->record);
    thread_id runner = task_of(b, it)->thread;
    process_id p = b->t->threads[runner].process;
    struct task *forked = record.fork ? task_find(b, record.fork) : NULL;
    process_id child = forked && forked->thread != NONE ? b->t->threads[forked->thread].process : NONE;
    bool forks = record.when == FT_PY_AT_FORK && child != NONE && b->t->processes[child].parent == p;
    size_t length;
    const struct ft_greenlet_at *list = ft_tail(it->record, sizeof record, &length);
    size_t count = length / sizeof *list < record.count ? length / sizeof *list : record.count;
    b->pictures++;
    for (size_t i = 0; i < count; i++) {
        thread_id t = find(b, list[i].greenlet, p);
        if (t == NONE) continue;
        b->threads[t].picture = b->pictures;
        b->t->threads[t].waits_at = list[i].stack;
        if (forks) copy(b, t, child, list[i].greenlet == record.current);
    }
    if (!record.others) end_others(b, p, runner, it->ns);
}

void greenlets_run(struct build *b, const struct item *it)
{
    struct ft_greenlet_run record = FT_GET(greenlet_run, it->record);
    event_id e = event_add(b, it, EVENT_GREENLET_RUN);
    int64_t began = ft_reader_ns(b->t->reader, record.since), ran = 0;
    bool nonsense = __builtin_sub_overflow(ft_reader_ns(b->t->reader, it->record->time), began, &ran);
    event_about(b, e)->child = find(b, record.greenlet, event_about(b, e)->process);
    *event_more(b, e) = nonsense || ran < 0 ? 0 : (uint64_t)ran;
    if (event_about(b, e)->child == NONE && record.greenlet) /* it was first seen at this run's end */
        build_map_put(b, &b->early_runs, record.greenlet, event_about(b, e)->process, e);
}

/* What ran at the end: the event loop, which waits for something to do, is no event. */
void greenlets_slot(struct build *b, const struct item *it)
{
    struct ft_greenlet_slot record = FT_GET(greenlet_slot, it->record);
    if (record.flags & FT_GREENLET_HUB || (!record.flags && !record.function)) return;
    event_id e = event_add(b, it, EVENT_GREENLET_RUN);
    event_about(b, e)->flags |= EVENT_UNFINISHED;
}

struct python_function timeline_greenlet_ran(const struct timeline *t, const struct event *e)
{
    if (e->child != NONE) return t->threads[e->child].python;
    if (!e->record || e->record->type != FT_GREENLET_SLOT) return (struct python_function){0};
    return python_function_of(t, FT_GET(greenlet_slot, e->record).function);
}

/* At an end nobody counted: those that had been seen before. */
static uint32_t seen_before(const struct timeline *t, const struct event *e)
{
    uint32_t count = 0;
    for (thread_id i = timeline_next_thread(t, e->process, NONE); i != NONE;
         i = timeline_next_thread(t, e->process, i)) {
        const struct thread *g = &t->threads[i];
        bool there = g->kind == THREAD_GREENLET && !g->hub && g->start <= e->ns && g->runs_on == e->thread;
        count += there && (g->end == NEVER || g->end > e->ns);
    }
    return count;
}

uint32_t timeline_greenlets_waiting(const struct timeline *t, const struct event *e)
{
    if (!e->record) return 0;
    if (e->record->type == FT_GREENLET_RUN) return FT_GET(greenlet_run, e->record).others;
    return seen_before(t, e);
}

thread_id timeline_greenlet_origin(const struct timeline *t, thread_id greenlet)
{
    while (t->threads[greenlet].copy_of != NONE) greenlet = t->threads[greenlet].copy_of;
    return greenlet;
}
