/*
 * sem.c: semaphores. CPython's locks are semaphores too: taken by sem_trywait,
 * else by sem_wait or sem_clockwait, and released by sem_post.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "held.h"
#include "waiting.h"

HOOK_REAL(void, pthread_testcancel, (void));

HOOK(int, sem_trywait, (sem_t * sem))
{
    if (REAL(sem_trywait)(sem)) return -1;
    if (likely(ft_writer_on(&ft))) held_push_sem(sem);
    return 0;
}

/*
 * The waiting functions act on a cancellation even if they need not wait; so
 * that comes first. True: the semaphore is ours, errno as it was.
 */
static inline __attribute__((always_inline)) bool took(sem_t *sem)
{
    int saved = errno;
    REAL(pthread_testcancel)();
    if (REAL(sem_trywait)(sem)) {
        errno = saved;
        return false;
    }
    held_push_sem(sem);
    return true;
}

/* The wait is over. */
static int end(sem_t *sem, int result)
{
    if (result && errno == ETIMEDOUT)
        waiting_timed_out();
    else
        waiting_end();
    if (!result) held_push_sem(sem);
    return result;
}

/* A bad clock or time is EINVAL even if the semaphore is free: then there is nothing to try. */
static bool valid(clockid_t clock, const struct timespec *until)
{
    return (clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC) && until->tv_nsec >= 0 &&
           until->tv_nsec < 1000000000;
}

HOOK(int, sem_wait, (sem_t * sem))
{
    if (!ft_writer_on(&ft)) return REAL(sem_wait)(sem);
    if (took(sem)) return 0;
    waiting_begin(FT_WAIT_sem, FT_UNTIMED, sem, 0, 0, SITE());
    return end(sem, REAL(sem_wait)(sem));
}

HOOK(int, sem_timedwait, (sem_t * sem, const struct timespec *until))
{
    if (!ft_writer_on(&ft)) return REAL(sem_timedwait)(sem, until);
    if (valid(CLOCK_REALTIME, until) && took(sem)) return 0;
    waiting_begin(FT_WAIT_sem, FT_TIMED, sem, 0, 0, SITE());
    return end(sem, REAL(sem_timedwait)(sem, until));
}

HOOK(int, sem_clockwait, (sem_t * sem, clockid_t clock, const struct timespec *until))
{
    if (!ft_writer_on(&ft)) return REAL(sem_clockwait)(sem, clock, until);
    if (valid(clock, until) && took(sem)) return 0;
    waiting_begin(FT_WAIT_sem, FT_TIMED, sem, 0, 0, SITE());
    return end(sem, REAL(sem_clockwait)(sem, clock, until));
}

/* Noted before the call: who it wakes may destroy it, and another may be born at its address. */
HOOK(int, sem_post, (sem_t * sem))
{
    if (ft_writer_on(&ft)) held_post_sem(sem);
    return REAL(sem_post)(sem);
}

HOOK(int, sem_init, (sem_t * sem, int shared, unsigned value))
{
    if (ft_writer_on(&ft)) held_forget_sem(sem);
    return REAL(sem_init)(sem, shared, value);
}

HOOK(int, sem_destroy, (sem_t * sem))
{
    if (ft_writer_on(&ft)) held_forget_sem(sem);
    return REAL(sem_destroy)(sem);
}
