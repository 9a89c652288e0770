/*
 * spin.c: pthread spin locks. They are held for so short a time that a wait
 * is only recorded after a while of trying.
 */
#include <pthread.h>

#include "held.h"
#include "waiting.h"

#define TRIES 200 /* some microseconds */

static const void *plain(pthread_spinlock_t *lock) { return (const void *)(uintptr_t)lock; }

static void pause_cpu(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("isb"); /* `yield` is a nop on most of them */
#endif
}

HOOK(int, pthread_spin_trylock, (pthread_spinlock_t * lock))
{
    int result = REAL(pthread_spin_trylock)(lock);
    if (!result && ft_writer_on(&ft)) held_push(plain(lock), FT_WAIT_spin);
    return result;
}

HOOK(int, pthread_spin_lock, (pthread_spinlock_t * lock))
{
    if (!ft_writer_on(&ft)) return REAL(pthread_spin_lock)(lock);
    int result = REAL(pthread_spin_trylock)(lock);
    for (int i = 0; result && i < TRIES; i++) {
        pause_cpu();
        result = REAL(pthread_spin_trylock)(lock);
    }
    if (result) {
        waiting_begin(FT_WAIT_spin, FT_UNTIMED, plain(lock), 0, 0, SITE());
        result = REAL(pthread_spin_lock)(lock);
        waiting_end();
    }
    if (!result) held_push(plain(lock), FT_WAIT_spin);
    return result;
}

HOOK(int, pthread_spin_unlock, (pthread_spinlock_t * lock))
{
    held_pop(plain(lock));
    return REAL(pthread_spin_unlock)(lock);
}
