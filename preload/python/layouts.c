/*
 * layouts.c: which layout an interpreter has: the table's, completed with what
 * the interpreter says of itself.
 */
#include "preload/python/layouts.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* False: it does not say what we know, or is not laid out as we take for granted. */
static bool described(struct py_layout *layout, const uint64_t *words)
{
    unsigned newer = layout->version != 0x030d;
    bool sane = !memcmp(words, "xdebugpy", 8) && words[PY_HEX_VERSION] >> 16 == layout->version;
#define X(field, of_313, of_314)                                               \
    if (!sane || words[newer ? of_314 : of_313] > INT32_MAX / 2) return false; \
    layout->field = (int32_t)words[newer ? of_314 : of_313];
    PY_DESCRIBED(X)
#undef X
#define X(offset, of_313, of_314) sane = sane && words[newer ? of_314 : of_313] == offset;
    PY_GRANTED(X)
#undef X
    layout->str_compact = layout->str_ascii + 16; /* the length in UTF-8 and a pointer to it */
    return sane;
}

const struct py_layout *py_layout_of(uint32_t version, const void *runtime, const char **why)
{
    static struct py_layout completed;
    const struct py_layout *row = NULL;
    const uint64_t *words = runtime;
    for (size_t i = 0; i < sizeof py_layouts / sizeof *py_layouts; i++)
        if (py_layouts[i].version == version) row = &py_layouts[i];
    *why = version < 0x030b ? "before 3.11" : "after 3.14";
    if (!row || row->ts_frame != DESCRIBED || row->ts_cframe != NO_CFRAME) return row;
    *why = "its _PyRuntime does not describe itself as that of 3.13 or 3.14 does";
    completed = *row;
    if (!words || memcmp(words, "xdebugpy", 8)) return NULL;
    if (words[PY_FREE_THREADED]) {
        *why = "a free-threaded build: its objects change while we would read them";
        return NULL;
    }
    return described(&completed, words) ? &completed : NULL;
}
