/*
 * watch.h: what -w asks for, against what a run bound.
 */
#ifndef WATCH_H
#define WATCH_H

#include "timeline/timeline.h"

/*
 * Whether a process bound a global that this item ("py:app.i", "py:app.*"; of `length` bytes) of the
 * watch list names. In a trace a module has one name, its file's stem, where the list may say its
 * __name__: a watched global of a module no item names counts for all items with its own name.
 */
bool watch_bound(const struct timeline *t, const char *list, const char *item, size_t length);

#endif
