/* value.h: a Python object as two words. Inside preload/python/ only; GIL held. */
#ifndef PYTHON_VALUE_H
#define PYTHON_VALUE_H

#include "preload/python/runtime.h"

struct value {
    uint64_t bits;
    uint8_t kind; /* enum ft_py_kind */
};

/* Find the types; false if this interpreter lacks one. */
bool value_init(const struct link_map *map);

/* What an object is worth showing. Runs no code of the program's, keeps no reference. NULL: unset. */
struct value value_of(const void *object);

#endif
