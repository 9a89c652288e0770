/* sample.h: what watch.c tells of the objects it found. Inside preload/watch/ only. */
#ifndef WATCH_SAMPLE_H
#define WATCH_SAMPLE_H

#include "preload/watch/watch.h"

/*
 * An object, readable: compared from now on. `stays`: its library cannot be unloaded. Its value, of a longer
 * one the first 8 bytes: then *print stands for the whole; else it is left alone.
 */
uint64_t sample_add(uint64_t address, uint32_t size, ft_ref global, ft_ref name, bool stays, uint32_t *print);

/* Compare no longer what is not loaded any more. */
void sample_forget(bool (*is_loaded)(uint64_t address));

#endif
