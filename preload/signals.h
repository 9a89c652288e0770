/*
 * signals.h: what sigaction.c, sigmask.c and kill.c share.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <signal.h>
#include <string.h>

#include "preload/origin.h"
#include "preload/self.h"

/* The kernel's 64 signals, bit n-1 for signal n. A sigset_t has room for 1024 that it never touches. */
static inline uint64_t mask_word(const sigset_t *set)
{
    uint64_t word;
    memcpy(&word, set, sizeof word);
    return word;
}

/* The calling thread's mask. Keeps errno. */
uint64_t mask_now(void);

/* A call that succeeded made `new` out of `old`: record it if they differ. Keeps errno. */
void mask_changed(enum ft_sigmask_api api, int how, uint64_t old, uint64_t new, uint64_t site);

#endif
