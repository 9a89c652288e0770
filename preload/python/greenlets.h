/*
 * greenlets.h: the greenlets of gevent and eventlet, as the greenlet package
 * tells of them. Inside preload/python/ only, but for python_greenlets_at_*
 * (python.h).
 *
 * A greenlet is an object with a piece of saved stack: no pthread_create tells
 * of it, and os.fork() copies it like all memory. They are found by looking
 * through the collector's lists of objects, which only reads: at a fork, at the
 * end of a process, and now and then at events of a thread that holds the GIL,
 * for at most a hundredth of the time. In a process without the greenlet package
 * all this is a look into sys.modules once a second.
 */
#ifndef PYTHON_GREENLETS_H
#define PYTHON_GREENLETS_H

#include "preload/python/runtime.h"

/* In units of the trace's clock: when the next picture may be taken. */
extern uint64_t greenlets_due;

/* The slow half of greenlets_now_and_then. */
void greenlets_event(const void *state);

/* At an event of the thread with this state, which may hold the GIL or not; no signal interrupted Python. */
static inline void greenlets_now_and_then(const void *state)
{
    if (unlikely(ft_now(&ft) >= greenlets_due)) greenlets_event(state);
}

/* --- for switches.c; all with the GIL held, on the main thread ------------------------------- */

/* How many others of this thread, but the event loop, have begun and not ended. Takes a picture. */
uint32_t greenlets_others(ft_ref but, uint64_t ran);
/* Nanoseconds in counts of the trace's clock, about. */
uint64_t greenlets_counts(uint64_t ns);

#endif
