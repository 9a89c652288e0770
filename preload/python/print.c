/*
 * print.c: what a container holds, in 32 bits.
 */
#include <string.h>

#include "preload/python/dict.h"
#include "preload/python/value.h"

#define ITEMS 64

enum { LIST_ITEMS = 24 }; /* ob_item, 3.11-3.14 */

/* An item's value if that is a number or a text, else which object it is, and how long if it is a container.
 */
static uint64_t item(const void *object)
{
    struct value v;
    if (!object) return 0;
    if (!value_is_builtin(object)) return (uintptr_t)object; /* else its type's name would go to the trace */
    value_of(object, &v);
    if (value_is_text(v.kind)) return ft_hash(v.text, v.length) ^ v.kind;
    bool itself = v.kind <= FT_PY_KIND_float;
    return (v.bits ^ (uint64_t)v.kind << 56) * 0x9e3779b97f4a7c15u + (itself ? 0 : (uintptr_t)object);
}

static uint32_t folded(uint64_t hash)
{
    uint32_t print = (uint32_t)(hash ^ hash >> 32);
    return print ? print : 1;
}

static uint32_t of_list(const void *list)
{
    uint64_t count = (uint64_t)py_read(list, OB_SIZE), hash = count;
    const void *const *items = py_read(list, LIST_ITEMS);
    if (count > ITEMS) return 0;
    for (uint64_t i = 0; i < count; i++) hash = (hash ^ item(items[i])) * 0xc2b2ae3d27d4eb4fu;
    return folded(hash);
}

/* Whatever their order: what was deleted and put back is as before. */
static uint32_t of_dict(const void *dict)
{
    struct dict_entries entries;
    uint64_t hash = (uint64_t)py_read(dict, MA_USED);
    if (!dict_entries_of(py_read(dict, MA_KEYS), &entries) || entries.count > ITEMS) return 0;
    if (py_read(dict, MA_VALUES)) return 0; /* an instance's attributes: values apart from keys */
    for (uint32_t i = 0; i < entries.count; i++) {
        const struct dict_entry *entry = dict_entry(&entries, i);
        if (entry->value) hash += (item(entry->key) ^ item(entry->value) << 1) * 0xc2b2ae3d27d4eb4fu;
    }
    return folded(hash);
}

uint32_t value_print(const void *object)
{
    uint32_t flags = value_type_flags(object);
    return flags & TYPE_LIST ? of_list(object) : flags & TYPE_DICT ? of_dict(object) : 0;
}
