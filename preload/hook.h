/*
 * hook.h: how a libc function is intercepted. Everything in preload/ runs
 * inside somebody else's process: see the rules in DESIGN (README "limits").
 *
 * How to add an interceptor:
 *   1. In the file of its family, write
 *        HOOK(int, sem_post, (sem_t *sem))
 *        {
 *            ... decode ...
 *            int result = REAL(sem_post)(sem);
 *            ... record: ft_begin(&ft, ...), fill in, ft_commit ...
 *            return result;
 *        }
 *      HOOK exports the function and registers its name; REAL(name) is the next
 *      definition (libc's), found once at start.
 *   2. Record before the call what a killed process must show; after it, results.
 *   3. Leave errno as the real function left it: `int saved = errno` around
 *      anything of ours that runs after the call. trace/ keeps errno by itself.
 *   4. Ask me() for the task, origin() for where the call came from.
 *   5. If me() is 0 nothing is recorded: call through.
 *   6. No malloc, no lock, no printf, no libc function that may be a
 *      cancellation point, may be interposed, or takes a lock.
 *   7. Add a line to tests/fixtures that runs it with and without the library.
 */
#ifndef HOOK_H
#define HOOK_H

#include <stdbool.h>

#include "preload/weak.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define EXPORT      __attribute__((visibility("default")))

/*
 * What a fork child runs that does nothing but exit. Gathered in one place of
 * the library: each 64 KiB of code such a child enters costs it a page fault.
 */
#define HOT __attribute__((hot))

/* A table of which most is never touched: behind all small variables, that these share few pages. */
#define SPARSE __attribute__((section(".bss.sparse")))

struct hook {
    const char *name;
    void **real;
};

/* The pointers side by side: each page of ours that was ever written to costs a fork, for it is copied. */
#define HOOK_REAL(result, name, parameters)                                     \
    static result(*real_##name) parameters __attribute__((section("ft_real"))); \
    static const struct hook hook_##name                                        \
        __attribute__((used, section("ft_hooks"))) = {#name, (void **)(void *)&real_##name}

#define HOOK(result, name, parameters)   \
    HOOK_REAL(result, name, parameters); \
    EXPORT result name parameters;       \
    EXPORT result name parameters

/*
 * The constructor has filled it in. An even earlier call looks for this one
 * name only: a malloc of the program's, called by dlsym for a name that is
 * missing, may lock a mutex in the middle of hook_resolve.
 */
#define REAL(name) (*(likely(real_##name) ? real_##name : (__typeof__(real_##name))hook_find(#name)))

/* The real function of this name. One that libc does not have returns -1 with ENOSYS. */
void *hook_find(const char *name);
/* Fill in all of them. Idempotent. */
void hook_resolve(void);

#define SITE() ((uint64_t)(uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0)))

#endif
