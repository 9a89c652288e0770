/*
 * greenlet_list.h: the greenlet package, if it is loaded, and all greenlets
 * there are. All with the GIL held, on the main thread; nothing here runs Python
 * code, makes an object the collector knows of, or keeps a reference.
 */
#ifndef PYTHON_GREENLET_LIST_H
#define PYTHON_GREENLET_LIST_H

#include "preload/python/runtime.h"

#define GREENLETS 480 /* in a list: a picture of them fits into a page */

/* Is the package loaded, and one we know? Once it is, that stays so. */
bool greenlet_loaded(void);
/* The rest only if it is. A function of the package, borrowed; NULL: none. */
const void *greenlet_function(const char *name);
/* The one that runs, a new reference; it makes one of a thread that has none. */
void *greenlet_current(void);
/* The one all others of its thread come from: the thread itself. */
const void *greenlet_root(const void *greenlet);

/* All there are in this interpreter that have not ended. False: they cannot be told now. */
bool greenlet_find(const void *state);
extern struct greenlet_list {
    const void *of[GREENLETS];
    unsigned count, others; /* others: that there is no room for */
} greenlet_list;

#endif
