/* value.h: a Python object as a kind and a word, or a text. Inside preload/python/ only; GIL held. */
#ifndef PYTHON_VALUE_H
#define PYTHON_VALUE_H

#include "preload/python/runtime.h"

#define VALUE_TEXT 80

struct value {
    const void *object; /* that it is of; not kept alive */
    uint64_t bits;      /* of the other kinds */
    uint32_t length;    /* of the text, shortened to VALUE_TEXT */
    uint8_t kind;       /* enum ft_py_kind */
    char text[VALUE_TEXT];
};

static inline bool value_is_text(uint8_t kind)
{
    return kind == FT_PY_KIND_text || kind == FT_PY_KIND_bytes || kind == FT_PY_KIND_long_int;
}

/* Find the types; false if this interpreter lacks one. */
bool value_init(const struct link_map *map);

/* Any object but a small int. */
void value_of_other(const void *object, struct value *value);

/* What an object is worth showing. Runs no code of the program's, keeps no reference. NULL: unset. */
static inline void value_of(const void *object, struct value *value)
{
    if (!py_is(object, python.PyLong_Type) || py_read(object, OB_SIZE) != python.one_digit) {
        value_of_other(object, value);
        return;
    }
    value->object = object;
    value->kind = FT_PY_KIND_int;
    value->bits = py_read32(object, DIGITS);
}

/* As a record holds it: the word, or a reference to the text, interned. */
uint64_t value_bits(const struct value *value);

#endif
