/*
 * mutex.c: pthread mutexes and those of C11, which reach libc's by a way of
 * their own.
 *
 * A lock is tried first: a free mutex costs a push on the stack of held locks
 * and nothing else. Only a result other than 0 leads to the real lock, whose
 * result counts, because trylock differs in what it says of a mutex one holds
 * already (EBUSY for EDEADLK, or for a deadlock) but never takes one that lock
 * would have refused. So it is for normal, adaptive, recursive, errorcheck and
 * PI mutexes of glibc 2.36. Robust and PP ones are not tried: trylock leaves a
 * robust mutex that is not recoverable locked when it refuses it, and an
 * attempt on a PP mutex that fails changes the result of the next.
 */
#include <errno.h>
#include <pthread.h>
#include <threads.h>
#include <time.h>

#include "held.h"
#include "waiting.h"

/* In __kind; part of the ABI like the field itself, which static initialisers fill in. */
#define MUTEX_ROBUST 16
#define MUTEX_PI     32
#define MUTEX_PP     64

static uint32_t owner(const pthread_mutex_t *mutex) { return (uint32_t)mutex->__data.__owner; }

static bool may_try(const pthread_mutex_t *mutex)
{
    return !(mutex->__data.__kind & (MUTEX_ROBUST | MUTEX_PP));
}

/* EOWNERDEAD: its owner died, it is ours now. */
static bool taken(int result) { return result == 0 || result == EOWNERDEAD; }

static int hold(const void *mutex, int result)
{
    if (taken(result)) held_push(mutex, FT_WAIT_mutex);
    return result;
}

/* A timed wait that is over. */
static int timed(const void *mutex, int result, int time_out)
{
    if (result == time_out)
        waiting_timed_out();
    else
        waiting_end();
    return hold(mutex, result);
}

HOOK(int, pthread_mutex_trylock, (pthread_mutex_t * mutex))
{
    int result = REAL(pthread_mutex_trylock)(mutex);
    return ft_writer_on(&ft) ? hold(mutex, result) : result;
}

HOOK_REAL(int, pthread_mutex_lock, (pthread_mutex_t *));

/* `result` is that of trying. The mutex is on our stack already, and stays there if it becomes ours. */
__attribute__((noinline)) static int lock_tried(pthread_mutex_t *mutex, int result, uint64_t site)
{
    if (taken(result)) return result;
    waiting_begin(FT_WAIT_mutex, FT_UNTIMED, mutex, 0, owner(mutex), site);
    result = REAL(pthread_mutex_lock)(mutex);
    waiting_end();
    if (!taken(result)) held_pop(mutex);
    return result;
}

__attribute__((noinline)) static int lock_slowly(pthread_mutex_t *mutex, uint64_t site)
{
    if (!ft_writer_on(&ft)) return REAL(pthread_mutex_lock)(mutex);
    held_push_slowly(mutex, FT_WAIT_mutex);
    return lock_tried(mutex, may_try(mutex) ? REAL(pthread_mutex_trylock)(mutex) : EBUSY, site);
}

/*
 * The free path. A thread with a lane began after our constructor: the real
 * functions are known. Pushed before it is ours, so that the fork of another
 * thread does not find it held by nobody (held_really sorts out the rest).
 */
EXPORT int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    struct lane *lane = self.lane;
    if (unlikely(!lane || !may_try(mutex) || !held_push_here(lane, mutex, FT_WAIT_mutex)))
        return lock_slowly(mutex, SITE());
    int result = real_pthread_mutex_trylock(mutex);
    if (likely(!result)) return 0;
    return lock_tried(mutex, result, SITE());
}

HOOK(int, pthread_mutex_timedlock, (pthread_mutex_t * mutex, const struct timespec *until))
{
    if (!ft_writer_on(&ft)) return REAL(pthread_mutex_timedlock)(mutex, until);
    /* a free mutex: `until` is not looked at */
    if (may_try(mutex) && !REAL(pthread_mutex_trylock)(mutex)) return hold(mutex, 0);
    waiting_begin(FT_WAIT_mutex, FT_TIMED, mutex, 0, owner(mutex), SITE());
    return timed(mutex, REAL(pthread_mutex_timedlock)(mutex, until), ETIMEDOUT);
}

HOOK(int, pthread_mutex_clocklock, (pthread_mutex_t * mutex, clockid_t clock, const struct timespec *until))
{
    if (!ft_writer_on(&ft)) return REAL(pthread_mutex_clocklock)(mutex, clock, until);
    /* an unknown clock, or a PI mutex with another than CLOCK_REALTIME, is EINVAL even if it is free */
    bool known = clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC;
    bool pi = mutex->__data.__kind & MUTEX_PI;
    if (known && !pi && may_try(mutex) && !REAL(pthread_mutex_trylock)(mutex)) return hold(mutex, 0);
    waiting_begin(FT_WAIT_mutex, FT_TIMED, mutex, 0, owner(mutex), SITE());
    return timed(mutex, REAL(pthread_mutex_clocklock)(mutex, clock, until), ETIMEDOUT);
}

HOOK(int, pthread_mutex_unlock, (pthread_mutex_t * mutex))
{
    held_pop(mutex);
    return REAL(pthread_mutex_unlock)(mutex);
}

/* --- C11 ------------------------------------------------------------------------------------ */

/* mtx_t is a pthread_mutex_t in glibc, and only normal or recursive. */
static int hold_c11(const mtx_t *mutex, int result)
{
    if (result == thrd_success) held_push(mutex, FT_WAIT_mutex);
    return result;
}

HOOK(int, mtx_trylock, (mtx_t * mutex))
{
    int result = REAL(mtx_trylock)(mutex);
    return ft_writer_on(&ft) ? hold_c11(mutex, result) : result;
}

HOOK(int, mtx_lock, (mtx_t * mutex))
{
    if (!ft_writer_on(&ft)) return REAL(mtx_lock)(mutex);
    int result = REAL(mtx_trylock)(mutex);
    if (result != thrd_success) {
        waiting_begin(FT_WAIT_mutex, FT_UNTIMED, mutex, 0,
                      owner((const pthread_mutex_t *)(const void *)mutex), SITE());
        result = REAL(mtx_lock)(mutex);
        waiting_end();
    }
    return hold_c11(mutex, result);
}

HOOK(int, mtx_timedlock, (mtx_t * mutex, const struct timespec *until))
{
    if (!ft_writer_on(&ft)) return REAL(mtx_timedlock)(mutex, until);
    int result = REAL(mtx_trylock)(mutex);
    if (result == thrd_success) return hold_c11(mutex, result);
    waiting_begin(FT_WAIT_mutex, FT_TIMED, mutex, 0, owner((const pthread_mutex_t *)(const void *)mutex),
                  SITE());
    result = REAL(mtx_timedlock)(mutex, until);
    if (result == thrd_timedout)
        waiting_timed_out();
    else
        waiting_end();
    return hold_c11(mutex, result);
}

HOOK(int, mtx_unlock, (mtx_t * mutex))
{
    held_pop(mutex);
    return REAL(mtx_unlock)(mutex);
}
