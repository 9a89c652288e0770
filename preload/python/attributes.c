/*
 * attributes.c: attributes of objects of C extensions: the getters that their
 * types list in tp_getset, called directly, so that nothing a subclass written
 * in Python has in their place is run.
 */
#include "preload/python/attributes.h"

#include <string.h>

#include "preload/python/dict.h"
#include "preload/python/elf.h"

/* Public structures, the same in 3.11-3.13: PyTypeObject, PyGetSetDef */
enum { TYPE_GETSET = 248, TYPE_BASE = 256 };
struct getset {
    const char *name;
    void *(*get)(void *object, void *closure);
    void *set;
    const char *doc;
    void *closure;
};

/* clang-format off */
#define FUNCTIONS(X)                                    \
    X(void **, _PyObject_GetDictPtr, (void *object))    \
    X(int64_t, PyObject_Hash, (void *object))           \
    X(void *, _PyDict_GetItem_KnownHash, (void *dict, void *key, int64_t hash))
#define OBJECTS(X) X(_Py_NoneStruct)
/* clang-format on */
ELF_API(FUNCTIONS, OBJECTS)

bool attributes_init(void) { return api_find(python.map); }

static const struct getset *getter(const void *type, const char *name)
{
    const struct getset *g = py_read(type, TYPE_GETSET);
    for (; g && g->name; g++)
        if (!strcmp(g->name, name)) return g;
    return NULL;
}

bool attribute_is(const void *type, const char *name) { return getter(type, name); }

/* A new reference, or NULL. */
static void *get(const void *object, const char *name)
{
    const struct getset *g = NULL;
    for (const void *type = py_read(object, OB_TYPE); type && !g; type = py_read(type, TYPE_BASE))
        g = getter(type, name);
    return g && g->get ? g->get(py_own(object), g->closure) : NULL;
}

const void *py_attribute(const void *object, const char *name)
{
    void *value = get(object, name);
    if (value) python.Py_DecRef(value); /* the object keeps it */
    return value == api._Py_NoneStruct ? NULL : value;
}

uint32_t py_attribute_number(const void *object, const char *name)
{
    void *value = get(object, name);
    uint32_t number = py_is(value, python.PyLong_Type) ? py_read32(value, DIGITS) : 0;
    if (value) python.Py_DecRef(value);
    return number;
}

/* A dict with keys other than str compares by calling their __eq__: not asked. */
const void *py_item(const void *dict, const char *name)
{
    if (!py_is(dict, python.PyDict_Type)) return NULL;
    if (((const char *)py_read(dict, MA_KEYS))[DK_KIND] == DICT_GENERAL) return NULL;
    void *key = python.PyUnicode_InternFromString(name);
    if (!key) return NULL;
    void *value = api._PyDict_GetItem_KnownHash(py_own(dict), key, api.PyObject_Hash(key));
    python.Py_DecRef(key);
    return value;
}

const void *py_own_dict(const void *object)
{
    void **dict = api._PyObject_GetDictPtr(py_own(object));
    return dict ? *dict : NULL;
}

const void *py_own_item(const void *object, const char *name) { return py_item(py_own_dict(object), name); }
