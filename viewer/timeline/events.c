/*
 * events.c: the list of events: adding, bringing late ones into order, and
 * finding those of one process.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "order.h"

bool event_is_common(unsigned type) { return type == EVENT_SIGMASK || type == EVENT_WRITE; }

/* All in one place, so that a thread may touch it ahead (ahead.c). */
static void make_room(struct build *b, size_t room)
{
    size_t size = sizeof *b->t->events;
    b->t->events = build_map(b, b->t->events, b->event_room * size, room * size);
    b->event_room = room;
}

struct events_room events_expect(struct build *b, size_t count)
{
    struct timeline *t = b->t;
    if (count > b->event_room) make_room(b, count + count / 64 + 1024);
    return (struct events_room){(char *)t->events, count * sizeof *t->events};
}

static event_id append(struct build *b, int64_t ns, enum event_type type, ft_place place, uint32_t about)
{
    struct timeline *t = b->t;
    if (event_is_common(type)) {
        b->common[type == EVENT_WRITE].keys++;
    } else {
        b->rare = build_grow(b, b->rare, b->rare_count, sizeof *b->rare);
        b->rare[b->rare_count++] = (event_id)t->event_count;
    }
    if (t->event_count == b->event_room) make_room(b, b->event_room ? 2 * b->event_room : 1 << 10);
    t->events[t->event_count] = (struct event_kept){ns, place, about};
    return (event_id)t->event_count++;
}

static uint32_t add_about(struct build *b, const struct event_about *about)
{
    struct timeline *t = b->t;
    t->abouts = build_grow(b, t->abouts, b->about_count, sizeof *t->abouts);
    t->abouts[b->about_count] = *about;
    return (uint32_t)b->about_count++;
}

/* What many have in common: with what the same task did before, mostly. A thread is of one process. */
static uint32_t shared_about(struct build *b, struct task *task, const struct event_about *about)
{
    uint64_t who = (uint64_t)about->site << 32 | about->thread;
    uint64_t what =
        (uint64_t)about->child << 32 | (uint32_t)about->image << 16 | about->type << 8 | about->flags;
    if (task->alike.who == who && task->alike.what == what) return task->alike.about;
    uint32_t *known = map_get(&b->by_about, who, what), index;
    if (known) {
        index = *known;
    } else {
        index = add_about(b, about);
        build_map_put(b, &b->by_about, who, what, index);
        b->alike = build_grow(b, b->alike, b->alike_count, sizeof *b->alike);
        b->alike[b->alike_count++] = index;
    }
    task->alike.who = who, task->alike.what = what, task->alike.about = index;
    return index;
}

static struct event_about about_item(struct build *b, const struct item *it, enum event_type type)
{
    struct task *task = task_of(b, it);
    /* What follows a daemon() that returned to its caller; its atfork handlers run before that. */
    if (type != EVENT_ATFORK && type != EVENT_LOCK_HELD) b->threads[task->thread].daemon = NONE;
    return (struct event_about){
        .process = b->t->threads[task->thread].process,
        .thread = task->thread,
        .child = NONE,
        .image = task->image,
        .type = type,
        .flags = (it->record->state == FT_OPEN ? EVENT_UNFINISHED : 0) | (task->kernel ? EVENT_KERNEL : 0),
    };
}

/*
 * Rules ask for the records of rare events one by one, and of a file in place each of them would bring back
 * its page, and its neighbours: some are copied.
 */
#define COPIED ((size_t)16 << 20) /* bytes, at most */

static const struct ft_head *at_hand(struct build *b, const struct ft_head *record)
{
    size_t size = record->size;
    if (size > COPIED - b->copied || size < sizeof *record || !ft_reader_is_in_place(b->t->reader, record))
        return record;
    b->copied += size;
    struct ft_head *copy = memcpy(build_alloc(b, size), record, size);
    copy->size = (uint16_t)size; /* whoever changed the file meanwhile */
    return copy;
}

event_id event_add(struct build *b, const struct item *it, enum event_type type)
{
    struct event_about about = about_item(b, it, type);
    about.record = at_hand(b, it->record);
    return append(b, it->ns, type, 0, add_about(b, &about));
}

event_id event_add_alike(struct build *b, const struct item *it, enum event_type type, uint32_t child,
                         unsigned flags, uint32_t site)
{
    if (!it->place) {
        b->left_out++;
        return NONE;
    }
    struct event_about about = about_item(b, it, type);
    about.site = site, about.copy = NONE;
    about.child = child;
    if (type != EVENT_SIGMASK) about.flags &= (uint8_t)~EVENT_UNFINISHED; /* there is no end of a write */
    about.flags |= (uint8_t)flags;
    return append(b, it->ns, type, it->place, shared_about(b, &b->tasks[it->task], &about));
}

event_id event_infer(struct build *b, int64_t ns, thread_id thread, enum event_type type)
{
    struct event_about about = {
        .process = b->t->threads[thread].process,
        .thread = thread,
        .child = NONE,
        .image = b->threads[thread].image,
        .type = type,
        .flags = EVENT_INFERRED,
    };
    return append(b, ns, type, 0, add_about(b, &about));
}

struct event_about *event_about(const struct build *b, event_id e)
{
    return &b->t->abouts[b->t->events[e].about];
}

/* --- what few of them have besides ------------------------------------------------------------- */

/* The array is as long as the events, but of its pages only those exist that something was stored to. */
uint64_t *event_more(struct build *b, event_id e)
{
    if (e >= b->more_room) {
        size_t room = b->more_room ? b->more_room : 1 << 16;
        while (room <= e) room *= 2;
        b->more = build_map(b, b->more, b->more_room * sizeof *b->more, room * sizeof *b->more);
        b->more_room = room;
    }
    return &b->more[e];
}

uint64_t event_more_of(const struct timeline *t, const struct event *e)
{
    const struct build *b = build_of(t);
    return b && e->id < b->more_room ? b->more[e->id] : 0;
}

static bool lasts(unsigned type)
{
    return type == EVENT_LOCK_WAIT || type == EVENT_EXIT || type == EVENT_GREENLET_RUN;
}

int64_t timeline_duration(const struct timeline *t, const struct event *e)
{
    return lasts(e->type) ? (int64_t)event_more_of(t, e) : 0;
}

/* --- late ones ---------------------------------------------------------------------------------- */

struct late {
    struct event_kept event;
    event_id was;
    event_id now;
};

static int by_time(const void *x, const void *y)
{
    const struct late *a = x, *b = y;
    if (a->event.ns != b->event.ns) return a->event.ns < b->event.ns ? -1 : 1;
    return a->was < b->was ? -1 : 1;
}

static int by_id(const void *x, const void *y)
{
    const struct late *a = x, *b = y;
    return a->was < b->was ? -1 : 1;
}

static int by_number(const void *x, const void *y)
{
    event_id a = *(const event_id *)x, b = *(const event_id *)y;
    return a < b ? -1 : a > b;
}

/* Where everything is after the merging: an early event moved by as many places as late ones came before it.
 */
struct moves {
    const struct late *late; /* by their old ids, which follow each other */
    const event_id *before;  /* for each late one, by time: the first early event behind it */
    size_t count;
    event_id early; /* of so many */
};

static void remap(event_id *e, const struct moves *m)
{
    if (*e == NONE) return;
    if (*e >= m->early) {
        *e = m->late[*e - m->early].now;
        return;
    }
    size_t low = 0, high = m->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->before[middle] <= *e)
            low = middle + 1;
        else
            high = middle;
    }
    *e += (event_id)low;
}

static void remap_all(struct build *b, const struct moves *m)
{
    struct timeline *t = b->t;
    for (size_t i = 0; i < t->process_count; i++) {
        struct process *p = &t->processes[i];
        remap(&p->fork, m), remap(&p->exit, m), remap(&p->reap, m), remap(&p->killed_by, m);
        for (size_t k = 0; k < p->ghost_count; k++) remap(&p->ghosts[k].fork, m);
        for (size_t k = 0; k < p->disposition_count; k++) remap(&p->dispositions[k].event, m);
    }
    for (size_t i = 0; i < t->thread_count; i++) remap(&t->threads[i].create, m);
    for (size_t i = 0; i < b->rare_count; i++) {
        remap(&b->rare[i], m);
        struct event_about *about = event_about(b, b->rare[i]);
        if (about->type == EVENT_SIGACTION) remap(&about->child, m);
    }
}

static void move(struct build *b, event_id from, event_id to)
{
    b->t->events[to] = b->t->events[from];
    if (!lasts(event_about(b, to)->type)) return;
    uint64_t more = from < b->more_room ? b->more[from] : 0;
    if (!more) return;
    *event_more(b, to) = more; /* who was there has moved on already */
    b->more[from] = 0;
}

/* The rare ones by time again: those that were added late, `late` of them, are at the end. */
static void sort_rare(struct build *b, size_t late)
{
    size_t i = b->rare_count - late, at = b->rare_count;
    event_id *moved = build_alloc(b, (late + 1) * sizeof *moved);
    for (size_t k = 0; k < late; k++) moved[k] = b->rare[i + k];
    qsort(moved, late, sizeof *moved, by_number);
    while (late) b->rare[--at] = i && b->rare[i - 1] > moved[late - 1] ? b->rare[--i] : moved[--late];
}

/*
 * Some events are known only when everything has been read. They are at the end of the list, none with
 * anything besides: from the last on, each event moves to its place.
 */
static void merge_late(struct build *b)
{
    struct timeline *t = b->t;
    size_t count = t->event_count, early = b->in_order, late = count - early, rare = 0;
    if (!late) return;
    while (rare < b->rare_count && b->rare[b->rare_count - rare - 1] >= early) rare++;
    struct late *all = build_alloc(b, late * sizeof *all);
    event_id *before = build_alloc(b, late * sizeof *before);
    for (size_t i = 0; i < late; i++)
        all[i] = (struct late){.event = t->events[early + i], .was = (event_id)(early + i)};
    qsort(all, late, sizeof *all, by_time);
    size_t at = count, i = early;
    for (size_t k = late; k--;) {
        while (i && t->events[i - 1].ns > all[k].event.ns) move(b, (event_id)--i, (event_id)--at);
        t->events[--at] = all[k].event;
        all[k].now = (event_id)at;
        before[k] = (event_id)i;
    }
    qsort(all, late, sizeof *all, by_id);
    remap_all(b, &(struct moves){all, before, late, (event_id)early});
    sort_rare(b, rare);
}

static int64_t end_of(const struct timeline *t, const struct process *p)
{
    return p->end == NEVER ? t->end : p->end;
}

/* What never came back lasted as long as its process. */
static void set_duration(struct build *b, event_id i)
{
    struct timeline *t = b->t;
    struct event_about *e = event_about(b, i);
    if (!(e->flags & EVENT_UNFINISHED)) return;
    const struct process *p = &t->processes[e->process];
    if (e->type == EVENT_EXIT && p->how == END_EXIT && p->exit == i) e->flags &= (uint8_t)~EVENT_UNFINISHED;
    if (!lasts(e->type)) return;
    int64_t ns = t->events[i].ns, end = end_of(t, p);
    int64_t thread_end = t->threads[e->thread].end;
    if (thread_end != NEVER && thread_end < end) end = thread_end;
    *event_more(b, i) = end > ns ? (uint64_t)(end - ns) : 0;
}

void events_finish(struct build *b)
{
    merge_late(b);
    for (size_t i = 0; i < b->rare_count; i++) set_duration(b, b->rare[i]);
    indexes_finish(b);
}

void events_free(struct build *b)
{
    if (b->t->events) munmap(b->t->events, b->event_room * sizeof *b->t->events);
    free(b->rare), free(b->alike), free(b->t->abouts);
    map_free(&b->by_about);
    if (b->more) munmap(b->more, b->more_room * sizeof *b->more);
}
