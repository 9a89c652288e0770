/*
 * thread.h: what the other families may ask about threads.
 *
 * The count lives in the page the kernel empties in every new process
 * (self_alive[1]): a fork child has it right without storing anything.
 */
#ifndef THREAD_H
#define THREAD_H

#include <errno.h>
#include <pthread.h>
#include <threads.h>

#include "preload/self.h"

/*
 * How many threads of this process are known to be alive, the caller's
 * included. A thread counts from just before pthread_create until its
 * FT_THREAD_END: the kernel may still list one that has ended, and does not
 * list one yet whose creator is about to call clone. Async-signal-safe.
 */
uint32_t thread_known(void);

/*
 * The calling thread has just got a birth record of its own, because nobody
 * saw it created (self_identify): count it and see its end. Async-signal-safe.
 */
void thread_adopt(void);

/*
 * A signal handler may run in a new thread before its trampoline does: true if
 * this is such a thread; self then says who it is. Async-signal-safe.
 */
bool thread_starting(void);

/* Of a thread that was not joined yet (pthread_join itself reads it so); 0: not known, or it has ended. */
uint32_t thread_tid(pthread_t thread);

/* C11 says less than errno: a bare thrd_error is `otherwise`; EAGAIN at creation, the only one glibc means
 * there. */
static inline int thread_c11_error(int result, int otherwise)
{
    switch (result) {
    case thrd_success: return 0;
    case thrd_nomem: return ENOMEM;
    case thrd_busy: return EBUSY;
    case thrd_timedout: return ETIMEDOUT;
    default: return otherwise;
    }
}

#endif
