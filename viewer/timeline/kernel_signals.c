/*
 * kernel_signals.c: signals as the kernel tells of them: who sent one, which
 * thread took it, which one ended a process.
 *
 * A call that the library announced is not told again; what only the kernel
 * saw becomes a KILL. Each signal that was taken is a SIGNAL on the lane of
 * the thread that took it.
 */
#include <signal.h>
#include <string.h>

#include "kernel.h"

#define JITTER 5000 /* ns: two clocks that are compared agree to better than this */

/* One call may reach many: the library told of it once. */
static bool to_many(const struct ft_kill *call)
{
    return call->api == FT_KILL_killpg || (call->api == FT_KILL_kill && call->target <= 0);
}

/* The call of this thread that the library has announced, and that sent this. */
static bool announced_kill(struct build *b, thread_id sender, const struct ft_kernel_kill *r)
{
    event_id e = b->threads[sender].kill;
    if (e == NONE) return false;
    struct ft_kill call = FT_GET(kill, event_about(b, e)->record);
    if (call.signal != r->signal || (event_about(b, e)->flags & EVENT_KERNEL)) return false;
    if (!to_many(&call)) b->threads[sender].kill = NONE;
    return true;
}

static event_id tell_kill(struct build *b, const struct item *it, thread_id sender,
                          const struct ft_kernel_kill *r)
{
    thread_id target = kernel_thread(b, r->target);
    struct ft_kill *call =
        AS_RECORDED(b, kill, .head.type = FT_KILL, .signal = r->signal, .target = r->target_pid,
                    .api = r->group ? FT_KILL_kill : FT_KILL_tgkill);
    event_id e = kernel_event(b, it->ns, sender, EVENT_KILL, call);
    b->threads[sender].kill = e;
    if (target != NONE) event_about(b, e)->child = r->group ? b->t->threads[target].process : target;
    return e;
}

/* The library's announcement came a moment after the kernel's word: the clocks differ by that much. */
bool kernel_killed_before(struct build *b, const struct item *it, thread_id sender)
{
    event_id e = b->threads[sender].kill;
    if (e == NONE || !(event_about(b, e)->flags & EVENT_KERNEL) || it->ns - b->t->events[e].ns > JITTER)
        return false;
    struct ft_kill call = FT_GET(kill, it->record), told = FT_GET(kill, event_about(b, e)->record);
    if (call.signal != told.signal) return false;
    event_about(b, e)->record = it->record;
    event_about(b, e)->flags = it->record->state == FT_OPEN ? EVENT_UNFINISHED : 0;
    return true;
}

struct taken { /* SIGNAL's record, and what timeline_sender() adds */
    struct ft_kernel_signal record;
    const char *name;
};

static void take(struct build *b, const struct item *it, thread_id t, const struct taken *how,
                 thread_id sender)
{
    struct taken *kept = build_alloc(b, sizeof *kept);
    *kept = *how;
    kept->record.head = *it->record;
    kept->record.head.type = FT_KERNEL_SIGNAL;
    event_id e = kernel_event(b, it->ns, t, EVENT_SIGNAL, kept);
    event_about(b, e)->child = sender;
    b->processes[b->t->threads[t].process].signal = e;
}

/* SIGKILL is taken by whoever is sent it, at once; of the others the sender is remembered until they are
 * taken. */
void kernel_kill(struct build *b, const struct item *it)
{
    struct ft_kernel_kill r = FT_GET(kernel_kill, it->record);
    thread_id sender = kernel_thread(b, it->record->task), target = kernel_thread(b, r.target);
    if (sender != NONE && !announced_kill(b, sender, &r)) tell_kill(b, it, sender, &r);
    if (target == NONE || r.result) return;
    process_id p = b->t->threads[target].process;
    const char *name = r.name[0] ? build_text(b, r.name, strnlen(r.name, sizeof r.name)) : NULL;
    struct taken how = {.record = {.sender = it->record->task,
                                   .sender_pid = r.sender_pid,
                                   .code = r.code,
                                   .signal = r.signal},
                        .name = name};
    if (r.signal == SIGKILL) {
        take(b, it, b->t->processes[p].main, &how, sender);
        return;
    }
    if (b->sent_count && b->sent_count >= UINT32_MAX) return;
    b->sent = build_grow(b, b->sent, b->sent_count, sizeof *b->sent);
    b->sent[b->sent_count] = (struct sent){sender, r.sender_pid, r.code, name};
    build_map_put(b, &b->by_sent, p, r.signal, (uint32_t)b->sent_count++);
}

void kernel_signal(struct build *b, const struct item *it)
{
    struct ft_kernel_signal r = FT_GET(kernel_signal, it->record);
    thread_id t = kernel_thread(b, it->record->task), sender = kernel_thread(b, r.sender);
    if (t == NONE) return;
    struct taken how = {.record = r};
    const uint32_t *known = map_get(&b->by_sent, b->t->threads[t].process, r.signal);
    const struct sent *sent = known ? &b->sent[*known] : NULL;
    if (sent && (!r.sender_pid || sent->pid == r.sender_pid)) {
        if (sender == NONE) sender = sent->sender;
        if (!r.sender_pid) how.record.sender_pid = sent->pid;
        how.name = sent->name;
    }
    /* SIGPIPE says of itself that its receiver sent it; it was the kernel, when that one wrote */
    if (sent && !sent->pid && sender != NONE && b->t->threads[sender].process == b->t->threads[t].process) {
        sender = NONE;
        how.record.sender_pid = 0;
        how.record.code = SI_KERNEL;
    }
    take(b, it, t, &how, sender);
}

/* A signal that is certain to end a process never reaches a thread: the kernel gives each a SIGKILL instead.
 */
void kernel_ended_by(struct build *b, const struct item *it, process_id p, int signal)
{
    event_id e = b->processes[p].signal;
    const uint32_t *known = map_get(&b->by_sent, p, (uint64_t)signal);
    if (!known || (e != NONE && timeline_sender(b->t, EVENT_AT(b->t, e)).signal == signal)) return;
    const struct sent *sent = &b->sent[*known];
    struct taken how = {.record = {.sender_pid = sent->pid, .code = sent->code, .signal = (uint8_t)signal},
                        .name = sent->name};
    take(b, it, b->t->processes[p].main, &how, sent->sender);
}

struct sender timeline_sender(const struct timeline *t, const struct event *e)
{
    struct sender none = {.process = NONE, .thread = NONE};
    if (e->type != EVENT_SIGNAL || !e->record) return none;
    const struct taken *how = (const void *)e->record;
    return (struct sender){.signal = how->record.signal,
                           .code = how->record.code,
                           .handler = how->record.handler,
                           .thread = e->child,
                           .process = e->child == NONE ? NONE : t->threads[e->child].process,
                           .pid = how->record.sender_pid,
                           .name = how->name};
}

#define LOOK 1000 /* events of the receiver: one that is busier has taken it long ago, or blocks it */

event_id timeline_taken(const struct timeline *t, const struct event *e)
{
    if (e->type != EVENT_KILL || !e->record || e->child == NONE || !build_of(t)->sent_count) return NONE;
    struct ft_kill call = FT_GET(kill, e->record);
    size_t count, low = 0;
    process_id target = timeline_kill_thread(e) ? t->threads[e->child].process : e->child;
    const event_id *events = timeline_events_of(t, target, &count);
    for (size_t high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (t->events[events[middle]].ns < e->ns - JITTER)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i < count && i < low + LOOK && !call.error; i++) {
        const struct event *taken = EVENT_AT(t, events[i]);
        if (taken->type == EVENT_SIGNAL && taken->child == e->thread &&
            timeline_sender(t, taken).signal == call.signal)
            return events[i];
    }
    return NONE;
}

/* Which signal ended it, of those it took: the last of that number. */
void kernel_finish(struct build *b)
{
    for (process_id p = 0; p < b->t->process_count; p++) {
        struct process *process = &b->t->processes[p];
        event_id e = b->processes[p].signal;
        bool fatal = e != NONE && process->how == END_SIGNAL &&
                     timeline_sender(b->t, EVENT_AT(b->t, e)).signal == process->signal;
        process->killed_by = fatal ? e : NONE;
    }
}
