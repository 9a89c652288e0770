/*
 * waits.c: waits that were long, waits that never ended, and locks held when a
 * process forked.
 */
#include <string.h>

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
static event_id wait_event(struct build *b, const struct item *it, uint32_t owner_tid)
{
    thread_id thread = task_of(b, it)->thread;
    event_id e = b->threads[thread].wait;
    if (e != NONE && b->t->events[e].ns == it->ns) return e;
    e = event_add(b, it, EVENT_LOCK_WAIT);
    struct event_about *event = event_about(b, e);
    b->threads[thread].wait = e;
    event->flags &= EVENT_KERNEL;
    *event_more(b, e) = (uint64_t)-1;
    event->child = owner(b, event->process, owner_tid);
    return e;
}

void waits_wait(struct build *b, const struct item *it)
{
    struct ft_wait record = FT_GET(wait, it->record);
    event_id e = wait_event(b, it, record.owner_tid);
    struct event_about *event = event_about(b, e);
    uint64_t *known = event_more(b, e);
    int64_t end = ft_reader_ns(b->t->reader, record.head.time) - b->t->origin;
    int64_t begin = b->t->events[e].ns, duration = end > begin ? end - begin : 0;
    if ((event->flags & EVENT_UNFINISHED) || duration < (int64_t)*known) return;
    *known = (uint64_t)duration;
    event->record = it->record;
}

void waits_slot(struct build *b, const struct item *it)
{
    event_id e = wait_event(b, it, FT_GET(wait_slot, it->record).owner_tid);
    struct event_about *event = event_about(b, e);
    event->flags |= EVENT_UNFINISHED;
    event->record = it->record;
}

void waits_held(struct build *b, const struct item *it)
{
    struct ft_held record = FT_GET(held, it->record);
    event_id e = event_add(b, it, EVENT_LOCK_HELD);
    struct task *holder = task_find(b, record.holder);
    if (holder) event_about(b, e)->child = holder->thread;
}

/* Until when this wait is known to have lasted; its process's end if it never ended. */
static int64_t wait_end(const struct timeline *t, const struct event *e)
{
    const struct process *p = &t->processes[e->process];
    if (!(e->flags & EVENT_UNFINISHED)) return e->ns + timeline_duration(t, e);
    return p->end == NEVER ? INT64_MAX : p->end;
}

enum ft_timed timeline_timed(const struct event *e)
{
    if (e->type != EVENT_LOCK_WAIT || !e->record) return FT_TIMED_UNKNOWN;
    unsigned timed =
        e->record->type == FT_WAIT_SLOT ? FT_GET(wait_slot, e->record).timed : FT_GET(wait, e->record).timed;
    return timed == FT_TIMED || timed == FT_UNTIMED ? (enum ft_timed)timed : FT_TIMED_UNKNOWN;
}

bool timeline_alone(const struct timeline *t, const struct event *e)
{
    if (e->type != EVENT_LOCK_WAIT) return false;
    int64_t end = wait_end(t, e);
    thread_id other = NONE;
    while ((other = timeline_next_thread(t, e->process, other)) != NONE) {
        const struct thread *th = &t->threads[other];
        bool there = th->start <= end && (th->end == NEVER || th->end > e->ns);
        if (other != e->thread && there) return false;
    }
    return true;
}

/* Python 3.3 to 3.14 wait for a thread's end in these functions of threading.py. */
static bool waits_for_thread(const struct timeline *t, const struct event *e)
{
    static const char *const functions[] = {"_shutdown", "Thread._wait_for_tstate_lock", "Thread.join"};
    static const char file[] = "/threading.py";
    struct python_function frame;
    if (e->type != EVENT_LOCK_WAIT || !timeline_python_frame(t, e, 0, &frame)) return false;
    size_t length = frame.file ? strlen(frame.file) : 0;
    if (length < sizeof file || strcmp(frame.file + length - (sizeof file - 1), file)) return false;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (frame.name && !strcmp(frame.name, functions[i])) return true;
    return false;
}

/* The next Python thread that was alive all the time; Python frees the lock a little before the thread ends.
 */
static thread_id next_alive(const struct timeline *t, const struct event *e, thread_id previous)
{
    thread_id next = previous;
    while ((next = timeline_next_thread(t, e->process, next)) != NONE) {
        const struct thread *th = &t->threads[next];
        bool finished = th->how != THREAD_RUNNING && th->how != THREAD_PROCESS_ENDED;
        if (next == e->thread || !th->python_name || th->start > e->ns) continue;
        if (th->end != NEVER && th->end <= e->ns) continue;
        if (!(e->flags & EVENT_UNFINISHED) || !finished) return next;
    }
    return NONE;
}

static thread_id next_ghost(const struct timeline *t, const struct event *e, thread_id previous)
{
    const struct process *p = &t->processes[e->process];
    bool after = previous == NONE;
    for (size_t i = 0; i < p->ghost_count; i++) {
        thread_id ghost = p->ghosts[i].thread;
        if (after && t->threads[ghost].python_name) return ghost;
        after |= ghost == previous;
    }
    return NONE;
}

thread_id timeline_awaited(const struct timeline *t, const struct event *e, thread_id previous)
{
    if (!waits_for_thread(t, e)) return NONE;
    bool ghost = previous != NONE && t->threads[previous].process != e->process;
    thread_id next = ghost ? NONE : next_alive(t, e, previous);
    return next == NONE && (ghost || previous == NONE) ? next_ghost(t, e, previous) : next;
}

bool timeline_owner_alive(const struct timeline *t, const struct event *e)
{
    if (e->type != EVENT_LOCK_WAIT || e->child == NONE) return false;
    const struct thread *owner = &t->threads[e->child];
    return owner->process == e->process && (owner->end == NEVER || owner->end > e->ns);
}
