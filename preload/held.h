/*
 * held.h: which locks this thread holds, newest last, in its lane: so that a
 * fork can tell who holds what.
 *
 * An entry may be out of date: pthread_cond_wait releases its mutex for a
 * while, a semaphore may be posted by another thread, libc unlocks behind our
 * back. Ask held_really before believing one.
 *
 * Everything here keeps errno and may be interrupted by a signal handler that
 * locks and unlocks.
 */
#ifndef HELD_H
#define HELD_H

#include "self.h"
#include "watch/watch.h"

/* What the inline functions leave to do: no lane yet, the stack is full, not the newest lock. */
void held_push_slowly(const void *address, enum ft_wait_kind kind);
bool held_pop_deeper(struct lane *lane, const void *address);

/* False: there is no room, use held_push_slowly. */
static inline bool held_push_here(struct lane *lane, const void *address, enum ft_wait_kind kind)
{
    uint32_t n = lane->held;
    if (unlikely(n >= HELD_MAX)) return false;
    /* the count first: what a handler locks meanwhile then goes above this one */
    __atomic_store_n(&lane->held, n + 1, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    lane->lock[n].address = address;
    lane->lock[n].kind = kind;
    watch_locks();
    return true;
}

static inline void held_push(const void *address, enum ft_wait_kind kind)
{
    struct lane *lane = self.lane;
    if (unlikely(!lane || !held_push_here(lane, address, kind))) held_push_slowly(address, kind);
}

/*
 * To be called before the lock is released, so that the release can be the last
 * thing a hook does: it then costs a jump. False: this thread does not hold it,
 * as far as we know.
 */
static inline bool held_pop(const void *address)
{
    struct lane *lane = self.lane;
    uint32_t n = lane ? lane->held : 0;
    if (!n) return false;
    if (unlikely(lane->lock[n - 1].address != address)) return held_pop_deeper(lane, address);
    __atomic_store_n(&lane->held, n - 1, __ATOMIC_RELAXED);
    watch_locks();
    return true;
}

/*
 * Semaphores have no owner. One that is posted by threads that do not hold it
 * is a signal, not a lock: it is "handed" from then on and held by nobody.
 */
#define HELD_HANDED 1024
extern const void *held_handed[HELD_HANDED]; /* by hash, the last one seen to be handed */

static inline const void **held_handed_entry(const void *sem)
{
    uintptr_t at = (uintptr_t)sem / 16;
    return &held_handed[(at ^ at / HELD_HANDED) % HELD_HANDED];
}
static inline bool held_is_handed(const void *sem)
{
    return unlikely(__atomic_load_n(held_handed_entry(sem), __ATOMIC_RELAXED) == sem);
}

void held_push_sem_slowly(const void *sem);
static inline void held_push_sem(const void *sem)
{
    struct lane *lane = self.lane;
    if (unlikely(!lane || lane->held)) /* it may be there already */
        held_push_sem_slowly(sem);
    else if (!held_is_handed(sem))
        held_push_here(lane, sem, FT_WAIT_sem);
}

/* Before it is posted. */
void held_hand(const void *sem);
static inline void held_post_sem(const void *sem)
{
    if (unlikely(!held_pop(sem))) held_hand(sem);
}

/* It is initialised or destroyed: what we knew of this address is void. */
void held_forget_sem(const void *sem);

/*
 * The newest locks this thread holds, as far as we know, each as 16 bits of its
 * address's hash, 0 where there are fewer: who shares none of three held no
 * lock in common. (Who shares one may be that one time in 32,768 who does not.)
 */
#define HELD_SIGNS 3
void held_signs(uint16_t signs[HELD_SIGNS]);

/*
 * Is a lock that thread `tid` has on its stack held by it, by the lock's own
 * state? No for one shared between processes: a fork makes no copy of it.
 * The memory may be gone by now.
 */
bool held_really(const void *address, uint32_t kind, uint32_t tid);

#endif
