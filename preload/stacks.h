/*
 * stacks.h: stacks seen before. The same call from the same place on the stack,
 * with every return address still where it was, has the same stack: re-reading
 * its return addresses costs a tenth of unwinding it.
 *
 * Async-signal-safe; used from fork children. What one process of an image's
 * family found out, the others need not.
 */
#ifndef STACKS_H
#define STACKS_H

#include "self.h"

/* A return address as it lies on the stack; not defined where it is not known at which place it lies. */
#if defined __x86_64__
#define STACKS_CODE(pc) (pc)
#elif defined __aarch64__
#define STACKS_CODE(pc) ((pc) & ((1ull << 48) - 1)) /* a signed return address has its signature above */
#endif

/* In memory that all processes forked from this image share, zeroed, at a multiple of 1024. */
size_t stacks_room(void);
void stacks_init(void *memory);

/* The FT_STACK of a call from `site` at stack pointer `sp`, 0 if it is not known. After stacks_init only. */
ft_ref stacks_recall(uint64_t site, uint64_t sp);

/* It is this one: return addresses, innermost first, and where on the stack each lies. */
void stacks_keep(uint64_t site, uint64_t sp, ft_ref ref, const uint64_t *pc, const uint64_t *slot,
                 unsigned count);

/* In the parent: spares the child a page fault at its first stack. */
void stacks_before_fork(void);

#endif
