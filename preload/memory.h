/*
 * memory.h: what the program's own C globals hold at the end of a process, so
 * that who reads the trace can tell which of them went their own way after a
 * fork, without anybody having named one. No names, no symbols in here: ranges
 * of bytes, of which those that were never written to are not even read.
 *
 * Which memory: ranges.h. FORKTRACE_C=off: nothing of this. =forks: at forks too,
 * which tells what each child began with.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include "ranges.h"
#include "self.h"

/* Constructor only. `mode` is FORKTRACE_C; may be NULL. */
void memory_init(const char *mode);

/* A process ends; becomes another program; forks. Async-signal-safe, keep errno. */
void memory_at_end(ft_ref task);
void memory_at_exec(ft_ref task);
void memory_look(ft_ref task, ft_ref fork);

extern bool memory_forks; /* look at forks */
static inline void memory_at_fork(ft_ref fork)
{
    ranges_at_fork();
    if (unlikely(memory_forks)) memory_look(self.task, fork);
}

#endif
