/*
 * pyplaces.h: where a CPython binds and unbinds names of dicts: places for
 * uprobes in its file.
 */
#ifndef FT_EBPF_PYPLACES_H
#define FT_EBPF_PYPLACES_H

#include <stdbool.h>
#include <stdint.h>

#define PY_PLACES 3

struct py_places {
    unsigned long offsets[PY_PLACES]; /* in the file */
    uint64_t cookies[PY_PLACES];      /* as python.bpf.h wants them */
    unsigned count;                   /* 0: none, and `why` says it unless the file is no Python */
    uint64_t runtime;                 /* address of _PyRuntime in the ELF file */
    char why[96];                     /* "": it is no Python */
};

/* PATH is, or has in itself, a CPython. */
bool pyplaces_find(struct py_places *p, const char *path);

#endif
