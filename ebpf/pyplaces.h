/*
 * pyplaces.h: where a CPython binds and unbinds names of dicts: places for
 * uprobes in its file.
 */
#ifndef FT_EBPF_PYPLACES_H
#define FT_EBPF_PYPLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "record.h"

struct py_places {
    struct python_file file;
    unsigned long offsets[PY_PLACES]; /* of file.places in the file */
    bool deletes[PY_PLACES];
    unsigned count; /* 0: none, and `why` says why not */
    char why[96];
};

/* True: PATH is, or has in itself, a CPython. */
bool pyplaces_find(struct py_places *p, const char *path);

#endif
