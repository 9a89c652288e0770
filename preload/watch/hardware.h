/*
 * hardware.h: writes to C globals, seen by the processor's own breakpoints: up
 * to four places of 8 bytes in a process. They see every store the program
 * makes, through whatever pointer, in libc too; not the kernel's (read(2)).
 *
 * x86-64, Linux 5.18 or later (before, a store while SIGTRAP was blocked ended
 * the process), perf_event_paranoid at most 2.
 */
#ifndef HARDWARE_H
#define HARDWARE_H

#include <ucontext.h>

#include "preload/watch/plan.h"
#include "preload/self.h"

#define HARDWARE_SLOTS 4

/*
 * How many places can be watched now; *error: why there is not even one (errno). `try`: really, for what is
 * not patched; the first try on a machine takes the kernel 12 ms. Normal context only.
 */
unsigned hardware_free(bool try, int *error);

/*
 * Watch what the plan asks for. `globals`: its globals' references; `shared`: HARDWARE_SLOTS zeros in memory
 * that forked processes share; `error`: as hardware_free said. Threads that run already are included. Normal
 * context only.
 */
void hardware_watch(const struct plan_answer *plan, const ft_ref *globals, uint32_t *shared, int error);

/*
 * What was unloaded is watched no more in this process; others may have it still, so the places stay taken
 * until it is loaded at the same address again.
 */
void hardware_forget(bool (*is_loaded)(uint64_t address));

/* Which watches of the list have places; bit n: number n. */
uint64_t hardware_held(void);

/* Have the program's own calls taken away our descriptors? A note says so. Async-signal-safe. */
void hardware_check(void);

/* A descriptor that close(), dup2() and their kin must not touch: for the program it is not open. */
extern unsigned hardware_fd_count;
bool hardware_fd(int fd);
static inline bool hardware_keeps(int fd) { return unlikely(hardware_fd_count) && hardware_fd(fd); }
/* dup2() onto it: it moves elsewhere first. Keeps errno. */
void hardware_give_way(int fd);

/* Called by trap.c for a SIGTRAP that carries `data`; `late`: long after the store. False: it is none of
 * ours. */
bool hardware_hit(uint64_t data, const ucontext_t *context, bool late);

#endif
