/*
 * held.c: the slow half of the stack of held locks, and the lock's own word
 * on whether it is held.
 */
#include "held.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#include "readable.h"

static void drop(struct lane *lane, uint32_t i)
{
    uint32_t n = lane->held;
    if (n > HELD_MAX || i >= n) return;
    memmove(&lane->lock[i], &lane->lock[i + 1], (n - 1 - i) * sizeof lane->lock[0]);
    lane->held = n - 1;
}

void held_push_slowly(const void *address, enum ft_wait_kind kind)
{
    struct lane *lane = my_lane();
    if (!lane) return;
    if (lane->held >= HELD_MAX) drop(lane, 0);
    held_push(address, kind);
}

/* Where in the lane, or HELD_MAX. */
static uint32_t find(const struct lane *lane, const void *address)
{
    for (uint32_t i = lane ? lane->held : 0; i-- > 0;)
        if (i < HELD_MAX && lane->lock[i].address == address) return i;
    return HELD_MAX;
}

bool held_pop_deeper(struct lane *lane, const void *address)
{
    uint32_t i = find(lane, address);
    if (i == HELD_MAX) return false;
    drop(lane, i);
    watch_locks();
    return true;
}

void held_signs(uint16_t signs[HELD_SIGNS])
{
    const struct lane *lane = self.lane;
    uint32_t n = lane ? lane->held : 0;
    if (n > HELD_MAX) n = HELD_MAX;
    for (unsigned i = 0; i < HELD_SIGNS; i++) {
        uint64_t address = i < n ? (uint64_t)(uintptr_t)lane->lock[n - 1 - i].address : 0;
        signs[i] = address ? (uint16_t)(address * 0x9e3779b97f4a7c15u >> 48) | 1 : 0;
    }
}

/* --- semaphores ----------------------------------------------------------------------------- */

const void *held_handed[HELD_HANDED] SPARSE;

void held_push_sem_slowly(const void *sem)
{
    if (!held_is_handed(sem) && find(self.lane, sem) == HELD_MAX) held_push(sem, FT_WAIT_sem);
}

/* Only stored to when it changes: a fork child's page stays shared. */
void held_hand(const void *sem)
{
    if (!held_is_handed(sem)) __atomic_store_n(held_handed_entry(sem), sem, __ATOMIC_RELAXED);
}

void held_forget_sem(const void *sem)
{
    held_pop(sem);
    if (held_is_handed(sem)) __atomic_store_n(held_handed_entry(sem), NULL, __ATOMIC_RELAXED);
}

/* --- the lock's own word -------------------------------------------------------------------- */

#define MUTEX_SHARED 128 /* PTHREAD_MUTEX_PSHARED_BIT in __kind */

/* The fields are glibc's: part of its ABI through the static initialisers, in these places since 2.25. */
static bool mutex_held(const pthread_mutex_t *mutex, uint32_t tid)
{
    return mutex->__data.__lock && (uint32_t)mutex->__data.__owner == tid &&
           !(mutex->__data.__kind & MUTEX_SHARED);
}

static bool rwlock_held(const pthread_rwlock_t *lock, uint32_t kind, uint32_t tid)
{
    if (lock->__data.__shared) return false;
    if (kind == FT_WAIT_rwlock_write) return (uint32_t)lock->__data.__cur_writer == tid;
    return lock->__data.__readers >> 3 != 0; /* below: its phase and who waits */
}

static bool spin_held(const int *lock)
{
#if defined __x86_64__ || defined __i386__
    return *lock <= 0; /* 1 is free here, 0 elsewhere */
#else
    return *lock != 0;
#endif
}

/* glibc's struct new_sem: value and number of waiters in one 64-bit word, then whether it is shared. */
static bool sem_held(const void *sem)
{
    const struct {
        uint64_t data;
        int shared;
    } *s = sem;
    return (uint32_t)s->data == 0 && !s->shared && !held_is_handed(sem);
}

bool held_really(const void *address, uint32_t kind, uint32_t tid)
{
    size_t size = kind == FT_WAIT_mutex  ? sizeof(pthread_mutex_t)
                  : kind == FT_WAIT_sem  ? sizeof(sem_t)
                  : kind == FT_WAIT_spin ? sizeof(pthread_spinlock_t)
                                         : sizeof(pthread_rwlock_t);
    if (!readable(address) || !readable((const char *)address + size - 1)) return false;
    switch (kind) {
    case FT_WAIT_mutex: return mutex_held(address, tid);
    case FT_WAIT_rwlock_read:
    case FT_WAIT_rwlock_write: return rwlock_held(address, kind, tid);
    case FT_WAIT_spin: return spin_held(address);
    case FT_WAIT_sem: return sem_held(address);
    default: return false;
    }
}
