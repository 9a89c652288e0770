/*
 * readable.h: may these bytes be read? For pointers of the program that we
 * look at before the kernel does: a bad one must give EFAULT there, not SIGSEGV
 * here. rt_sigprocmask copies the set before it rejects `how`: EINVAL means the
 * address was readable, EFAULT it was not. No seccomp filter forbids it, as some
 * do process_vm_readv.
 */
#ifndef READABLE_H
#define READABLE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The 8 aligned bytes around `address`. Keeps errno; async-signal-safe. */
static inline bool readable(const void *address)
{
    int saved = errno;
    uintptr_t word = (uintptr_t)address & ~(uintptr_t)7;
    bool yes = word && (syscall(SYS_rt_sigprocmask, -1, word, NULL, 8), errno == EINVAL);
    errno = saved;
    return yes;
}

#endif
