/*
 * signals.c: dispositions, masks and signals sent.
 */
#include <signal.h>
#include <string.h>

#include "build.h"

#define SIGNALS 64

static int kind_of(uint64_t handler)
{
    if (handler == (uint64_t)(uintptr_t)SIG_DFL) return DISPOSITION_DEFAULT;
    return handler == (uint64_t)(uintptr_t)SIG_IGN ? DISPOSITION_IGNORE : DISPOSITION_HANDLER;
}

static struct disposition disposition(int signal, uint64_t handler, event_id event)
{
    struct disposition d = {.signal = signal, .event = event};
    d.kind = kind_of(handler);
    d.handler = d.kind == DISPOSITION_HANDLER ? handler : 0;
    return d;
}

/* A process's list has no defaults in it and is ordered by signal. */
static void set(struct build *b, process_id p, struct disposition new)
{
    struct process *process = &b->t->processes[p];
    struct disposition *list = process->dispositions;
    size_t count = process->disposition_count, at = 0;
    while (at < count && list[at].signal < new.signal) at++;
    bool there = at < count && list[at].signal == new.signal;
    if (new.kind == DISPOSITION_DEFAULT) {
        if (!there) return;
        memmove(list + at, list + at + 1, (count - at - 1) * sizeof *list);
        process->disposition_count--;
        return;
    }
    if (!there) {
        /* The room is a power of two above the most there ever were. */
        list = process->dispositions = build_grow(b, list, count, sizeof *list);
        memmove(list + at + 1, list + at, (count - at) * sizeof *list);
        process->disposition_count++;
    }
    list[at] = new;
}

/* The install this one takes the place of. */
static event_id replaced(const struct build *b, process_id p, int signal, uint64_t old)
{
    const struct process *process = &b->t->processes[p];
    for (size_t i = 0; i < process->disposition_count; i++) {
        const struct disposition *d = &process->dispositions[i];
        if (d->signal == signal) return d->handler == old ? d->event : NONE;
    }
    return NONE;
}

void signals_sigaction(struct build *b, const struct item *it)
{
    struct ft_sigaction record = FT_GET(sigaction, it->record);
    event_id e = event_add(b, it, EVENT_SIGACTION);
    if (record.signal < 1 || record.signal > SIGNALS) return;
    event_about(b, e)->child = replaced(b, event_about(b, e)->process, record.signal, record.old_handler);
    set(b, event_about(b, e)->process, disposition(record.signal, record.new_handler, e));
}

void signals_inherit(struct build *b, process_id child, process_id parent)
{
    for (size_t i = 0; i < b->t->processes[parent].disposition_count; i++) {
        struct disposition d = b->t->processes[parent].dispositions[i];
        d.inherited = true;
        set(b, child, d);
    }
}

/* exec puts handlers back to default and keeps what is ignored. */
void signals_exec(struct build *b, process_id p, uint64_t ignored)
{
    struct process *process = &b->t->processes[p];
    size_t kept = 0;
    for (size_t i = 0; i < process->disposition_count; i++) {
        const struct disposition *d = &process->dispositions[i];
        if (d->kind != DISPOSITION_IGNORE || !(ignored >> (d->signal - 1) & 1)) continue;
        ignored &= ~(1ull << (d->signal - 1));
        process->dispositions[kept++] = *d;
    }
    process->disposition_count = kept;
    for (int signal = 1; signal <= SIGNALS; signal++) {
        if (!(ignored >> (signal - 1) & 1)) continue;
        struct disposition d = disposition(signal, (uint64_t)(uintptr_t)SIG_IGN, NONE);
        d.inherited = true;
        set(b, p, d);
    }
}

void signals_exec_unseen(struct build *b, process_id p)
{
    struct process *process = &b->t->processes[p];
    uint64_t ignored = 0;
    for (size_t i = 0; i < process->disposition_count; i++)
        if (process->dispositions[i].kind == DISPOSITION_IGNORE)
            ignored |= 1ull << (process->dispositions[i].signal - 1);
    signals_exec(b, p, ignored);
    process->images[process->image_count - 1].ignored = ignored;
}

void signals_sigmask(struct build *b, const struct item *it)
{
    event_id e = event_add_alike(b, it, EVENT_SIGMASK, NONE, 0, NONE);
    if (e != NONE) b->threads[event_about(b, e)->thread].mask = FT_FIELD(sigmask, it->record, new_mask);
}

/* --- sent ------------------------------------------------------------------------------------- */

bool timeline_kill_thread(const struct event *e)
{
    if (e->type != EVENT_KILL || !e->record) return false;
    switch (FT_GET(kill, e->record).api) {
    case FT_KILL_pthread_kill:
    case FT_KILL_pthread_sigqueue:
    case FT_KILL_tgkill:
    case FT_KILL_raise:
    case FT_KILL_abort: return true;
    default: return false;
    }
}

static uint32_t target(struct build *b, const struct event *e, const struct ft_kill *record)
{
    switch (record->api) {
    case FT_KILL_raise:
    case FT_KILL_abort: return e->thread;
    case FT_KILL_pthread_kill:
    case FT_KILL_pthread_sigqueue: return thread_by_pthread(b, e->process, (uint64_t)record->target);
    case FT_KILL_tgkill: return thread_by_tid(b, e->process, (uint32_t)record->target);
    case FT_KILL_killpg: return NONE;
    default: /* 0, -1 and -group mean many */
        return record->target > 0 && record->target <= UINT32_MAX
                   ? process_living(b, (uint32_t)record->target)
                   : NONE;
    }
}

void signals_kill(struct build *b, const struct item *it)
{
    struct ft_kill record = FT_GET(kill, it->record);
    if (kernel_killed_before(b, it, task_of(b, it)->thread)) return;
    event_id e = event_add(b, it, EVENT_KILL);
    b->threads[event_about(b, e)->thread].kill = e;
    event_about(b, e)->child = target(b, EVENT_AT(b->t, e), &record);
}

/* --- as it was at some time ------------------------------------------------------------------- */

/* The newest install in this image, of a signal, up to ns. */
static event_id install(const struct timeline *t, process_id process, unsigned image, int signal, int64_t ns)
{
    size_t count;
    const event_id *of = timeline_installs_of(t, process, &count);
    size_t low = 0;
    while (low < count) { /* those after `ns` */
        size_t middle = low + (count - low) / 2;
        if (t->events[of[middle]].ns > ns)
            count = middle;
        else
            low = middle + 1;
    }
    for (size_t i = count; i-- > 0;) {
        const struct event *e = EVENT_AT(t, of[i]);
        if (e->image != image || !e->record) continue;
        if (FT_GET(sigaction, e->record).signal == signal) return of[i];
    }
    return NONE;
}

struct disposition timeline_disposition(const struct timeline *t, process_id process, int signal, int64_t ns)
{
    struct disposition none = {.signal = signal, .event = NONE};
    bool inherited = false;
    for (size_t guard = 0; process != NONE && guard <= t->process_count; guard++) {
        const struct process *p = &t->processes[process];
        unsigned image = image_at(p, ns);
        event_id e = install(t, process, image, signal, ns);
        if (e != NONE) {
            struct disposition d =
                disposition(signal, FT_GET(sigaction, EVENT_AT(t, e)->record).new_handler, e);
            d.inherited = inherited;
            return d;
        }
        if (image > 0 || !build_of(t)->processes[process].copied) { /* it began with an exec */
            bool ignored = p->image_count && signal >= 1 && signal <= SIGNALS &&
                           (p->images[image].ignored >> (signal - 1) & 1);
            none.kind = ignored ? DISPOSITION_IGNORE : DISPOSITION_DEFAULT;
            none.inherited = ignored;
            return none;
        }
        inherited = true;
        ns = p->start;
        process = p->parent;
    }
    return none;
}
