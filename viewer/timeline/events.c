/*
 * events.c: the list of events: adding, bringing late ones into order, and
 * finding those of one process.
 */
#include <stdlib.h>
#include <string.h>

#include "build.h"

static struct event *append(struct build *b)
{
    struct timeline *t = b->t;
    t->events = build_grow(b, t->events, t->event_count, sizeof *t->events);
    return &t->events[t->event_count++];
}

static event_id last(const struct build *b) { return (event_id)(b->t->event_count - 1); }

event_id event_add(struct build *b, const struct item *it, enum event_type type)
{
    struct task *task = task_of(b, it);
    *append(b) = (struct event){
        .ns = it->ns,
        .record = it->record,
        .process = b->t->threads[task->thread].process,
        .thread = task->thread,
        .child = NONE,
        .image = task->image,
        .type = type,
        .flags = (it->record->state == FT_OPEN ? EVENT_UNFINISHED : 0) | (task->kernel ? EVENT_KERNEL : 0),
    };
    /* What follows a daemon() that returned to its caller; its atfork handlers run before that. */
    if (type != EVENT_ATFORK && type != EVENT_LOCK_HELD) b->threads[task->thread].daemon = NONE;
    return last(b);
}

event_id event_infer(struct build *b, int64_t ns, thread_id thread, enum event_type type)
{
    *append(b) = (struct event){
        .ns = ns,
        .process = b->t->threads[thread].process,
        .thread = thread,
        .child = NONE,
        .image = b->threads[thread].image,
        .type = type,
        .flags = EVENT_INFERRED,
    };
    return last(b);
}

struct late {
    int64_t ns;
    event_id event;
};

static int by_time(const void *x, const void *y)
{
    const struct late *a = x, *b = y;
    if (a->ns != b->ns) return a->ns < b->ns ? -1 : 1;
    return a->event < b->event ? -1 : 1;
}

static void remap(event_id *e, const event_id *now)
{
    if (*e != NONE) *e = now[*e];
}

static void remap_all(struct build *b, const event_id *now)
{
    struct timeline *t = b->t;
    for (size_t i = 0; i < t->process_count; i++) {
        struct process *p = &t->processes[i];
        remap(&p->fork, now), remap(&p->exit, now), remap(&p->reap, now), remap(&p->killed_by, now);
        for (size_t k = 0; k < p->ghost_count; k++) remap(&p->ghosts[k].fork, now);
        for (size_t k = 0; k < p->disposition_count; k++) remap(&p->dispositions[k].event, now);
    }
    for (size_t i = 0; i < t->thread_count; i++) remap(&t->threads[i].create, now);
    for (size_t i = 0; i < t->event_count; i++)
        if (t->events[i].type == EVENT_SIGACTION) remap(&t->events[i].child, now);
}

/* Some events are known only when everything has been read. They are at the end of the list: merge them in.
 */
static void merge_late(struct build *b)
{
    struct timeline *t = b->t;
    size_t count = t->event_count, early = b->in_order, late = count - early;
    if (!late) return;
    struct event *merged = malloc(count * sizeof *merged);
    event_id *now = malloc(count * sizeof *now);
    struct late *order = malloc(late * sizeof *order);
    if (!merged || !now || !order) {
        free(merged), free(now), free(order);
        longjmp(b->no_memory, 1);
    }
    for (size_t i = 0; i < late; i++)
        order[i] = (struct late){t->events[early + i].ns, (event_id)(early + i)};
    qsort(order, late, sizeof *order, by_time);
    for (size_t i = 0, k = 0, at = 0; at < count; at++) {
        bool take_early = i < early && (k == late || t->events[i].ns <= order[k].ns);
        event_id from = take_early ? (event_id)i++ : order[k++].event;
        merged[at] = t->events[from];
        now[from] = (event_id)at;
    }
    free(t->events);
    t->events = merged;
    remap_all(b, now);
    free(now), free(order);
}

static int64_t end_of(const struct timeline *t, const struct process *p)
{
    return p->end == NEVER ? t->end : p->end;
}

/* What never came back lasted as long as its process. */
static void set_durations(struct timeline *t)
{
    for (size_t i = 0; i < t->event_count; i++) {
        struct event *e = &t->events[i];
        if (!(e->flags & EVENT_UNFINISHED)) continue;
        const struct process *p = &t->processes[e->process];
        if (e->type == EVENT_EXIT && p->how == END_EXIT && p->exit == i)
            e->flags &= (uint8_t)~EVENT_UNFINISHED;
        if (e->type != EVENT_EXIT && e->type != EVENT_LOCK_WAIT && e->type != EVENT_GREENLET_RUN) continue;
        int64_t end = end_of(t, p);
        int64_t thread_end = t->threads[e->thread].end;
        if (thread_end != NEVER && thread_end < end) end = thread_end;
        e->duration = end > e->ns ? end - e->ns : 0;
    }
}

void events_finish(struct build *b)
{
    merge_late(b);
    set_durations(b->t);
    indexes_finish(b);
}
