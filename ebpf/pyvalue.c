/*
 * pyvalue.c: see pyvalue.h. Types are known by their address, else by name: a
 * class of the program's has the flag of a heap type.
 */
#include "pyvalue.h"

#include <string.h>

#include "preload/python/layouts.h"
#include "preload/python/plain.h"

#define HEAP_TYPE  (1u << 9)
#define LIST_TYPE  (1u << 25) /* and subclasses; tuple, dict the same way */
#define TUPLE_TYPE (1u << 26)
#define DICT_TYPE  (1u << 29)

enum shape {
    SHAPE_NAME,
    SHAPE_INT,
    SHAPE_BOOL,
    SHAPE_WORD,
    SHAPE_TEXT,
    SHAPE_BYTES,
    SHAPE_CLASS,
    SHAPE_PLAIN
};

/* clang-format off */
static const struct {
    const char *name;
    uint8_t kind, shape, at; /* at: where the word is */
} types[PYTHON_TYPE_COUNT] = {
    [IS_PyLong_Type] = {"int", FT_PY_KIND_int, SHAPE_INT, 0},
    [IS__PyNone_Type] = {"NoneType", FT_PY_KIND_none, SHAPE_PLAIN, 0},
    [IS_PyBool_Type] = {"bool", FT_PY_KIND_bool, SHAPE_BOOL, 0},
    [IS_PyFloat_Type] = {"float", FT_PY_KIND_float, SHAPE_WORD, FLOAT_VALUE},
    [IS_PyUnicode_Type] = {"str", FT_PY_KIND_text, SHAPE_TEXT, 0},
    [IS_PyBytes_Type] = {"bytes", FT_PY_KIND_bytes, SHAPE_BYTES, 0},
    [IS_PyList_Type] = {"list", FT_PY_KIND_list, SHAPE_WORD, OB_SIZE},
    [IS_PyTuple_Type] = {"tuple", FT_PY_KIND_tuple, SHAPE_WORD, OB_SIZE},
    [IS_PyDict_Type] = {"dict", FT_PY_KIND_dict, SHAPE_WORD, MA_USED},
    [IS_PySet_Type] = {"set", FT_PY_KIND_set, SHAPE_WORD, SET_USED},
    [IS_PyFunction_Type] = {"function", FT_PY_KIND_function, SHAPE_PLAIN, 0},
    [IS_PyCFunction_Type] = {"builtin_function_or_method", FT_PY_KIND_function, SHAPE_PLAIN, 0},
    [IS_PyType_Type] = {"type", FT_PY_KIND_type, SHAPE_CLASS, 0},
    [IS_PyModule_Type] = {"module", FT_PY_KIND_module, SHAPE_PLAIN, 0},
    [IS_PyCode_Type] = {"code", FT_PY_KIND_object, SHAPE_NAME, 0},
};
/* clang-format on */

static uint64_t word(const struct object *o, size_t at)
{
    uint64_t value = 0;
    if (at + sizeof value <= o->size) memcpy(&value, o->bytes + at, sizeof value);
    return value;
}

static void integer(const struct object *o, struct py_value *v)
{
    int64_t size = (int64_t)word(o, OB_SIZE);
    size_t count = (size_t)(size < 0 ? -size : size);
    size_t have = o->size > DIGITS ? (o->size - DIGITS) / sizeof(uint32_t) : 0;
    uint32_t digits[OBJECT_ROOM / sizeof(uint32_t)];
    if (have > sizeof digits / sizeof *digits) have = sizeof digits / sizeof *digits;
    memcpy(digits, o->bytes + DIGITS, have * sizeof *digits);
    if (count > 3 || (count == 3 && digits[2] >= 8)) {
        v->kind = FT_PY_KIND_long_int;
        v->length = (uint32_t)plain_int(v->text, digits, count, have, size < 0);
        return;
    }
    for (size_t i = count; i-- > 0;) v->bits = v->bits << 30 | digits[i];
    if (size < 0) v->bits = -v->bits;
}

static void characters(const struct object *o, struct py_value *v)
{
    uint32_t state = (uint32_t)word(o, STR_STATE), kind = state >> 2 & 7;
    bool compact = state >> 5 & 1, ascii = state >> 6 & 1;
    size_t length = (size_t)word(o, STR_LENGTH), at = ascii ? 48 : 72; /* str_ascii, str_compact of 3.11 */
    if (!compact || (kind != 1 && kind != 2 && kind != 4)) return;
    for (size_t i = 0; i < length && at + kind <= o->size && v->length + 4 <= sizeof v->text;
         i++, at += kind) {
        uint32_t c = 0;
        memcpy(&c, o->bytes + at, kind);
        v->length += (uint32_t)plain_utf8(c, v->text + v->length);
    }
}

static void bytes(const struct object *o, struct py_value *v)
{
    size_t length = (size_t)word(o, OB_SIZE), room = o->size > BYTES_DATA ? o->size - BYTES_DATA : 0;
    if (length > room) length = room;
    if (length > sizeof v->text) length = sizeof v->text;
    memcpy(v->text, o->bytes + BYTES_DATA, length);
    v->length = (uint32_t)length;
}

static void named(const char *name, size_t room, uint8_t kind, struct py_value *v)
{
    v->kind = kind;
    v->length = (uint32_t)strnlen(name, room);
    memcpy(v->text, name, v->length);
}

/* An instance of another type. A container's length is kept in `bits`, its type's name in `text`. */
static void other(const struct object *o, struct py_value *v)
{
    bool in_size = o->flags & (LIST_TYPE | TUPLE_TYPE) || !strcmp(o->name, "bytearray") ||
                   !strcmp(o->name, "collections.deque") || !strcmp(o->name, "array.array");
    bool sized = in_size || o->flags & DICT_TYPE;
    named(o->name, sizeof o->name, sized ? FT_PY_KIND_sized : FT_PY_KIND_object, v);
    uint64_t length = sized ? word(o, in_size ? OB_SIZE : MA_USED) : 0;
    v->bits = length < UINT32_MAX ? length : UINT32_MAX;
}

static void of_known(const struct object *o, uint8_t kind, enum shape shape, size_t at, const char *name,
                     struct py_value *v)
{
    if (!o->size && shape != SHAPE_PLAIN) { /* it could not be read: it has no value that we know of */
        named(name, strlen(name), FT_PY_KIND_object, v);
        return;
    }
    v->kind = kind;
    switch (shape) {
    case SHAPE_INT: integer(o, v); break;
    case SHAPE_BOOL: v->bits = (uint32_t)word(o, DIGITS) != 0; break;
    case SHAPE_WORD: v->bits = word(o, at); break;
    case SHAPE_TEXT: characters(o, v); break;
    case SHAPE_BYTES: bytes(o, v); break;
    case SHAPE_CLASS:
        named(o->bytes, NAME_ROOM, FT_PY_KIND_type, v);
        break; /* the probe has put its name there */
    case SHAPE_NAME: named(name, strlen(name), kind, v); break;
    default: break;
    }
}

/* Of a program that has its own copy of the type (copy relocations) the address is another. */
static unsigned by_name(const struct object *o)
{
    for (unsigned i = 0; i < PYTHON_TYPE_COUNT; i++)
        if (!(o->flags & HEAP_TYPE) && *o->name && !strcmp(o->name, types[i].name)) return i + 1;
    return 0;
}

void pyvalue_of(const struct object *o, struct py_value *v)
{
    *v = (struct py_value){.kind = FT_PY_KIND_unset};
    if (!o->address) return;
    unsigned type = o->known && o->known <= PYTHON_TYPE_COUNT ? o->known : by_name(o);
    if (type)
        of_known(o, types[type - 1].kind, types[type - 1].shape, types[type - 1].at, types[type - 1].name, v);
    else
        other(o, v);
}

uint64_t pyvalue_bits(struct ft_writer *w, const struct py_value *v, ft_ref task)
{
    ft_ref text = v->length || v->kind == FT_PY_KIND_text || v->kind == FT_PY_KIND_bytes
                      ? ft_string(w, v->text, v->length, task)
                      : 0;
    if (v->kind == FT_PY_KIND_sized) return (uint64_t)text << 32 | v->bits;
    return text ? text : v->bits;
}

bool pyvalue_is_definition(const struct py_value *v)
{
    return v->kind == FT_PY_KIND_function || v->kind == FT_PY_KIND_module;
}
