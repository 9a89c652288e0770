/*
 * python.h: what CPython can tell about an event: its Python stack, the name
 * and target of a thread, the function behind a signal handler.
 *
 * The interpreter is found by looking at the ELF objects the program's own
 * call sites lie in (no dlsym: it takes the loader's lock), whether it is the
 * program itself or a libpython that was dlopened. A version whose layout is
 * not in layouts.h is left alone, which a note in the trace says.
 *
 * Frames of the calling thread are read raw: a thread that is inside a hook
 * cannot have its own frames moved, with or without the GIL. Objects are only
 * touched while their thread runs them, references never counted. Anything
 * that may run Python code happens only with the GIL held.
 *
 * FORKTRACE_PYTHON=off switches all of this off, =names leaves globals alone, =all
 * takes the standard library's and installed packages' modules for the program's own too.
 */
#ifndef PYTHON_H
#define PYTHON_H

#include <link.h>

#include "preload/self.h"

/* Constructor only. `mode` is FORKTRACE_PYTHON, `watch` FORKTRACE_WATCH, `greenlets` FORKTRACE_GREENLETS; all
 * kept by the caller, may be NULL. */
void python_init(const char *mode, const char *watch, const char *greenlets);

/* Is the interpreter in this object? Called once for each object that is met. */
void python_look(const struct link_map *map, uint64_t start, uint64_t end);

/* FT_PY_STACK of the calling thread, 0 if it runs no Python. Async-signal-safe; no lock, no allocation. */
ft_ref python_stack_walk(void);
extern bool python_found;
static inline ft_ref python_stack(void) { return python_found ? python_stack_walk() : 0; }

/* The same if `site` is in the interpreter, else 0: for cheap calls, most of which do not come from Python.
 */
ft_ref python_stack_at(uint64_t site);
static inline ft_ref python_stack_from(uint64_t site) { return python_found ? python_stack_at(site) : 0; }

/* pthread_create(start, argument) called from `site`: if that is CPython starting a thread, write
 * FT_PY_THREAD. */
void python_thread(ft_ref thread, uint64_t site, void *argument);

/* A handler was installed from `site`: if by signal.signal(), the FT_PY_FUNCTION it names; else 0. */
ft_ref python_handler_at(uint64_t site);
static inline ft_ref python_handler(uint64_t site) { return python_found ? python_handler_at(site) : 0; }

/*
 * Before a fork: what the globals are now, for the child starts with that. `in_python`: the call has a Python
 * stack, hence no signal interrupted the interpreter. Async-signal-safe.
 */
void python_at_fork(ft_ref fork, bool in_python);

/* In a new child, once it has a task: which threads Python believes alive in it; globals that could not be
 * read before. */
void python_born(void);
static inline void python_in_child(void)
{
    if (python_found) python_born();
}

/* At exit() and _exit(): the same, and what the globals are now. */
void python_leaving(bool in_python);
static inline void python_at_exit(bool in_python)
{
    if (python_found) python_leaving(in_python);
}

/* The thread ends: its page of writes is not used any more. */
void python_writes_end(void);

/*
 * pthread_cond_signal(condition): by that CPython 3.12 and later tells that it has given the GIL away, whose
 * mutex the caller has; so for the moment nobody can take it.
 */
extern const void *python_gil_given; /* that condition variable, or NULL */
void python_release(void);
static inline void python_signals(const void *condition)
{
    if (unlikely(condition == python_gil_given)) python_release();
}

/*
 * The greenlets of this thread, which a child forked now has too; and those at an exit. The caller knows that
 * no signal interrupted Python (its call has a Python stack).
 */
void python_greenlets_at_fork(ft_ref fork);
void python_greenlets_at_exit(void);

#endif
