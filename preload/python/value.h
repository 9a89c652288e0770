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

/* What changes without being bound anew. */
static inline bool value_is_container(uint8_t kind)
{
    return kind == FT_PY_KIND_list || kind == FT_PY_KIND_dict || kind == FT_PY_KIND_set ||
           kind == FT_PY_KIND_sized;
}

/* A lock too: Python makes its own ones anew in a forked child, in the same object. */
static inline bool value_may_change(uint8_t kind)
{
    return value_is_container(kind) || kind == FT_PY_KIND_lock;
}

static inline bool value_is_definition(uint8_t kind)
{
    return kind == FT_PY_KIND_function || kind == FT_PY_KIND_type || kind == FT_PY_KIND_module;
}

enum {
    LOCK_SEMAPHORE = 16, /* lock_lock of a Lock, rlock_lock of an RLock: the first field */
    TYPE_FLAGS = 168,
    TYPE_BASE = 256,
    TYPE_LIST = 1 << 25, /* Py_TPFLAGS_LIST_SUBCLASS; tuple, dict the same way: the same in all of them */
    TYPE_TUPLE = 1 << 26,
    TYPE_DICT = 1 << 29
};
static inline uint32_t value_type_flags(const void *object)
{
    return py_read32(py_read(object, OB_TYPE), TYPE_FLAGS);
}

/* Find the types; false if this interpreter lacks one. */
bool value_init(const struct link_map *map);

/* Of one of the built-in types that go by no name. */
bool value_is_builtin(const void *object);

/* Any object but a small int. */
void value_of_other(const void *object, struct value *value);

/* From 1 to 2^30-1: what most counters are. */
static inline bool value_is_small_int(const void *object)
{
    return py_is(object, python.PyLong_Type) && py_read(object, OB_SIZE) == python.one_digit;
}

/* What an object is worth showing. Runs no code of the program's, keeps no reference. NULL: unset. */
static inline void value_of(const void *object, struct value *value)
{
    if (!value_is_small_int(object)) {
        value_of_other(object, value);
        return;
    }
    value->object = object;
    value->kind = FT_PY_KIND_int;
    value->bits = py_read32(object, DIGITS);
}

/*
 * Stands for what a list or dict holds, so that `stats["hits"] += 1` is noticed: numbers and texts by value,
 * other items by identity, which a fork keeps. 0: of another type, more than a few items, or more than may
 * still be looked at, *left, which becomes less.
 */
uint32_t value_print(const void *object, unsigned *left);

/* As a record holds it: the word, or a reference to the text, interned. */
uint64_t value_bits(const struct value *value);

#endif
