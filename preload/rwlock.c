/*
 * rwlock.c: pthread read-write locks. Tried first, like mutexes: the try
 * functions never take a lock that the blocking ones would have waited for
 * (glibc 2.36; they refuse more: a reader behind a waiting writer).
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "held.h"
#include "waiting.h"

static int hold(const pthread_rwlock_t *lock, enum ft_wait_kind kind, int result)
{
    if (!result) held_push(lock, kind);
    return result;
}

static void begin(const pthread_rwlock_t *lock, enum ft_wait_kind kind, enum ft_timed timed, uint64_t site)
{
    waiting_begin(kind, timed, lock, 0, (uint32_t)lock->__data.__cur_writer, site);
}

/* The wait is over. */
static int end(const pthread_rwlock_t *lock, enum ft_wait_kind kind, int result)
{
    if (result == ETIMEDOUT)
        waiting_timed_out();
    else
        waiting_end();
    return hold(lock, kind, result);
}

/* A bad clock or time is EINVAL even if the lock is free: then there is nothing to try. */
static bool valid(clockid_t clock, const struct timespec *until)
{
    return (clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC) && until->tv_nsec >= 0 &&
           until->tv_nsec < 1000000000;
}

#define READ  FT_WAIT_rwlock_read
#define WRITE FT_WAIT_rwlock_write

HOOK(int, pthread_rwlock_tryrdlock, (pthread_rwlock_t * lock))
{
    int result = REAL(pthread_rwlock_tryrdlock)(lock);
    return ft_writer_on(&ft) ? hold(lock, READ, result) : result;
}

HOOK(int, pthread_rwlock_trywrlock, (pthread_rwlock_t * lock))
{
    int result = REAL(pthread_rwlock_trywrlock)(lock);
    return ft_writer_on(&ft) ? hold(lock, WRITE, result) : result;
}

HOOK_REAL(int, pthread_rwlock_rdlock, (pthread_rwlock_t *));
HOOK_REAL(int, pthread_rwlock_wrlock, (pthread_rwlock_t *));

static __attribute__((noinline)) int read_busy(pthread_rwlock_t *lock, uint64_t site)
{
    begin(lock, READ, FT_UNTIMED, site);
    return end(lock, READ, REAL(pthread_rwlock_rdlock)(lock));
}

static __attribute__((noinline)) int write_busy(pthread_rwlock_t *lock, uint64_t site)
{
    begin(lock, WRITE, FT_UNTIMED, site);
    return end(lock, WRITE, REAL(pthread_rwlock_wrlock)(lock));
}

/* While we record, the constructor has run: the real functions are known. */
EXPORT int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    if (unlikely(!ft_writer_on(&ft))) return REAL(pthread_rwlock_rdlock)(lock);
    if (unlikely(real_pthread_rwlock_tryrdlock(lock))) return read_busy(lock, SITE());
    held_push(lock, READ);
    return 0;
}

EXPORT int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    if (unlikely(!ft_writer_on(&ft))) return REAL(pthread_rwlock_wrlock)(lock);
    if (unlikely(real_pthread_rwlock_trywrlock(lock))) return write_busy(lock, SITE());
    held_push(lock, WRITE);
    return 0;
}

HOOK(int, pthread_rwlock_timedrdlock, (pthread_rwlock_t * lock, const struct timespec *until))
{
    if (!ft_writer_on(&ft)) return REAL(pthread_rwlock_timedrdlock)(lock, until);
    if (valid(CLOCK_REALTIME, until) && !REAL(pthread_rwlock_tryrdlock)(lock)) return hold(lock, READ, 0);
    begin(lock, READ, FT_TIMED, SITE());
    return end(lock, READ, REAL(pthread_rwlock_timedrdlock)(lock, until));
}

HOOK(int, pthread_rwlock_timedwrlock, (pthread_rwlock_t * lock, const struct timespec *until))
{
    if (!ft_writer_on(&ft)) return REAL(pthread_rwlock_timedwrlock)(lock, until);
    if (valid(CLOCK_REALTIME, until) && !REAL(pthread_rwlock_trywrlock)(lock)) return hold(lock, WRITE, 0);
    begin(lock, WRITE, FT_TIMED, SITE());
    return end(lock, WRITE, REAL(pthread_rwlock_timedwrlock)(lock, until));
}

HOOK(int, pthread_rwlock_clockrdlock,
     (pthread_rwlock_t * lock, clockid_t clock, const struct timespec *until))
{
    if (!ft_writer_on(&ft)) return REAL(pthread_rwlock_clockrdlock)(lock, clock, until);
    if (valid(clock, until) && !REAL(pthread_rwlock_tryrdlock)(lock)) return hold(lock, READ, 0);
    begin(lock, READ, FT_TIMED, SITE());
    return end(lock, READ, REAL(pthread_rwlock_clockrdlock)(lock, clock, until));
}

HOOK(int, pthread_rwlock_clockwrlock,
     (pthread_rwlock_t * lock, clockid_t clock, const struct timespec *until))
{
    if (!ft_writer_on(&ft)) return REAL(pthread_rwlock_clockwrlock)(lock, clock, until);
    if (valid(clock, until) && !REAL(pthread_rwlock_trywrlock)(lock)) return hold(lock, WRITE, 0);
    begin(lock, WRITE, FT_TIMED, SITE());
    return end(lock, WRITE, REAL(pthread_rwlock_clockwrlock)(lock, clock, until));
}

HOOK(int, pthread_rwlock_unlock, (pthread_rwlock_t * lock))
{
    held_pop(lock);
    return REAL(pthread_rwlock_unlock)(lock);
}
