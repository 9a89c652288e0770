/*
 * greenlet_list.c: see greenlet_list.h. The package is known by its C API
 * (greenlet.h: the capsule greenlet._C_API).
 *
 * CPython 3.11 only: there a suspended greenlet's frames all lie on the heap.
 * Later versions keep some on the C stack, which is somebody else's then.
 */
#include "preload/python/greenlet_list.h"

#include <string.h>

#include "preload/python/attributes.h"
#include "preload/python/elf.h"
#include "preload/python/greenlets.h"

#define OBJECTS_MOST 1000000 /* that are looked at */

/* clang-format off */
#define FUNCTIONS(X)                                                        \
    X(void *, PyImport_GetModuleDict, (void))                               \
    X(void *, PyModule_GetDict, (void *module))                             \
    X(void *, PyCapsule_GetPointer, (void *capsule, const char *name))      \
    X(int, PyType_IsSubtype, (void *a, void *b))
#define OBJECTS(X) X(PyModule_Type) X(_Py_TrueStruct)
/* clang-format on */
ELF_API(FUNCTIONS, OBJECTS)

static struct {
    const void *type; /* PyGreenlet_Type; NULL: the package is not loaded */
    void *(*current)(void);
    bool declined;
} package;

enum { GREENLET_IMPLEMENTATION = 32 }; /* PyGreenlet of greenlet 2 and 3 (greenlet.h) */

/* --- the package ---------------------------------------------------------------------------- */

static bool decline(const char *why)
{
    package.declined = true;
    self_note(FT_NOTE_GREENLETS_UNKNOWN, why);
    return false;
}

/* Once it is, that stays so: C extensions are not unloaded. */
bool greenlet_loaded(void)
{
    if (package.type || package.declined) return package.type;
    if (!api.PyImport_GetModuleDict && (!api_find(python.map) || !attributes_init()))
        return decline("built otherwise");
    const void *module = py_item(api.PyImport_GetModuleDict(), "greenlet");
    if (!py_is(module, api.PyModule_Type)) return false;
    const void *capsule = py_item(api.PyModule_GetDict(py_own(module)), "_C_API");
    if (!capsule) return false; /* just being imported */
    if (python.layout->version != 0x030b) return decline("those of CPython 3.11 only");
    void **functions = api.PyCapsule_GetPointer(py_own(capsule), "greenlet._C_API");
    if (!functions) return decline("greenlet without its C API");
    const void *type = functions[0];
    if (!attribute_is(type, "gr_frame") || !attribute_is(type, "parent") || !attribute_is(type, "dead"))
        return decline("another greenlet");
    package.current = (void *(*)(void))functions[4];
    package.type = type;
    greenlets_due = 0;
    return true;
}

const void *greenlet_function(const char *name)
{
    const void *module = py_item(api.PyImport_GetModuleDict(), "greenlet");
    return py_is(module, api.PyModule_Type) ? py_item(api.PyModule_GetDict(py_own(module)), name) : NULL;
}

void *greenlet_current(void) { return package.current(); }

const void *greenlet_root(const void *greenlet)
{
    for (unsigned i = 0; i < 64; i++) {
        const void *parent = py_attribute(greenlet, "parent");
        if (!parent) break;
        greenlet = parent;
    }
    return greenlet;
}

/* --- finding them --------------------------------------------------------------------------- */

/* PyInterpreterState.gc of 3.11 (pycore_interp.h, pycore_gc.h); generation0 proves it */
enum {
    GENERATIONS_311 = 672,
    GENERATION = 24,
    GENERATION0_311 = 744,
    PERMANENT_311 = 752,
    COLLECTING_311 = 848
};
#define GC_HEAD 16 /* before each object: next, previous with two bits of the collector's */

struct greenlet_list greenlet_list;

/* Most objects are of few types: asked once a picture. */
static struct {
    const void *type;
    bool greenlet;
} types[256];

static bool is_greenlet(const void *type)
{
    unsigned i = (unsigned)((uintptr_t)type >> 4) & 255;
    if (likely(types[i].type == type)) return types[i].greenlet;
    types[i].type = type;
    return types[i].greenlet = api.PyType_IsSubtype(py_own(type), py_own(package.type));
}

static void keep(const void *object)
{
    if (!py_read(object, GREENLET_IMPLEMENTATION)) return; /* being made */
    if (py_attribute(object, "dead") == api._Py_TrueStruct) return;
    if (greenlet_list.count < GREENLETS)
        greenlet_list.of[greenlet_list.count++] = object;
    else
        greenlet_list.others++;
}

static bool look_through(const char *list, unsigned *left)
{
    const char *at = list;
    while ((at = py_read(at, 0)) != list) {
        if (!at || !*left || (uintptr_t)at & 7) return false; /* a signal came in the middle of a change */
        --*left;
        if (unlikely(is_greenlet(py_read(at, GC_HEAD + OB_TYPE)))) keep(at + GC_HEAD);
    }
    return true;
}

bool greenlet_find(const void *state)
{
    const char *interpreter = py_read(state, TS_INTERP_311), *generations = interpreter + GENERATIONS_311;
    unsigned left = OBJECTS_MOST;
    greenlet_list.count = greenlet_list.others = 0;
    memset(types, 0, sizeof types);
    if (py_read(interpreter, GENERATION0_311) != generations) return decline("this CPython 3.11");
    if (py_read32(interpreter, COLLECTING_311)) return false; /* some objects are on lists of its own */
    return look_through(generations, &left) && look_through(generations + GENERATION, &left) &&
           look_through(generations + 2 * GENERATION, &left) &&
           look_through(interpreter + PERMANENT_311, &left);
}
