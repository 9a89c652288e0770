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

/*
 * The event of this wait. A long row of timed waits is told several times, each
 * with the same beginning: that is one event, of what was told last.
 */
static struct event *wait_event(struct build *b, const struct item *it, uint32_t owner_tid)
{
    thread_id thread = task_of(b, it)->thread;
    event_id e = b->threads[thread].wait;
    if (e != NONE && b->t->events[e].ns == it->ns) return &b->t->events[e];
    e = event_add(b, it, EVENT_LOCK_WAIT);
    struct event *event = &b->t->events[e];
    b->threads[thread].wait = e;
    event->flags = 0;
    event->duration = -1;
    event->child = owner(b, event->process, owner_tid);
    return event;
}

void waits_wait(struct build *b, const struct item *it)
{
    struct ft_wait record = FT_GET(wait, it->record);
    struct event *event = wait_event(b, it, record.owner_tid);
    int64_t end = ft_reader_ns(b->t->reader, record.head.time) - b->t->origin;
    int64_t duration = end > event->ns ? end - event->ns : 0;
    if ((event->flags & EVENT_UNFINISHED) || duration < event->duration) return;
    event->duration = duration;
    event->record = it->record;
}

void waits_slot(struct build *b, const struct item *it)
{
    struct event *event = wait_event(b, it, FT_GET(wait_slot, it->record).owner_tid);
    event->flags = EVENT_UNFINISHED;
    event->record = it->record;
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
