/* build_events.c: what a process does: handlers, signals, waits, calls that end badly (build_trace.h). */
#include "build_inside.h"

#include <string.h>

void trace_lost(enum ft_lost reason) { ft_count_lost(&build_writer, reason, 1); }

void trace_note(ft_ref by, enum ft_note_what what, const char *about)
{
    ft_ref string = about ? record_text(about, by) : 0;
    RECORD(note, NOTE, by);
    r->what = what, r->text = string;
    ft_commit(r);
}

void trace_bind(ft_ref by, const void *address, size_t length, int error)
{
    struct ft_bind *r = ft_begin(&build_writer, FT_BIND, sizeof *r + length, by);
    cr_assert(r);
    r->fd = 3, r->error = error;
    memcpy(r->address, address, length);
    ft_commit(r);
}

void trace_sigaction(ft_ref by, int signal, uint64_t old, uint64_t new)
{
    RECORD(sigaction, SIGACTION, by);
    r->signal = (uint8_t)signal, r->api = FT_SIGACTION_sigaction;
    r->old_handler = old, r->new_handler = new;
    ft_commit(r);
}

void trace_sigmask(ft_ref by, uint64_t old, uint64_t new)
{
    RECORD(sigmask, SIGMASK, by);
    r->old_mask = old, r->new_mask = new, r->api = FT_SIGMASK_pthread_sigmask;
    ft_commit(r);
}

void trace_kill(ft_ref by, enum ft_kill_api api, int64_t target, int signal)
{
    RECORD(kill, KILL, by);
    r->api = (uint8_t)api, r->target = target, r->signal = (uint8_t)signal;
    ft_commit(r);
}

void trace_wait(ft_ref by, uint64_t since, uint64_t address, uint32_t owner_tid)
{
    RECORD(wait, WAIT, by);
    r->since = since, r->address = address, r->owner_tid = owner_tid, r->kind = FT_WAIT_mutex;
    ft_commit(r);
}

struct ft_wait_slot *trace_waiting(ft_ref by, uint64_t address, uint32_t owner_tid)
{
    struct ft_wait_slot *slot = ft_slot_new(&build_writer, by);
    cr_assert(slot);
    slot->address = address, slot->owner_tid = owner_tid, slot->kind = FT_WAIT_mutex;
    ft_slot_set(slot, FT_WAIT_SLOT, by, ft_now(&build_writer));
    return slot;
}

void trace_held_of(ft_ref by, ft_ref fork, ft_ref holder, uint64_t address, enum ft_wait_kind kind)
{
    RECORD(held, HELD, by);
    r->fork = fork, r->holder = holder, r->address = address, r->kind = kind;
    ft_commit(r);
}

void trace_held(ft_ref by, ft_ref fork, ft_ref holder, uint64_t address)
{
    trace_held_of(by, fork, holder, address, FT_WAIT_mutex);
}

ft_ref trace_object(ft_ref by, const char *path_, uint64_t start, uint64_t end)
{
    ft_ref string = record_text(path_, by);
    RECORD(object, OBJECT, by);
    r->start = r->bias = start, r->end = end, r->path = string;
    ft_commit(r);
    return ref;
}

void trace_unsafe_call(ft_ref by, enum ft_unsafe function)
{
    RECORD(unsafe_call, UNSAFE_CALL, by);
    r->function = function;
    ft_commit(r);
}

void trace_stdio(ft_ref by, ft_ref fork, uint64_t file, unsigned what)
{
    RECORD(stdio, STDIO, by);
    r->fork = fork, r->fd = 1, r->file = file, r->bytes = 5, r->what = what;
    ft_commit(r);
}

void trace_no_child(ft_ref by, int pid, uint64_t site)
{
    RECORD(no_child, NO_CHILD, by);
    r->pid = pid, r->api = FT_REAP_waitpid, r->origin.site = site;
    ft_commit(r);
}

void trace_atfork(ft_ref by, uint64_t handler, enum ft_atfork_phase phase, uint64_t ns)
{
    RECORD(atfork, ATFORK, by);
    r->handler = handler, r->phase = phase, r->ns = ns;
    ft_commit(r);
}

void trace_fd_use(ft_ref by, struct trace_use use)
{
    RECORD(fd_use, FD_USE, by);
    r->connection = 1, r->fd = 5, r->turn = use.turn;
    r->before = use.before, r->inside = use.inside, r->held[0] = use.held;
    r->direction = use.direction, r->flags = use.flags;
    ft_commit(r);
}
