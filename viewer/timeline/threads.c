/*
 * threads.c: births, names and ends of threads, and who a pthread_t or a tid is.
 */
#include <string.h>

#include "build.h"

/* --- the living ------------------------------------------------------------------------------ */

/* Greenlets are apart: they are no threads that a fork could lose, or that could end somebody's wait. */
static thread_id *first_alive(struct build *b, thread_id t)
{
    struct process_more *p = &b->processes[b->t->threads[t].process];
    return b->t->threads[t].kind == THREAD_GREENLET ? &p->greenlets : &p->alive;
}

static void link_alive(struct build *b, thread_id t)
{
    struct thread_more *more = &b->threads[t];
    thread_id *first = first_alive(b, t);
    more->alive = true;
    more->alive_before = NONE;
    more->alive_next = *first;
    if (more->alive_next != NONE) b->threads[more->alive_next].alive_before = t;
    *first = t;
}

static void unlink_alive(struct build *b, thread_id t)
{
    struct thread_more *more = &b->threads[t];
    if (more->alive_before != NONE)
        b->threads[more->alive_before].alive_next = more->alive_next;
    else
        *first_alive(b, t) = more->alive_next;
    if (more->alive_next != NONE) b->threads[more->alive_next].alive_before = more->alive_before;
    more->alive = false;
}

static thread_id add(struct build *b, process_id p, thread_id creator, enum thread_kind kind, int64_t ns)
{
    struct timeline *t = b->t;
    thread_id id = (thread_id)t->thread_count;
    t->threads = build_grow(b, t->threads, id, sizeof *t->threads);
    b->threads = build_grow(b, b->threads, id, sizeof *b->threads);
    t->threads[id] = (struct thread){.process = p,
                                     .kind = kind,
                                     .runs_on = NONE,
                                     .copy_of = NONE,
                                     .created_by = creator,
                                     .create = NONE,
                                     .created_at = NONE,
                                     .start = ns,
                                     .end = NEVER,
                                     .how = THREAD_RUNNING,
                                     .cpu_ns = -1};
    b->threads[id] = (struct thread_more){.next = NONE,
                                          .exec = NONE,
                                          .wait = NONE,
                                          .system = NONE,
                                          .daemon = NONE,
                                          .fork = NONE,
                                          .create = NONE,
                                          .kill = NONE};
    t->thread_count++;
    struct process_more *more = &b->processes[p];
    if (more->first == NONE)
        more->first = id;
    else
        b->threads[more->last].next = id;
    more->last = id;
    link_alive(b, id);
    return id;
}

thread_id thread_add(struct build *b, process_id p, thread_id creator, uint32_t tid, int64_t ns)
{
    thread_id id = add(b, p, creator, THREAD_NATIVE, ns);
    if (tid) thread_tid(b, id, tid);
    return id;
}

thread_id thread_add_greenlet(struct build *b, process_id p, thread_id creator, int64_t ns)
{
    return add(b, p, creator, THREAD_GREENLET, ns);
}

void thread_end(struct build *b, thread_id t, int64_t ns, enum thread_end how)
{
    struct thread *thread = &b->t->threads[t];
    if (!b->threads[t].alive) return;
    unlink_alive(b, t);
    thread->end = ns < thread->start ? thread->start : ns;
    thread->how = how;
}

void thread_revive(struct build *b, thread_id t)
{
    if (b->threads[t].alive) return;
    link_alive(b, t);
    b->t->threads[t].end = NEVER;
    b->t->threads[t].how = THREAD_RUNNING;
}

void threads_end_all(struct build *b, process_id p, thread_id but, int64_t ns, enum thread_end how)
{
    const thread_id lists[] = {b->processes[p].alive, b->processes[p].greenlets};
    for (int i = 0; i < 2; i++)
        for (thread_id t = lists[i], next; t != NONE; t = next) {
            next = b->threads[t].alive_next;
            if (t != but) thread_end(b, t, ns, how);
        }
}

thread_id timeline_next_thread(const struct timeline *t, process_id process, thread_id previous)
{
    return previous == NONE ? build_of(t)->processes[process].first : build_of(t)->threads[previous].next;
}

/* --- who is it -------------------------------------------------------------------------------- */

void thread_tid(struct build *b, thread_id t, uint32_t tid)
{
    if (!tid) return;
    b->t->threads[t].tid = tid;
    build_map_put(b, &b->by_tid, b->t->threads[t].process, tid, t);
}

void thread_pthread(struct build *b, thread_id t, uint64_t pthread)
{
    if (!pthread) return;
    b->threads[t].pthread = pthread;
    build_map_put(b, &b->by_pthread, b->t->threads[t].process, pthread, t);
}

thread_id thread_by_tid(struct build *b, process_id p, uint32_t tid)
{
    uint32_t *known = tid ? map_get(&b->by_tid, p, tid) : NULL;
    return known ? *known : NONE;
}

/* Of the main thread nobody told us the pthread_t: it is the one that is not known otherwise. */
thread_id thread_by_pthread(struct build *b, process_id p, uint64_t pthread)
{
    uint32_t *known = pthread ? map_get(&b->by_pthread, p, pthread) : NULL;
    if (known) return *known;
    thread_id main = b->t->processes[p].main;
    return pthread && !b->threads[main].pthread ? main : NONE;
}

/* --- records ---------------------------------------------------------------------------------- */

thread_id thread_announced(struct build *b, event_id e)
{
    thread_id creator = event_about(b, e)->thread;
    struct ft_thread_create record = FT_GET(thread_create, event_about(b, e)->record);
    thread_id t = thread_add(b, event_about(b, e)->process, creator, 0, b->t->events[e].ns);
    struct thread *thread = &b->t->threads[t];
    thread->create = e;
    thread->created_at = record.origin.stack ? record.origin.stack : NONE;
    thread->start_routine = record.start;
    b->threads[t].mask = b->threads[creator].mask;
    b->threads[t].image = b->threads[creator].image;
    event_about(b, e)->child = t;
    return t;
}

void threads_create(struct build *b, const struct item *it)
{
    struct ft_thread_create record = FT_GET(thread_create, it->record);
    event_id e = event_add(b, it, EVENT_THREAD_CREATE);
    struct task *task = task_find(b, it->ref);
    bool spoke = task && task->spoke;
    b->threads[event_about(b, e)->thread].create =
        e;                              /* even if it failed: glibc may have made it and found fault */
    if (record.error && !spoke) return; /* failed; or not returned, and nobody ever started */
    thread_id t = thread_announced(b, e);
    task_is(b, it->ref, t, b->threads[t].image);
}

/* A thread whose creation was not seen: perhaps a fork has listed it. Else it is new to us. */
static thread_id unseen(struct build *b, const struct item *it, const struct ft_thread_start *record)
{
    process_id p = process_living(b, record->pid);
    if (p == NONE) return NONE;
    thread_id t = thread_by_tid(b, p, record->tid);
    if (t != NONE && b->threads[t].alive && b->threads[t].kernel) return t; /* the kernel saw its birth */
    if (t == NONE || !b->threads[t].alive || !b->threads[t].listed) {
        t = thread_add(b, p, NONE, record->tid, it->ns);
        b->threads[t].image = b->threads[b->t->processes[p].main].image;
    }
    b->threads[t].listed = false;
    b->t->threads[t].birth_lost = true;
    return t;
}

/* pthread_create may be followed by pthread_setname_np before the thread has said who it is. */
static void name_early(struct build *b, thread_id t, uint64_t pthread)
{
    uint32_t *named = map_get(&b->early_names, b->t->threads[t].process, pthread);
    if (!named || *named == NONE) return;
    struct event_about *e = event_about(b, *named);
    struct ft_thread_name record = FT_GET(thread_name, e->record);
    e->child = t;
    b->t->threads[t].name = build_text(b, record.name, strnlen(record.name, sizeof record.name));
    *named = NONE;
}

void threads_start(struct build *b, const struct item *it)
{
    struct ft_thread_start record = FT_GET(thread_start, it->record);
    bool known = b->tasks[it->task].thread != NONE;
    if (!known) {
        thread_id t = unseen(b, it, &record);
        if (t != NONE) task_is(b, it->record->task, t, b->threads[t].image);
    }
    event_id e = event_add(b, it, EVENT_THREAD_START);
    thread_id t = event_about(b, e)->thread;
    process_id p = event_about(b, e)->process;
    if (!known && !b->t->processes[p].pid && record.pid) process_pid(b, p, record.pid);
    b->t->threads[t].start = it->ns;
    b->threads[t].started = true;
    thread_tid(b, t, record.tid);
    thread_pthread(b, t, record.pthread);
    name_early(b, t, record.pthread);
}

static enum thread_end end_of(uint32_t how)
{
    switch (how) {
    case FT_THREAD_END_cancelled: return THREAD_CANCELLED;
    case FT_THREAD_END_returned: return THREAD_RETURNED;
    default: return THREAD_EXITED; /* 0: how is not known, nobody saw it start */
    }
}

void threads_finish(struct build *b, const struct item *it)
{
    struct ft_thread_end record = FT_GET(thread_end, it->record);
    event_id e = event_add(b, it, EVENT_THREAD_END);
    thread_id t = event_about(b, e)->thread;
    thread_end(b, t, it->ns, end_of(record.how));
    b->t->threads[t].cpu_ns = record.cpu_ns <= INT64_MAX ? (int64_t)record.cpu_ns : -1;
}

void threads_op(struct build *b, const struct item *it)
{
    struct ft_thread_op record = FT_GET(thread_op, it->record);
    enum event_type type = record.api == FT_THREAD_OP_detach   ? EVENT_THREAD_DETACH
                           : record.api == FT_THREAD_OP_cancel ? EVENT_THREAD_CANCEL
                                                               : EVENT_THREAD_JOIN;
    event_id e = event_add(b, it, type);
    event_about(b, e)->child = thread_by_pthread(b, event_about(b, e)->process, record.pthread);
}

void threads_name(struct build *b, const struct item *it)
{
    struct ft_thread_name record = FT_GET(thread_name, it->record);
    event_id e = event_add(b, it, EVENT_THREAD_NAME);
    thread_id target = thread_by_pthread(b, event_about(b, e)->process, record.pthread);
    if (target != NONE && !b->threads[target].alive) target = NONE; /* its pthread_t is somebody else's now */
    event_about(b, e)->child = target;
    if (target == NONE) /* named by its creator before it began */
        build_map_put(b, &b->early_names, event_about(b, e)->process, record.pthread, e);
    else
        b->t->threads[target].name = build_text(b, record.name, strnlen(record.name, sizeof record.name));
}
