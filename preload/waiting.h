/*
 * waiting.h: what this thread waits for.
 *
 * A wait costs the trace nothing unless it is long: each thread has one slot
 * (struct ft_wait_slot) that is filled before the thread blocks and cleared
 * afterwards. A process killed meanwhile still shows the wait. Only a wait of
 * at least header.wait_threshold milliseconds leaves an FT_WAIT record.
 *
 * All of this is async-signal-safe, keeps errno, and does nothing while
 * nothing is recorded.
 */
#ifndef WAITING_H
#define WAITING_H

#include "self.h"

/*
 * We are about to block, `timed` with a time limit. `second` is a cond's mutex or the pid waited for;
 * owner_tid who holds it, 0 unknown; site the return address in the caller.
 * May be nested: a signal handler may wait inside a wait, which goes on after it.
 */
void waiting_begin(enum ft_wait_kind kind, enum ft_timed timed, const void *address, uint64_t second,
                   uint32_t owner_tid, uint64_t site);

/* The wait is over. A thread that never gets here (cancelled, a longjmp) is noticed later. */
void waiting_end(void);

/* It ended by a time-out: if the same wait follows at once from the same place, it goes on. */
void waiting_timed_out(void);

/* The thread ends: end what it left and free its slot. */
void waiting_release(void);

#endif
