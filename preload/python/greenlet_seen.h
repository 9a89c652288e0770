/*
 * greenlet_seen.h: what a greenlet is (its name, function, where it was
 * spawned, where it is now), and which of those seen before it is. All with the
 * GIL held, on the main thread.
 */
#ifndef PYTHON_GREENLET_SEEN_H
#define PYTHON_GREENLET_SEEN_H

#include "preload/python/runtime.h"

/* The FT_PY_FUNCTION and the flags of one; `first` is its innermost frame, NULL if it has not begun. */
ft_ref greenlet_what(const void *greenlet, const void *first, uint32_t *flags);
/* Its FT_GREENLET, written if need be. `function`: what it ran, if it has ended. `stack`: where it is now. */
ft_ref greenlet_name(const void *greenlet, ft_ref function, ft_ref *stack);

/*
 * All there are, one by one: begin, a look at each of at most GREENLETS, end; what was seen the time before
 * is forgotten then. A look's result: its FT_GREENLET and where it is now; 0: it has not started, and nothing
 * is known of it.
 */
void seen_begin(void);
ft_ref seen_look(const void *greenlet, const void *current, const void *state, ft_ref *stack);
void seen_end(void);
/* How many others of these, but the event loop, have begun and not ended. */
uint32_t seen_begun(ft_ref but);

#endif
