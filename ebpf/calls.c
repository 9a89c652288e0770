/* calls.c: see calls.h. */
#include "calls.h"

#include "moment.h"
#include "probes.h"
#include "stacks.h"

/* --- of functions ------------------------------------------------------------------------------- */

#define CALL_LASTS 10000000000u /* ns: a call that has become nothing by then never will */

static struct pending *pending(struct output *o, uint32_t tid) { return &o->pending[tid % PENDING]; }

/* posix_spawn() in popen(): what the program called is the outer one, whose frame lies above. */
static bool is_inner(const struct pending *p, const struct event_call *e)
{
    return p->tid == e->head.tid && e->sp < p->sp && e->head.ns - p->ns < CALL_LASTS &&
           p->call >> 8 == e->what >> 8;
}

void calls_entered(struct output *o, const struct event_call *e)
{
    struct known *k = write_known(o, e->head.tid);
    struct pending *p = pending(o, e->head.tid);
    if (!k || !k->task || is_inner(p, e)) return;
    *p = (struct pending){.tid = e->head.tid, .call = (uint32_t)e->what, .ns = e->head.ns, .sp = e->sp};
    p->origin = stacks_origin(&o->writer, e, k->task);
    if (call_kind(e->what) == FT_KERNEL_CALL_THREAD) p->function = e->third;
    if (e->what == (FT_KERNEL_CALL_FORK << 8 | FT_FORK_clone)) p->function = e->first;
    if (call_kind(e->what) == FT_KERNEL_CALL_SIGNAL) stacks_site(&o->writer, &p->origin, k->task);
    if (p->function) stacks_name(&o->writer, e, p->function, k->task);
}

/* What has just happened: who asked for it? */
struct pending calls_take(struct output *o, uint32_t tid, enum ft_kernel_call kind, uint64_t ns)
{
    struct pending *p = pending(o, tid), found = *p;
    bool any = found.call == (FT_KERNEL_CALL_FORK << 8 | FT_FORK_clone) && kind == FT_KERNEL_CALL_THREAD;
    if (found.tid != tid || (found.call >> 8 != kind && !any) || ns - found.ns > CALL_LASTS)
        return (struct pending){0};
    p->tid = 0;
    return found;
}

/* --- of the kernel ------------------------------------------------------------------------------ */

void calls_sigaction(struct output *o, const struct event_sigaction *e)
{
    struct pending call = calls_take(o, e->head.tid, FT_KERNEL_CALL_SIGNAL, e->head.ns);
    struct ft_sigaction *record =
        write_record(o, FT_SIGACTION, sizeof *record, write_task(o, e->head.tid), e->head.ns);
    if (!record) return;
    record->site = call.origin.site;
    record->old_handler = e->old_handler;
    record->new_handler = e->new_handler;
    record->flags = e->flags;
    record->signal = (uint8_t)e->signal;
    record->api = call.call ? (uint8_t)call_api(call.call) : FT_SIGACTION_sigaction;
    record->mask = e->mask;
    ft_commit(record);
}

void calls_sigmask(struct output *o, const struct event_sigmask *e)
{
    struct ft_sigmask *record =
        write_record(o, FT_SIGMASK, sizeof *record, write_task(o, e->head.tid), e->head.ns);
    if (!record) return;
    record->old_mask = e->old_mask;
    record->new_mask = e->new_mask;
    record->how = (uint8_t)e->how;
    record->api = FT_SIGMASK_sigprocmask;
    ft_commit(record);
}

/* Shown while it lasts; if its thread ends in it, for ever. */
void calls_waiting(struct output *o, const struct system_call *call)
{
    struct known *k = write_known(o, call->tid);
    uint64_t since = moment_counter(o, call->since);
    if (!k || !k->task ||
        (k->waiting && k->waiting->address == call->address && k->waiting_since == call->since))
        return;
    if (!k->waiting) k->waiting = ft_slot_new(&o->writer, k->task);
    if (!k->waiting) return;
    ft_slot_clear(k->waiting);
    k->waiting->address = call->address;
    k->waiting->kind = FT_WAIT_futex;
    k->waiting->timed = call->timed ? FT_TIMED : FT_UNTIMED;
    k->waiting_since = call->since;
    ft_slot_set(k->waiting, FT_WAIT_SLOT, k->task, since);
}

void calls_wait(struct output *o, const struct event_wait *e)
{
    struct known *k = write_known(o, e->head.tid);
    if (e->unfinished) {
        calls_waiting(o,
                      &(struct system_call){
                          .since = e->since, .address = e->address, .tid = e->head.tid, .timed = e->timed});
        if (k) k->waiting = NULL;
        return;
    }
    if (k && k->waiting) {
        ft_slot_free(k->waiting);
        k->waiting = NULL;
    }
    struct ft_wait *record = write_record(o, FT_WAIT, sizeof *record, write_task(o, e->head.tid), e->head.ns);
    if (!record) return;
    record->since = moment_counter(o, e->since);
    record->address = e->address;
    record->kind = FT_WAIT_futex;
    record->timed = e->timed ? FT_TIMED : FT_UNTIMED;
    ft_commit(record);
}
