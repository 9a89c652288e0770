/* moment.h: the kernel's nanoseconds (CLOCK_MONOTONIC) as the counter of the records. */
#ifndef FT_EBPF_MOMENT_H
#define FT_EBPF_MOMENT_H

#include "write.h"

/* Both, now. */
struct pair moment_now(const struct output *o);

/* Now is a new moment to date events by: before each look at the ring. */
void moment_tick(struct output *o);

/* The records' time for a moment of CLOCK_MONOTONIC. */
uint64_t moment_counter(const struct output *o, uint64_t ns);

#endif
