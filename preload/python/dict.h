/*
 * dict.h: reading a dict raw, CPython 3.11-3.14. Inside preload/python/ only.
 */
#ifndef PYTHON_DICT_H
#define PYTHON_DICT_H

#include <string.h>

#include "preload/python/runtime.h"

/* PyDictObject and PyDictKeysObject: the same in all of them. */
enum { DK_LOG2_INDEX_BYTES = 9, DK_KIND = 10, DK_NENTRIES = 24, DK_INDICES = 32 };
enum { DICT_GENERAL = 0, DICT_UNICODE = 1 }; /* dk_kind: entries of {hash, key, value}, of {key, value} */

#define DICT_ENTRIES 4096u /* further ones are not looked at */
#define DICT_NONE    UINT32_MAX

struct dict_entry {
    const void *key, *value; /* value NULL: deleted */
};

struct dict_entries {
    const char *first;
    uint32_t count, size;
};

static inline bool dict_entries_of(const char *keys, struct dict_entries *out)
{
    uint8_t kind = (uint8_t)keys[DK_KIND], log2 = (uint8_t)keys[DK_LOG2_INDEX_BYTES];
    uint64_t count = (uint64_t)py_read(keys, DK_NENTRIES);
    if (kind > DICT_UNICODE || log2 > 40) return false; /* an instance's attributes, or no dict at all */
    out->size = kind == DICT_UNICODE ? 16 : 24;
    out->first = keys + DK_INDICES + (1ull << log2) + (kind == DICT_UNICODE ? 0 : 8);
    out->count = count > DICT_ENTRIES ? DICT_ENTRIES : (uint32_t)count;
    return true;
}

static inline const struct dict_entry *dict_entry(const struct dict_entries *entries, uint32_t i)
{
    return (const void *)(entries->first + (size_t)i * entries->size);
}

/* The same where memory cannot be trusted: pointers are tried first. */
static inline bool dict_entries_tried(const void *dict, struct dict_entries *out, bool (*try)(const void *))
{
    if (!try(dict) || !try((const char *)dict + MA_KEYS)) return false;
    const char *keys = py_read(dict, MA_KEYS);
    if (!try(keys) || !try(keys + DK_NENTRIES) || !dict_entries_of(keys, out)) return false;
    return !out->count || (try(out->first) && try((const char *)dict_entry(out, out->count - 1) + 8));
}

static inline bool dict_entry_is(const void *dict, uint32_t i, const char *name)
{
    struct dict_entries entries;
    char text[32];
    if (!dict_entries_of(py_read(dict, MA_KEYS), &entries) || i >= entries.count) return false;
    const struct dict_entry *entry = dict_entry(&entries, i);
    size_t length = strlen(name);
    return entry->value && py_text(entry->key, text, sizeof text) == length && !memcmp(text, name, length);
}

/* Which entry has this name for a key; DICT_NONE: none of the first. */
static inline uint32_t dict_find(const void *dict, const char *name)
{
    for (uint32_t i = 0; i < 256; i++)
        if (dict_entry_is(dict, i, name)) return i;
    return DICT_NONE;
}

#endif
