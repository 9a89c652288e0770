/*
 * waits.c: waits that were long, waits that never ended, and locks held when a
 * process forked.
 */
#include "build.h"

#define ANCESTORS 64 /* looked through for the owner of a lock */

/*
 * glibc keeps the owner's tid in a mutex. In a child that tid is one of the
 * parent: the thread that holds the lock may not exist here.
 */
static thread_id owner(struct build *b, process_id p, uint32_t tid)
{
    for (int i = 0; tid && p != NONE && i < ANCESTORS; i++) {
        thread_id t = thread_by_tid(b, p, tid);
        if (t != NONE) return t;
        p = b->t->processes[p].parent;
    }
    return NONE;
}

/* A wait of timed waits in a row is told more than once, from the same beginning: one event. */
static struct event *wait_event(struct build *b, const struct item *it)
{
    for (size_t i = b->t->event_count; i-- > 0 && b->t->events[i].ns == it->ns;) {
        struct event *event = &b->t->events[i];
        if (event->type == EVENT_LOCK_WAIT && event->record->task == it->record->task) return event;
    }
    event_id added = event_add(b, it, EVENT_LOCK_WAIT); /* moves the array: only then take an address in it */
    return &b->t->events[added];
}

void waits_wait(struct build *b, const struct item *it)
{
    struct ft_wait record = FT_GET(wait, it->record);
    struct event *event = wait_event(b, it);
    int64_t end = ft_reader_ns(b->t->reader, record.head.time) - b->t->origin;
    int64_t duration = end > event->ns ? end - event->ns : 0;
    bool goes_on = event->record != it->record && event->flags & EVENT_UNFINISHED;
    if (goes_on || duration < event->duration) return; /* the slot, or a later record, knows better */
    event->record = it->record;
    event->duration = duration;
    event->flags = 0;
    event->child = owner(b, event->process, record.owner_tid);
}

void waits_slot(struct build *b, const struct item *it)
{
    struct ft_wait_slot record = FT_GET(wait_slot, it->record);
    struct event *event = wait_event(b, it);
    event->record = it->record;
    event->flags = EVENT_UNFINISHED;
    event->child = owner(b, event->process, record.owner_tid);
}

void waits_held(struct build *b, const struct item *it)
{
    struct ft_held record = FT_GET(held, it->record);
    event_id e = event_add(b, it, EVENT_LOCK_HELD);
    struct task *holder = task_find(b, record.holder);
    if (holder) b->t->events[e].child = holder->thread;
}

bool timeline_owner_alive(const struct timeline *t, const struct event *e)
{
    if (e->type != EVENT_LOCK_WAIT || e->child == NONE) return false;
    const struct thread *owner = &t->threads[e->child];
    return owner->process == e->process && (owner->end == NEVER || owner->end > e->ns);
}
