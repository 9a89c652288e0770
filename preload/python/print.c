/*
 * print.c: what a container holds, in 32 bits. Nobody can try out from the
 * trace which secret it may be: a number that only this family of processes
 * knows goes in.
 */
#include <string.h>
#include <sys/auxv.h>

#include "preload/python/dict.h"
#include "preload/python/value.h"

#define ITEMS 64

enum { LIST_ITEMS = 24 }; /* ob_item, 3.11-3.14 */

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

/* The first ones, as they lie in memory: spelled out, or byte by byte, they would take ten times as long. */
static uint64_t of_bytes(const uint8_t *bytes, size_t length)
{
    uint64_t hash = length, word;
    if (length > VALUE_TEXT) length = VALUE_TEXT;
    for (; length >= sizeof word; bytes += sizeof word, length -= sizeof word) {
        memcpy(&word, bytes, sizeof word);
        hash = mix(hash, word);
    }
    for (word = 0; length; length--) word = word << 8 | *bytes++;
    return mix(hash, word);
}

/* An item's value if that is a number or a text, else which object it is, and how long if it is a container.
 */
static uint64_t item(const void *object)
{
    struct value v;
    size_t length;
    uint32_t width;
    if (!object) return 0;
    const uint8_t *characters = py_characters(object, &length, &width);
    if (characters) return of_bytes(characters, length * width) ^ width;
    if (!value_is_builtin(object)) return (uintptr_t)object; /* else its type's name would go to the trace */
    value_of(object, &v);
    if (value_is_text(v.kind)) return of_bytes((const uint8_t *)v.text, v.length) ^ v.kind;
    bool itself = v.kind <= FT_PY_KIND_float;
    return mix(v.kind, v.bits) ^ (itself ? 0 : (uintptr_t)object);
}

static uint64_t salt(void)
{
    static uint64_t random; /* of this image: a fork keeps it */
    if (!random) random = of_bytes((const uint8_t *)(uintptr_t)getauxval(AT_RANDOM), 16) | 1;
    return random;
}

static uint32_t folded(uint64_t hash)
{
    hash = mix(salt(), hash);
    uint32_t print = (uint32_t)(hash ^ hash >> 32);
    return print ? print : 1;
}

static bool few(uint64_t count, unsigned *left)
{
    if (count > ITEMS || count > *left) return false;
    *left -= (unsigned)count;
    return true;
}

static uint32_t of_list(const void *list, unsigned *left)
{
    uint64_t count = (uint64_t)py_read(list, OB_SIZE), hash = count;
    const void *const *items = py_read(list, LIST_ITEMS);
    if (!few(count, left)) return 0;
    for (uint64_t i = 0; i < count; i++) hash = mix(hash, item(items[i]));
    return folded(hash);
}

/* Whatever their order: what was deleted and put back is as before. */
static uint32_t of_dict(const void *dict, unsigned *left)
{
    struct dict_entries entries;
    uint64_t hash = (uint64_t)py_read(dict, MA_USED);
    if (!dict_entries_of(py_read(dict, MA_KEYS), &entries) || !few(entries.count, left)) return 0;
    if (py_read(dict, MA_VALUES)) return 0; /* an instance's attributes: values apart from keys */
    for (uint32_t i = 0; i < entries.count; i++) {
        const struct dict_entry *entry = dict_entry(&entries, i);
        if (entry->value) hash += mix(item(entry->key), item(entry->value));
    }
    return folded(hash);
}

uint32_t value_print(const void *object, unsigned *left)
{
    uint32_t flags = value_type_flags(object);
    return flags & TYPE_LIST ? of_list(object, left) : flags & TYPE_DICT ? of_dict(object, left) : 0;
}
