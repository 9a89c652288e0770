/*
 * inventory.h: what a process holds at the moment of a fork: locks (whose
 * holders are ghosts in the child) and threads nobody saw come.
 */
#ifndef INVENTORY_H
#define INVENTORY_H

#include "trace/format.h"

/*
 * Write an FT_HELD for each lock that is held now, and an FT_UNSEEN_THREADS if
 * the kernel knows more threads than we do. In the forking thread, before the
 * fork named `fork`. Async-signal-safe, but not errno-preserving.
 */
void inventory_at_fork(ft_ref task, ft_ref fork);

#endif
