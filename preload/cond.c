/*
 * cond.c: condition variables of pthreads and C11.
 *
 * The mutex stays on the stack of held locks during the wait: its own state
 * tells that it is free meanwhile (held_really), and a cancelled wait has it
 * back before its cleanup handlers run, without a cleanup of ours, which would
 * need a personality routine from a libgcc other than the one that unwinds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <threads.h>
#include <time.h>

#include "preload/python/python.h"
#include "waiting.h"

static void begin(enum ft_timed timed, const void *cond, const void *mutex, uint64_t site)
{
    waiting_begin(FT_WAIT_cond, timed, cond, (uint64_t)(uintptr_t)mutex, 0, site);
}

static int end(int result, int time_out)
{
    if (result == time_out)
        waiting_timed_out();
    else
        waiting_end();
    return result;
}

/* dlsym finds GLIBC_2.3.2's, the default; the older ones are for programs older than x86-64. */
HOOK(int, pthread_cond_wait, (pthread_cond_t * cond, pthread_mutex_t *mutex))
{
    begin(FT_UNTIMED, cond, mutex, SITE());
    return end(REAL(pthread_cond_wait)(cond, mutex), ETIMEDOUT);
}

HOOK(int, pthread_cond_timedwait,
     (pthread_cond_t * cond, pthread_mutex_t *mutex, const struct timespec *until))
{
    begin(FT_TIMED, cond, mutex, SITE());
    return end(REAL(pthread_cond_timedwait)(cond, mutex, until), ETIMEDOUT);
}

HOOK(int, pthread_cond_clockwait,
     (pthread_cond_t * cond, pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until))
{
    begin(FT_TIMED, cond, mutex, SITE());
    return end(REAL(pthread_cond_clockwait)(cond, mutex, clock, until), ETIMEDOUT);
}

/* Default: GLIBC_2.3.2's, as above. */
HOOK(int, pthread_cond_signal, (pthread_cond_t * cond))
{
    python_signals(cond);
    return REAL(pthread_cond_signal)(cond);
}

HOOK(int, cnd_wait, (cnd_t * cond, mtx_t *mutex))
{
    begin(FT_UNTIMED, cond, mutex, SITE());
    return end(REAL(cnd_wait)(cond, mutex), thrd_timedout);
}

HOOK(int, cnd_timedwait, (cnd_t * cond, mtx_t *mutex, const struct timespec *until))
{
    begin(FT_TIMED, cond, mutex, SITE());
    return end(REAL(cnd_timedwait)(cond, mutex, until), thrd_timedout);
}
