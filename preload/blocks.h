/*
 * blocks.h: half pages of memory as they are kept in the trace: each once for
 * all processes of a family that have it as it is, by what it holds.
 */
#ifndef BLOCKS_H
#define BLOCKS_H

#include "self.h"

#define BLOCKS_MOST 2048 /* places: half pages of the memory that is compared */
#define BLOCKS_WAYS 4    /* contents of each that are remembered */

/* In memory that all processes forked from this image share: room for struct ft_interned [blocks_room()]. */
size_t blocks_room(void);
void blocks_init(void *memory);

/*
 * The record that has the half page at `word`, place number `place`, as it is now; 0: it could not be
 * written. Async-signal-safe.
 */
ft_ref blocks_keep(const volatile uint64_t *word, unsigned place, ft_ref task);

#endif
