/*
 * ranges.h: which memory is compared when processes end (memory.h): the
 * writable data of the program, of libraries that come with neither the system
 * nor Python, and of what it loaded later, before it forked: plugins, extension
 * modules. What a process loads after its fork, no other has.
 */
#ifndef RANGES_H
#define RANGES_H

#include <link.h>

#include "self.h"

struct range {
    uintptr_t start, end; /* whole pages */
    unsigned place;       /* number of its first half page, of all ranges (blocks.h) */
    const void *header;   /* of a library that may be unloaded, else NULL */
    uint64_t mark;        /* of it: another one there has another */
};
extern struct range ranges[];
extern uint32_t range_count, range_pages;

/* Constructor only. */
void ranges_init(void);

/* Is it still loaded? Async-signal-safe, keeps errno. */
bool range_is_there(const struct range *range);

/* Before a fork: what was loaded since the last look. Async-signal-safe; looks again after 1, 2, 4, ...
 * forks. */
extern const struct link_map
    *ranges_last; /* loaded with the program: never goes away. NULL: nothing is compared */
void ranges_newcomers(void);
static inline void ranges_at_fork(void)
{
    if (unlikely(ranges_last && ranges_last->l_next)) ranges_newcomers();
}

#endif
