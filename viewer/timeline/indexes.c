/*
 * indexes.c: events by what is asked of them: of a process, of a type, the
 * handlers installed in a process, the signals sent to one. Each is a list of
 * all its events in order, and where in it those of one begin.
 */
#include <stdlib.h>
#include <sys/mman.h>

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

/* The events to be filed: `list`, or all of them if it is NULL. */
struct source {
    const event_id *list;
    size_t count;
};

static event_id nth(const struct source *s, size_t i) { return s->list ? s->list[i] : (event_id)i; }

static void name_keys(struct build *b, struct event_index *x, size_t keys)
{
    x->keys = keys;
    x->first = calloc(keys + 2, sizeof *x->first);
    if (!x->first) longjmp(b->no_memory, 1);
}

static void count(const struct timeline *t, struct event_index *x, struct source s, key_of *key)
{
    for (size_t i = 0; i < s.count; i++) {
        uint32_t k = key(EVENT_AT(t, nth(&s, i)));
        if (k < x->keys) x->first[k + 2]++;
    }
    for (size_t k = 2; k < x->keys + 2; k++) x->first[k] += x->first[k - 1];
}

/* Address space for all that may be filed: what is not takes no memory, and filing later cannot fail. */
static void reserve(struct build *b, struct event_index *x, size_t entries)
{
    x->room = (entries + 1) * sizeof *x->list;
    x->list = build_map(b, NULL, 0, x->room);
}

static void fill(const struct timeline *t, struct event_index *x, struct source s, key_of *key)
{
    for (size_t i = 0; i < s.count; i++) {
        event_id e = nth(&s, i);
        uint32_t k = key(EVENT_AT(t, e));
        if (k < x->keys) x->list[x->first[k + 1]++] = e; /* then first[k + 1] is where they end */
    }
    x->filled = true;
}

static void file(struct build *b, struct event_index *x, size_t keys, struct source s, key_of *key)
{
    name_keys(b, x, keys);
    count(b->t, x, s, key);
    reserve(b, x, x->first[keys + 1]);
    fill(b->t, x, s, key);
}

static const event_id *of(const struct event_index *x, uint32_t key, size_t *count_of)
{
    *count_of = key < x->keys ? x->first[key + 1] - x->first[key] : 0;
    return *count_of ? x->list + x->first[key] : x->list;
}

void indexes_finish(struct build *b)
{
    struct source rare = {b->rare, b->rare_count};
    file(b, &b->by_type, EVENT_TYPE_COUNT, rare, its_type);
    file(b, &b->installs, b->t->process_count, rare, installed_in);
    file(b, &b->signals, b->t->process_count, rare, signalled);
    for (int i = 0; i < COMMON_TYPES; i++) reserve(b, &b->common[i], b->common[i].keys);
    reserve(b, &b->by_process, b->t->event_count);
    name_keys(b, &b->by_process, b->t->process_count);
}

static void release(struct event_index *x)
{
    if (x->list) munmap(x->list, x->room);
    free(x->first);
}

void indexes_free(struct build *b)
{
    release(&b->by_process), release(&b->by_type), release(&b->installs), release(&b->signals);
    for (int i = 0; i < COMMON_TYPES; i++) release(&b->common[i]);
}

/* --- questions -------------------------------------------------------------------------------- */

size_t timeline_events_before(const struct timeline *t, int64_t ns)
{
    size_t low = 0, high = t->event_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->events[middle].ns < ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const event_id *timeline_events_of(const struct timeline *t, process_id process, size_t *count_of)
{
    struct event_index *x = &build_of(t)->by_process;
    struct source all = {.count = t->event_count};
    if (!x->filled) count(t, x, all, its_process), fill(t, x, all, its_process);
    return of(x, process, count_of);
}

static const event_id *common_of(const struct timeline *t, enum event_type type, size_t *count_of)
{
    struct event_index *x = &build_of(t)->common[type == EVENT_WRITE];
    for (size_t i = 0, n = 0; !x->filled && n < x->keys; i++)
        if (EVENT_AT(t, i)->type == type) x->list[n++] = (event_id)i;
    x->filled = true;
    *count_of = x->keys;
    return x->list;
}

const event_id *timeline_events_of_type(const struct timeline *t, enum event_type type, size_t *count_of)
{
    return event_is_common(type) ? common_of(t, type, count_of) : of(&build_of(t)->by_type, type, count_of);
}

size_t timeline_writes(const struct timeline *t) { return build_of(t)->common[1].keys; }

const event_id *timeline_rare_events(const struct timeline *t, size_t *count_of)
{
    *count_of = build_of(t)->rare_count;
    return build_of(t)->rare;
}

const event_id *timeline_installs_of(const struct timeline *t, process_id process, size_t *count_of)
{
    return of(&build_of(t)->installs, process, count_of);
}

const event_id *timeline_signals_to(const struct timeline *t, process_id target, size_t *count_of)
{
    return of(&build_of(t)->signals, target, count_of);
}
