/*
 * object.h: the ELF objects that addresses lie in, described in the trace: each
 * once for all processes forked from one image, by whichever met it first.
 *
 * Async-signal-safe: no lock, no allocation; an object that cannot be remembered
 * is described again.
 */
#ifndef OBJECT_H
#define OBJECT_H

#include "self.h"

/* In memory that all processes forked from this image share, zeroed. */
size_t object_room(void);
void object_init(void *memory);

/* Make sure the object this address lies in (a handler, a lock, a start routine) is described in the trace.
 */
void object_describe(uint64_t address);

/* The same for one that is being loaded: only while the loader tells us of it (preload/watch/). */
void object_loading(uint64_t start, uint64_t end);

#endif
