/*
 * sigmask.c: which signals a thread blocks. Recorded when the mask has become
 * another one; most calls only put back what was.
 */
#define _GNU_SOURCE
#include <errno.h>

#include "preload/signals.h"
#include "preload/watch/trap.h"

#define BIT(signal_number) (1ull << ((signal_number)-1))
#define NEVER              (BIT(SIGKILL) | BIT(SIGSTOP) | BIT(32) | BIT(33)) /* the last two are glibc's own */

void mask_changed(enum ft_sigmask_api api, int how, uint64_t old, uint64_t new, uint64_t site)
{
    if (old == new) return;
    ft_ref task = me();
    if (!task) return;
    origin_first(site);
    struct ft_sigmask *record = ft_begin(&ft, FT_SIGMASK, sizeof *record, task);
    if (!record) return;
    record->site = site;
    record->old_mask = old;
    record->new_mask = new;
    record->how = (uint8_t)how;
    record->api = (uint8_t)api;
    ft_commit(record);
}

static uint64_t apply(int how, uint64_t old, uint64_t set)
{
    switch (how) {
    case SIG_BLOCK: return old | (set & ~NEVER);
    case SIG_UNBLOCK: return old & ~set;
    default: return set & ~NEVER;
    }
}

static int change(trap_sigmask_function *real, int how, const sigset_t *set, sigset_t *old)
{
    return unlikely(trap_taken) ? trap_sigmask(real, how, set, old) : real(how, set, old);
}

/* Read before the call: both sets may be the same. libc reads it first thing, too. */
#define SIGMASK(name)                                                                   \
    HOOK(int, name, (int how, const sigset_t *set, sigset_t *old))                      \
    {                                                                                   \
        if (!set) return change(&REAL(name), how, set, old);                            \
        sigset_t ours, *before = old ? old : &ours;                                     \
        uint64_t wanted = mask_word(set);                                               \
        int result = change(&REAL(name), how, set, before);                             \
        if (!result) {                                                                  \
            uint64_t was = mask_word(before);                                           \
            mask_changed(FT_SIGMASK_##name, how, was, apply(how, was, wanted), SITE()); \
        }                                                                               \
        return result;                                                                  \
    }

SIGMASK(sigprocmask)
SIGMASK(pthread_sigmask)

/* --- System V's, of one signal -------------------------------------------------------------- */

uint64_t mask_now(void)
{
    int saved = errno;
    sigset_t now;
    uint64_t word = REAL(sigprocmask)(SIG_BLOCK, NULL, &now) ? 0 : mask_word(&now);
    errno = saved;
    return word;
}

#define SIGHOLD(name, how)                                                          \
    HOOK(int, name, (int signal_number))                                            \
    {                                                                               \
        if (!me()) return REAL(name)(signal_number);                                \
        uint64_t was = mask_now();                                                  \
        int result = REAL(name)(signal_number);                                     \
        if (!result) mask_changed(FT_SIGMASK_##name, how, was, mask_now(), SITE()); \
        return result;                                                              \
    }

SIGHOLD(sighold, SIG_BLOCK)
SIGHOLD(sigrelse, SIG_UNBLOCK)
