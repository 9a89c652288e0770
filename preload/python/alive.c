/*
 * alive.c: which threads Python's threading module believes to be alive: the
 * keys of the dict threading._active. After a fork that Python was not told of
 * it goes on listing threads that exist in the parent only.
 *
 * Read in the child of such a fork, where nobody else is left, and at the end
 * of a process; only when this thread holds the GIL, or nobody does and there
 * is no other thread. (CPython's own os.fork() puts the list right in the child
 * a moment later: there only the end is told.) A fork in the middle of another
 * thread's work may have copied a half-changed dict, and exit() may come from a
 * signal handler: every pointer is tried before it is followed.
 */
#include "preload/python/dict.h"
#include "preload/python/globals.h"
#include "preload/python/runtime.h"
#include "preload/readable.h"

#include <string.h>

#define THREADS_MAX 400

static const void *module; /* threading.__dict__ */
static uint32_t active_at; /* which of its entries is _active */

void alive_module(const void *bootstrap)
{
    const void *dict = py_read(bootstrap, FUNCTION_GLOBALS);
    python_over = false; /* initialised again, if it was */
    if (module != dict || !dict_entry_is(dict, active_at, "_active")) {
        module = NULL;
        active_at = dict_find(dict, "_active");
        if (active_at != DICT_NONE) module = dict;
    }
    py_prove();
}

const void *alive_active(void)
{
    struct dict_entries entries;
    if (!module || !dict_entry_is(module, active_at, "_active") ||
        !dict_entries_of(py_read(module, MA_KEYS), &entries))
        return NULL;
    return dict_entry(&entries, active_at)->value;
}

static bool try(const void *pointer) { return pointer && !((uintptr_t)pointer & 7) && readable(pointer); }

/* The int behind a key, 0 if it is none: a pthread_t has at most 3 digits of 30 bits. */
static uint64_t ident(const void *key)
{
    if (!try(key) || !try((const char *)key + 32) || py_read(key, OB_TYPE) != python.PyLong_Type) return 0;
    uint64_t size = (uint64_t)py_read(key, 16), value = 0;
    if (python.layout->version >= 0x030c) size = size & 3 ? 0 : size >> 3;
    for (unsigned i = size > 3 ? 0 : (unsigned)size; i-- > 0;)
        value = value << 30 | py_read32(key, 24 + (int)i * 4);
    return value;
}

static unsigned read_active(uint64_t idents[THREADS_MAX])
{
    struct dict_entries entries;
    if (!dict_entries_tried(module, &entries, try) || active_at >= entries.count) return UINT32_MAX;
    const void *active = dict_entry(&entries, active_at)->value;
    if (!try(active) || !try((const char *)active + 40) || py_read(active, OB_TYPE) != python.PyDict_Type ||
        !dict_entries_tried(active, &entries, try))
        return UINT32_MAX;
    unsigned count = 0;
    for (uint32_t i = 0; i < entries.count && count < THREADS_MAX; i++) {
        const struct dict_entry *entry = dict_entry(&entries, i);
        if (!try(entry) || !entry->value || !entry->key) continue;
        uint64_t id = ident(entry->key);
        if (id) idents[count++] = id;
    }
    return count;
}

/* Apart, for its stack. */
__attribute__((noinline)) void alive_tell(uint32_t when)
{
    if (!module) return;
    uint64_t idents[THREADS_MAX];
    unsigned count = read_active(idents);
    if (count == UINT32_MAX) return;
    size_t bytes = count * sizeof *idents;
    struct ft_py_threads *record = ft_begin(&ft, FT_PY_THREADS, sizeof *record + bytes, self.task);
    if (!record) return;
    record->when = when;
    record->count = count;
    memcpy(record->ident, idents, bytes);
    ft_commit(record);
}
