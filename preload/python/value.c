/*
 * value.c: a Python object as two words: numbers exactly, texts shortened and
 * interned, containers by their length, everything else by a name.
 */
#include "preload/python/value.h"

#include <stdio.h>
#include <string.h>

#include "preload/python/elf.h"

#define TEXT_MAX 80

/* clang-format off */
#define TYPES(X) X(PyLong_Type) X(PyFloat_Type) X(PyBool_Type) X(PyBytes_Type) X(PyList_Type) X(PyTuple_Type) \
    X(PyDict_Type) X(PySet_Type) X(PyModule_Type) X(PyType_Type) X(PyCFunction_Type) X(_Py_NoneStruct)
/* clang-format on */
static struct {
#define X(name) const void *name;
    TYPES(X)
#undef X
} types;

enum {
    OB_SIZE = 16,
    DIGITS = 24,
    FLOAT_VALUE = 16,
    BYTES_DATA = 32,
    DICT_USED = 16,
    SET_USED = 24,
    TYPE_NAME = 24
};

bool value_init(const struct link_map *map)
{
#define X(name) \
    if (!(types.name = elf_symbol(map, #name))) return false;
    TYPES(X)
#undef X
    return true;
}

static struct value text(uint8_t kind, const char *bytes, size_t length)
{
    return (struct value){ft_string(&ft, bytes, length, self.task), kind};
}

/* More than 63 bits, in decimal: schoolbook division of the 30-bit digits by 10^9. */
static struct value large_int(const uint32_t *digits, size_t count, bool negative)
{
    char out[TEXT_MAX];
    if (count > 8) {
        int n = snprintf(out, sizeof out, "%san integer of %zu bits", negative ? "minus " : "",
                         count * 30 - (size_t)__builtin_clz(digits[count - 1]) + 2);
        return text(FT_PY_KIND_long_int, out, (size_t)n);
    }
    uint32_t rest[8];
    memcpy(rest, digits, count * sizeof *rest);
    char *at = out + sizeof out;
    while (count) {
        uint64_t carry = 0;
        for (size_t i = count; i-- > 0;) {
            carry = carry << 30 | rest[i];
            rest[i] = (uint32_t)(carry / 10);
            carry %= 10;
        }
        *--at = (char)('0' + carry);
        while (count && !rest[count - 1]) count--;
    }
    if (negative) *--at = '-';
    return text(FT_PY_KIND_long_int, at, (size_t)(out + sizeof out - at));
}

static struct value integer(const void *object)
{
    int64_t size = (int64_t)(intptr_t)py_read(object, OB_SIZE);
    size_t count = (size_t)(size < 0 ? -size : size);
    if (size == 1) return (struct value){py_read32(object, DIGITS), FT_PY_KIND_int};
    const uint32_t *digits = (const void *)((const char *)object + DIGITS);
    if (count > 3 || (count == 3 && digits[2] >= 8)) return large_int(digits, count, size < 0);
    uint64_t value = 0;
    for (size_t i = count; i-- > 0;) value = value << 30 | digits[i];
    return (struct value){size < 0 ? -value : value, FT_PY_KIND_int};
}

static struct value named(uint8_t kind, const void *type)
{
    const char *name = py_read(type, TYPE_NAME);
    return text(kind, name, strnlen(name, TEXT_MAX));
}

struct value value_of(const void *object)
{
    char buffer[TEXT_MAX];
    if (!object) return (struct value){0, FT_PY_KIND_unset};
    const void *type = py_read(object, OB_TYPE);
    if (type == types.PyLong_Type) return integer(object);
    if (object == types._Py_NoneStruct) return (struct value){0, FT_PY_KIND_none};
    if (type == types.PyBool_Type) return (struct value){py_read(object, OB_SIZE) != NULL, FT_PY_KIND_bool};
    if (type == types.PyFloat_Type)
        return (struct value){(uint64_t)py_read(object, FLOAT_VALUE), FT_PY_KIND_float};
    if (type == python.PyUnicode_Type)
        return text(FT_PY_KIND_text, buffer, py_text(object, buffer, sizeof buffer));
    if (type == types.PyBytes_Type) {
        size_t size = (size_t)py_read(object, OB_SIZE);
        return text(FT_PY_KIND_bytes, (const char *)object + BYTES_DATA, size < TEXT_MAX ? size : TEXT_MAX);
    }
    if (type == types.PyList_Type) return (struct value){(uint64_t)py_read(object, OB_SIZE), FT_PY_KIND_list};
    if (type == types.PyTuple_Type)
        return (struct value){(uint64_t)py_read(object, OB_SIZE), FT_PY_KIND_tuple};
    if (type == types.PyDict_Type)
        return (struct value){(uint64_t)py_read(object, DICT_USED), FT_PY_KIND_dict};
    if (type == types.PySet_Type) return (struct value){(uint64_t)py_read(object, SET_USED), FT_PY_KIND_set};
    if (type == python.PyFunction_Type || type == types.PyCFunction_Type)
        return (struct value){0, FT_PY_KIND_function};
    if (type == types.PyType_Type) return named(FT_PY_KIND_type, object);
    if (type == types.PyModule_Type) return (struct value){0, FT_PY_KIND_module};
    return named(FT_PY_KIND_object, type);
}
