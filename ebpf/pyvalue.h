/*
 * pyvalue.h: a Python object by its first bytes, as a record holds it: what
 * preload/python/value.c says of the object itself.
 */
#ifndef FT_EBPF_PYVALUE_H
#define FT_EBPF_PYVALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "record.h"
#include "trace/writer.h"

struct py_value {
    uint64_t bits;
    uint32_t length; /* of the text */
    uint8_t kind;    /* enum ft_py_kind */
    char text[80];
};

void pyvalue_of(const struct object *object, struct py_value *value);

/* The word of a record; texts are interned. */
uint64_t pyvalue_bits(struct ft_writer *w, const struct py_value *value, ft_ref task);

/* Bound by def, class, import. */
bool pyvalue_is_definition(const struct py_value *value);

#endif
