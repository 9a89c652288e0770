/*
 * unsafe.h: calls of functions whose locks a fork copies as they are
 * (FT_UNSAFE_CALLS), in a child of a process with threads.
 *
 * self.untold has a bit for each function that is still to be told of, in the
 * thread such a child begins with; elsewhere it is 0, and looking at it is all
 * a call costs.
 */
#ifndef UNSAFE_H
#define UNSAFE_H

#include "preload/self.h"

/* FT_UNSAFE_CALL, and not again. Async-signal-safe; keeps errno. */
void unsafe_tell(enum ft_unsafe function, uint64_t site);

static inline void unsafe_look(enum ft_unsafe function, uint64_t site)
{
    if (unlikely(self.untold >> function & 1)) unsafe_tell(function, site);
}

#endif
