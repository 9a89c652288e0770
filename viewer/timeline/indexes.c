/*
 * indexes.c: events by what is asked of them: of a process, of a type, the
 * handlers installed in a process, the signals sent to one. Each is a list of
 * all its events in order, and where in it those of one begin.
 */
#include <stdlib.h>

#include "build.h"

/* What an event is filed under; NONE: it is not in this index. */
typedef uint32_t key_of(const struct event *e);

static uint32_t its_process(const struct event *e) { return e->process; }
static uint32_t its_type(const struct event *e) { return e->type; }
static uint32_t installed_in(const struct event *e)
{
    return e->type == EVENT_SIGACTION && e->record ? e->process : NONE;
}
static uint32_t signalled(const struct event *e)
{
    if (e->type == EVENT_SIGNAL && e->child == NONE) return e->process; /* nobody in the run sent it */
    return e->type == EVENT_KILL && e->record && !timeline_kill_thread(e) ? e->child : NONE;
}

static void file(struct build *b, struct event_index *x, size_t keys, key_of *key)
{
    const struct timeline *t = b->t;
    x->keys = keys;
    x->first = calloc(keys + 2, sizeof *x->first);
    if (!x->first) longjmp(b->no_memory, 1);
    for (size_t i = 0; i < t->event_count; i++) {
        uint32_t k = key(&t->events[i]);
        if (k < keys) x->first[k + 2]++;
    }
    for (size_t k = 2; k < keys + 2; k++) x->first[k] += x->first[k - 1];
    x->list = malloc((x->first[keys + 1] + 1) * sizeof *x->list);
    if (!x->list) longjmp(b->no_memory, 1);
    for (size_t i = 0; i < t->event_count; i++) {
        uint32_t k = key(&t->events[i]);
        if (k < keys) x->list[x->first[k + 1]++] = (event_id)i; /* then first[k + 1] is where they end */
    }
}

static const event_id *of(const struct event_index *x, uint32_t key, size_t *count)
{
    *count = key < x->keys ? x->first[key + 1] - x->first[key] : 0;
    return *count ? x->list + x->first[key] : x->list;
}

void indexes_finish(struct build *b)
{
    file(b, &b->by_process, b->t->process_count, its_process);
    file(b, &b->by_type, EVENT_TYPE_COUNT, its_type);
    file(b, &b->installs, b->t->process_count, installed_in);
    file(b, &b->signals, b->t->process_count, signalled);
}

static void release(struct event_index *x) { free(x->list), free(x->first); }

void indexes_free(struct build *b)
{
    release(&b->by_process), release(&b->by_type), release(&b->installs), release(&b->signals);
}

const event_id *timeline_events_of(const struct timeline *t, process_id process, size_t *count)
{
    return of(&build_of(t)->by_process, process, count);
}

const event_id *timeline_events_of_type(const struct timeline *t, enum event_type type, size_t *count)
{
    return of(&build_of(t)->by_type, type, count);
}

const event_id *timeline_installs_of(const struct timeline *t, process_id process, size_t *count)
{
    return of(&build_of(t)->installs, process, count);
}

const event_id *timeline_signals_to(const struct timeline *t, process_id target, size_t *count)
{
    return of(&build_of(t)->signals, target, count);
}
