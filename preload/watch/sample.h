/* sample.h: what watch.c tells of the objects it found. Inside preload/watch/ only. */
#ifndef WATCH_SAMPLE_H
#define WATCH_SAMPLE_H

#include "preload/watch/watch.h"

/*
 * An object, readable: compared from now on, its first 8 bytes if it is longer. `stays`: its library cannot
 * be unloaded. Its value.
 */
uint64_t sample_add(uint64_t address, uint64_t size, ft_ref global, bool stays);

/* Compare no longer what is not loaded any more. */
void sample_forget(bool (*is_loaded)(uint64_t address));

#endif
