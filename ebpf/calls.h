/*
 * calls.h: what processes that the library is not in call: functions, by probes,
 * and the kernel, and the long waits in it.
 */
#ifndef FT_EBPF_CALLS_SIDE_H
#define FT_EBPF_CALLS_SIDE_H

#include "record.h"
#include "write.h"

/* A function was entered; and, when something has happened: who asked for it? call 0: nobody is known to
 * have. */
void calls_entered(struct output *o, const struct event_call *e);
struct pending calls_take(struct output *o, uint32_t tid, enum ft_kernel_call kind, uint64_t ns);

void calls_sigaction(struct output *o, const struct event_sigaction *e);
void calls_sigmask(struct output *o, const struct event_sigmask *e);
void calls_wait(struct output *o, const struct event_wait *e);

/* A wait for a futex that lasts: its call has not returned. */
void calls_waiting(struct output *o, const struct system_call *call);

#endif
