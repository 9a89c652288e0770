/*
 * globals.h: who binds which module global to what. Inside preload/python/ only.
 *
 * CPython 3.11 on x86-64: `insertdict` and its twin for empty dicts, through
 * which every rebinding goes (`i += 1`, setattr, globals()["i"], update, exec),
 * and PyDict_DelItem get a jump at their entry; PyEval_EvalCode tells of module
 * dicts before their first line runs. CPython 3.12 and later: dictwatch.h.
 */
#ifndef PYTHON_GLOBALS_H
#define PYTHON_GLOBALS_H

#include "preload/python/runtime.h"

/* The interpreter has just been found. Patches it if it is one we know to the byte; otherwise does nothing.
 */
void globals_start(const struct link_map *map, const void *start);

/* Patch it now if it could not be done at the start (other threads, none with the GIL). One load when there
 * is nothing to do. */
void globals_arm(void);

/* FORKTRACE_WATCH, kept by the caller: "py:module.name;py:module.*"; may be NULL. */
void globals_watch(const char *list);

/* Py_FinalizeEx begins: the last moment to ask Python anything. */
void python_finalize(void) __attribute__((visibility("hidden")));

#endif
