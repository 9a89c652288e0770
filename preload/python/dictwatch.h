/*
 * dictwatch.h: writes to module globals on CPython 3.12 and later, told by the
 * interpreter itself (PyDict_Watch, PyFunction_AddWatcher): no code is patched for that.
 * Inside preload/python/ only.
 */
#ifndef PYTHON_DICTWATCH_H
#define PYTHON_DICTWATCH_H

#include "preload/python/runtime.h"

/* The interpreter has just been found, and is one of those. False: it has no watchers. */
bool dictwatch_start(const struct link_map *map);

/* What the calling thread runs in is watched, or could not be; NULL: nothing is. */
extern const void *dictwatch_met __attribute__((visibility("hidden")));
void dictwatch_meet(const void *state);

/* An event of the thread with this state: watch its interpreter, if that can be done now. Two loads when it
 * is.
 */
static inline void dictwatch_arm(const void *state)
{
    if (dictwatch_met && unlikely(dictwatch_met != py_read(state, python.layout->ts_interp)))
        dictwatch_meet(state);
}

#endif
