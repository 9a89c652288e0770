/*
 * picture.h: a look at all of the program's module globals, for what no hook
 * sees: containers changed in place, names bound behind our back. Inside
 * preload/python/ only.
 *
 * Objects are read as they lie in memory: only where the interpreter is in
 * order. That is where it gives the GIL away, at a fork or an exit it was asked
 * for, and where it is at rest.
 */
#ifndef PYTHON_PICTURE_H
#define PYTHON_PICTURE_H

#include "preload/python/runtime.h"

/*
 * The GIL is being given away (3.11: PyEval_SaveThread begins): a picture if
 * the last one is old enough: ten a second at first, at most one a second in
 * the long run, and never more than a hundredth of the time.
 */
void python_release(void) __attribute__((visibility("hidden")));

/* Now; the interpreter is in order. */
void picture_take(ft_ref task);

/*
 * Before a fork: what the child starts with. If the interpreter is not in order that is what was seen last,
 * and the child looks again, if it can.
 */
void picture_at_fork(ft_ref fork, bool in_order);
void picture_in_child(bool in_order);

#endif
