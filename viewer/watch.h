/*
 * watch.h: what -w asks for, against what a run bound, or was watched in C.
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

/* "12 stores in libfoo.so, all patched; ...": what was done for a C global, and what is not seen of it.
 * Escaped; returns buffer. */
const char *watch_words(char *buffer, size_t size, const struct watch_result *w);

/* Everything this watch can miss is worth saying. */
bool watch_misses(const struct watch_result *w);

/*
 * The best that became of a C item of the list in any image: watched before not found. NULL: no
 * image of the run was asked.
 */
const struct watch_result *watch_result(const struct timeline *t, const char *item, size_t length);

#endif
