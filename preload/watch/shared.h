/* shared.h: is memory shared with the processes we fork? Inside preload/watch/ only. */
#ifndef WATCH_SHARED_H
#define WATCH_SHARED_H

#include <stdbool.h>
#include <stdint.h>

/* One look at the mappings of this process; of two addresses in one mapping the second costs nothing. */
struct shared_look {
    long fd; /* /proc/self/maps; negative: not to be had */
    uint64_t start, end;
    bool shared; /* [start, end) is */
};

/* Async-signal-safe, keep errno. */
void shared_begin(struct shared_look *look);
/* The byte at this address lies in a MAP_SHARED mapping; false too if nobody can tell. */
bool shared_at(struct shared_look *look, uint64_t address);
void shared_end(struct shared_look *look);

#endif
