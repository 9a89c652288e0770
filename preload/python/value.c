/*
 * value.c: a Python object as two words: numbers exactly, texts shortened and
 * interned, containers by their length, everything else by a name.
 */
#include "preload/python/value.h"

#include <string.h>

#include "preload/python/elf.h"
#include "preload/python/plain.h"

/* clang-format off */
#define TYPES(X) X(PyLong_Type) X(PyFloat_Type) X(PyBool_Type) X(PyBytes_Type) X(PyList_Type) X(PyTuple_Type) \
    X(PyDict_Type) X(PySet_Type) X(PyModule_Type) X(PyType_Type) X(PyCFunction_Type) X(PyByteArray_Type) \
    X(_Py_NoneStruct) X(_Py_TrueStruct)
/* clang-format on */
static struct {
#define X(name) const void *name;
    TYPES(X)
#undef X
} types;

bool value_init(const struct link_map *map)
{
#define X(name) \
    if (!(types.name = elf_symbol(map, #name))) return false;
    TYPES(X)
#undef X
    return true;
}

static void text(struct value *v, uint8_t kind, const char *bytes, size_t length)
{
    v->kind = kind;
    v->length = length < VALUE_TEXT ? (uint32_t)length : VALUE_TEXT;
    memcpy(v->text, bytes, v->length);
}

static void plain(struct value *v, uint8_t kind, uint64_t bits)
{
    v->kind = kind;
    v->bits = bits;
}

uint64_t value_bits(const struct value *v)
{
    return value_is_text(v->kind) ? ft_string(&ft, v->text, v->length, self.task) : v->bits;
}

/* Its digits, negative as the int is. The word has a sign: 3.12 keeps it apart, in its lowest bits: 2 is
 * minus, 1 zero. */
static int64_t digits_of(const void *object)
{
    int64_t word = (int64_t)(intptr_t)py_read(object, OB_SIZE);
    if (python.one_digit == (const void *)1) return word;
    return word & 2 ? -(word >> 3) : word & 1 ? 0 : word >> 3;
}

static void integer(struct value *v, const void *object)
{
    int64_t size = digits_of(object);
    size_t count = (size_t)(size < 0 ? -size : size);
    const uint32_t *digits = (const void *)((const char *)object + DIGITS);
    if (count > 3 || (count == 3 && digits[2] >= 8)) {
        char decimal[PLAIN_INT];
        text(v, FT_PY_KIND_long_int, decimal, plain_int(decimal, digits, count, count, size < 0));
        return;
    }
    uint64_t value = 0;
    for (size_t i = count; i-- > 0;) value = value << 30 | digits[i];
    plain(v, FT_PY_KIND_int, size < 0 ? -value : value);
}

/* The names of types are few: interned at once. */
static void named(struct value *v, uint8_t kind, const void *type)
{
    const char *name = py_read(type, TYPE_NAME);
    plain(v, kind, ft_string(&ft, name, strnlen(name, VALUE_TEXT), self.task));
}

static uint64_t size_at(const void *object, int offset) { return (uint64_t)py_read(object, offset); }

bool value_is_builtin(const void *object)
{
    const void *type = py_read(object, OB_TYPE);
    return type == types.PyLong_Type || type == python.PyUnicode_Type || type == types.PyFloat_Type ||
           type == types.PyBool_Type || type == types.PyBytes_Type || type == types.PyList_Type ||
           type == types.PyTuple_Type || type == types.PyDict_Type || type == types.PySet_Type ||
           object == types._Py_NoneStruct;
}

/* deque and array have their length where list has it, and are no heap types. */
static bool sized_by_name(const char *name)
{
    return !strcmp(name, "collections.deque") || !strcmp(name, "array.array");
}

/* Where the length of an instance of another type is; 0: it has none we know. */
static int length_at(const void *type)
{
    uint32_t flags = py_read32(type, TYPE_FLAGS);
    if (flags & TYPE_DICT) return MA_USED;
    if (flags & (TYPE_LIST | TYPE_TUPLE) || type == types.PyByteArray_Type) return OB_SIZE;
    for (int i = 0; type && i < 8; type = py_read(type, TYPE_BASE), i++) {
        if (type == types.PySet_Type) return SET_USED;
        if (sized_by_name(py_read(type, TYPE_NAME))) return OB_SIZE;
    }
    return 0;
}

/* Up to 3.13 both begin with a pointer to a semaphore; a lock of 3.14 is a byte, waited for elsewhere. */
static bool is_lock(const void *type)
{
    static const void *known[2];
    if (type == known[0] || type == known[1]) return true;
    if (python.layout->version >= 0x030e) return false;
    const char *name = py_read(type, TYPE_NAME);
    if (strncmp(name, "_thread.", 8) || (strcmp(name + 8, "lock") && strcmp(name + 8, "RLock"))) return false;
    known[name[8] == 'R'] = type;
    return true;
}

/* A container of another type: its name and its length in one word. */
static void other(struct value *v, const void *object, const void *type)
{
    if (is_lock(type)) {
        plain(v, FT_PY_KIND_lock, size_at(object, LOCK_SEMAPHORE));
        return;
    }
    int at = length_at(type);
    named(v, at ? FT_PY_KIND_sized : FT_PY_KIND_object, type);
    if (!at) return;
    uint64_t length = size_at(object, at);
    v->bits = v->bits << 32 | (length < UINT32_MAX ? length : UINT32_MAX);
}

void value_of_other(const void *object, struct value *v)
{
    v->object = object;
    if (!object) {
        plain(v, FT_PY_KIND_unset, 0);
        return;
    }
    const void *type = py_read(object, OB_TYPE);
    if (likely(type == types.PyLong_Type))
        integer(v, object);
    else if (object == types._Py_NoneStruct)
        plain(v, FT_PY_KIND_none, 0);
    else if (type == types.PyBool_Type)
        plain(v, FT_PY_KIND_bool, object == types._Py_TrueStruct);
    else if (type == types.PyFloat_Type)
        plain(v, FT_PY_KIND_float, size_at(object, FLOAT_VALUE));
    else if (type == python.PyUnicode_Type) {
        v->kind = FT_PY_KIND_text;
        v->length = (uint32_t)py_text(object, v->text, VALUE_TEXT);
    } else if (type == types.PyBytes_Type)
        text(v, FT_PY_KIND_bytes, (const char *)object + BYTES_DATA, (size_t)size_at(object, OB_SIZE));
    else if (type == types.PyList_Type)
        plain(v, FT_PY_KIND_list, size_at(object, OB_SIZE));
    else if (type == types.PyTuple_Type)
        plain(v, FT_PY_KIND_tuple, size_at(object, OB_SIZE));
    else if (type == types.PyDict_Type)
        plain(v, FT_PY_KIND_dict, size_at(object, MA_USED));
    else if (type == types.PySet_Type)
        plain(v, FT_PY_KIND_set, size_at(object, SET_USED));
    else if (type == python.PyFunction_Type || type == types.PyCFunction_Type)
        plain(v, FT_PY_KIND_function, 0);
    else if (type == types.PyType_Type)
        named(v, FT_PY_KIND_type, object);
    else if (type == types.PyModule_Type)
        plain(v, FT_PY_KIND_module, 0);
    else
        other(v, object, type);
}
