/*
 * hooks.c: the entries of CPython 3.11 that are patched, and what they call.
 */
#include "preload/python/binding.h"
#include "preload/python/dictwatch.h"
#include "preload/python/elf.h"
#include "preload/python/globals.h"
#include "preload/python/modules.h"
#include "preload/python/table.h"
#include "preload/python/patch.h"
#include "preload/python/value.h"

/* clang-format off */
#define FUNCTIONS(X)                                        \
    X(int64_t, PyObject_Hash, (void *object))
/* clang-format on */
static struct {
#define X(result, name, parameters) result(*name) parameters;
    FUNCTIONS(X)
#undef X
} api;

/* For entry.S. */
void *python_back_insert0, *python_back_insert1, *python_back_delete, *python_back_eval,
    *python_back_finalize, *python_back_release;
void python_entry_insert0(void), python_entry_insert1(void), python_entry_delete(void),
    python_entry_eval(void), python_entry_finalize(void), python_entry_release(void);

/* --- the hooks ------------------------------------------------------------------------------ */

void python_insert(const void *dict, const void *key, int64_t hash, const void *value)
    __attribute__((visibility("hidden")));
void python_insert(const void *dict, const void *key, int64_t hash, const void *value)
{
    binding(dict, key, hash, value);
}

/* PyDict_DelItem has not looked yet whether there is such a key. */
void python_delete(const void *dict, const void *key) __attribute__((visibility("hidden")));
void python_delete(const void *dict, const void *key)
{
    if (!py_is(key, python.PyUnicode_Type) || !module_of(dict)) return;
    int64_t hash = api.PyObject_Hash((void *)(uintptr_t)key); /* of a str: runs no code, is kept in it */
    if (dict_get(dict, key, hash)) binding(dict, key, hash, NULL);
}

/* --- start ---------------------------------------------------------------------------------- */

#if defined __x86_64__
static struct patch_set patches;
static bool pending;

/* From 3.12 on that costs no more than the last picture. */
static void unpatched(const char *why)
{
    if (python.layout->version == 0x030b) self_note(FT_NOTE_PYTHON_UNPATCHED, why);
}

/*
 * Nobody else may be in the functions that are patched: no other thread is
 * there, or the GIL keeps them out. Until then nothing is watched.
 */
void globals_arm(void)
{
    if (likely(!__atomic_load_n(&pending, __ATOMIC_ACQUIRE)) || self.vforked || self_shared_tls) return;
    bool alone = patch_alone();
    if (!alone && !py_holds_gil()) {
        unpatched("not before a thread that holds the GIL calls us");
        return;
    }
    if (!__atomic_exchange_n(&pending, false, __ATOMIC_ACQ_REL)) return;
    if (!patch_commit(&patches, alone)) unpatched("its code cannot be written to");
}

static void arm_soon(void)
{
    __atomic_store_n(&pending, true, __ATOMIC_RELEASE);
    globals_arm();
}

static bool prepare_end(const struct patch_object *object, const struct link_map *map)
{
    const uint8_t *finalize = elf_symbol(map, "Py_FinalizeEx");
    return finalize && patch_prepare(&patches, object, finalize, &stub_plain, (void *)python_entry_finalize,
                                     &python_back_finalize);
}

/* CPython 3.12 and later: nothing but the last picture depends on it. */
static void start_later(const struct link_map *map, const void *start)
{
    struct patch_object object;
    if (patch_object(&object, map, start) && prepare_end(&object, map)) arm_soon();
}

static bool prepare(const struct patch_object *object, const struct link_map *map)
{
    const uint8_t *inserts[4],
        *set = elf_symbol(map, "PyDict_SetItem"), *hashed = elf_symbol(map, "_PyDict_SetItem_KnownHash"),
        *delete = elf_symbol(map, "PyDict_DelItem"), *eval = elf_symbol(map, "PyEval_EvalCode");
    if (!set || !hashed || !delete || !eval || patch_tails(object, set, hashed, inserts, 4) != 2)
        return false;
    prepare_end(object, map);
    const uint8_t *release = elf_symbol(map, "PyEval_SaveThread");
    if (release)
        patch_prepare(&patches, object, release, &stub_plain, (void *)python_entry_release,
                      &python_back_release);
    return patch_prepare(&patches, object, inserts[0], &stub_bind, (void *)python_entry_insert0,
                         &python_back_insert0) &&
           patch_prepare(&patches, object, inserts[1], &stub_bind, (void *)python_entry_insert1,
                         &python_back_insert1) &&
           patch_prepare(&patches, object, delete, &stub_filtered, (void *)python_entry_delete,
                         &python_back_delete) &&
           patch_prepare(&patches, object, eval, &stub_plain, (void *)python_entry_eval, &python_back_eval);
}

static void start_311(const struct link_map *map, const void *start)
{
    struct patch_object object;
    /* without MADV_WIPEONFORK (4.14) we could not tell whose a slot is */
    if ((uintptr_t)self_alive & (FT_PAGE - 1)) {
        self_note(FT_NOTE_PYTHON_UNPATCHED, "on Linux before 4.14");
        return;
    }
#define X(result, name, parameters) \
    if (!(api.name = (result(*) parameters)elf_symbol(map, #name))) return;
    FUNCTIONS(X)
#undef X
    if (!value_init(map) || !modules_init(map)) return;
    if (!patch_object(&object, map, start) || !prepare(&object, map)) {
        patch_drop(&patches);
        self_note(FT_NOTE_PYTHON_UNPATCHED, NULL);
        return;
    }
    arm_soon();
}
#else
void globals_arm(void) {}
static void start_later(const struct link_map *map, const void *start) {}
static void start_311(const struct link_map *map, const void *start)
{
    self_note(FT_NOTE_PYTHON_UNPATCHED, "those of CPython 3.11 only on x86-64");
}
#endif

void globals_start(const struct link_map *map, const void *start)
{
    if (!names_open())
        self_note(FT_NOTE_PYTHON_FULL, "names");
    else if (python.layout->version == 0x030b)
        start_311(map, start);
    else if (dictwatch_start(map))
        start_later(map, start);
}
