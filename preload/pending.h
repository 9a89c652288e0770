/*
 * pending.h: output that waits in the buffers of stdio at a fork: the child has
 * a copy of it and will write it a second time.
 */
#ifndef PENDING_H
#define PENDING_H

#include <stdbool.h>

#include "preload/self.h"

/* In the parent, before the fork: FT_STDIO for each FILE with something in its buffer. Async-signal-safe. */
void pending_at_fork(ft_ref fork);

/* This process ends: FT_STDIO for what it wrote, or is about to write (flushes), of its parent's. */
void pending_at_end(ft_ref task, bool flushes);

#endif
