/*
 * binding.h: a module global is bound. Inside preload/python/ only; GIL held.
 */
#ifndef PYTHON_BINDING_H
#define PYTHON_BINDING_H

#include "preload/python/runtime.h"

/* dict[key] is about to become `object`, NULL: unbound. Any dict and key; others than module globals are left
 * alone. */
void binding(const void *dict, const void *key, int64_t hash, const void *object);

#endif
