/*
 * pyobject.bpf.h: CPython 3.11's objects as a probe finds them in the process
 * it is in. Nothing changes them meanwhile: the thread has the GIL.
 *
 * A page that is not in memory (of a fork child that has not touched it, or
 * swapped out) cannot be read here: it is `missing`, and the probe, where it may
 * sleep, brings it in and has all of it done again.
 *
 * The same offsets as the library's: preload/python/layouts.h.
 */
#ifndef FT_EBPF_PYOBJECT_BPF_H
#define FT_EBPF_PYOBJECT_BPF_H

#include "tree.bpf.h"

#include "preload/python/layouts.h"

enum { /* of 3.11; the first row of py_layouts */
       TS_FRAME = 8,
       CODE_FILE = 112,
       CODE_FIRST_LINE = 72,
       CODE_LINES = 136,
       ASCII_TEXT = 48,
       OTHER_TEXT = 72,
       STR_PLAIN = 0x60, /* STR_STATE: compact, ASCII */
       TYPE_FLAGS_AT = 168,
       KEYS_LOG2_SIZE = 8,
       KEYS_LOG2_BYTES = 9,
       KEYS_KIND = 10,
       KEYS_COUNT = 24,
       KEYS_INDICES = 32,
       PROBES = 16,   /* of a hash table: a key further away is not found */
       HEAD_KEYS = 16 /* of a module's dict, before its own names: __name__ ... __builtins__ */
};
#define NAME_KEY 0x5f5f656d616e5f5full /* "__name__" */
#define FILE_KEY 0x5f5f656c69665f5full /* "__file__" */

struct { /* by the probes' cookies */
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, PYTHONS);
    __type(key, __u32);
    __type(value, struct python_file);
} pythons SEC(".maps");

struct python_here { /* the interpreter the probe is in */
    __u32 number;    /* of its file, in the map */
    __u32 pad;
    __u64 bias;
    __u64 missing, missing_size; /* what could not be read first; size 0: nothing */
    __u64 last;                  /* it will not be there: tell without it, if need be */
};

/* A part of a program that the verifier goes through for itself: in one piece it gives up. */
#define PART __noinline

static __always_inline long fetch(struct python_here *here, void *to, __u32 size, __u64 from)
{
    long error = bpf_probe_read_user(to, size, (const void *)from);
    bool first = error && !here->missing_size;
    here->missing = first ? from : here->missing;
    here->missing_size = first ? size : here->missing_size;
    return error;
}

/* As much of a text as there is room for, terminated. */
static __always_inline void fetch_text(struct python_here *here, char *to, __u32 room, __u64 from)
{
    to[0] = 0;
    bool first = bpf_probe_read_user_str(to, room, (const void *)from) < 0 && !here->missing_size;
    here->missing = first ? from : here->missing;
    here->missing_size = first ? room : here->missing_size;
}

PART __u64 word(struct python_here *here, __u64 object, __u64 offset)
{
    __u64 value = 0;
    if (here) fetch(here, &value, sizeof value, object + offset);
    return value;
}

PART __u8 byte(struct python_here *here, __u64 object, __u64 offset)
{
    __u8 value = 0;
    if (here) fetch(here, &value, sizeof value, object + offset);
    return value;
}

/* The key of a look-up lies on the stack: before 6.2 it may not lie elsewhere. */
static __always_inline const struct python_file *file_here(const struct python_here *here)
{
    __u32 number = here->number;
    return bpf_map_lookup_elem(&pythons, &number);
}

static __always_inline bool is_a(struct python_here *here, __u64 object, enum python_type type)
{
    const struct python_file *file = file_here(here);
    return file && word(here, object, OB_TYPE) == here->bias + file->types[type];
}

/* --- str ---------------------------------------------------------------------------------------- */

/* A plain str of less than NAME_ROOM letters, zero-filled; 0: it is none. */
static __always_inline __u32 read_name(struct python_here *here, __u64 str, char name[NAME_ROOM])
{
    __u64 length = word(here, str, STR_LENGTH);
    __builtin_memset(name, 0, NAME_ROOM);
    if (!length || length >= NAME_ROOM || (byte(here, str, STR_STATE) & STR_PLAIN) != STR_PLAIN) return 0;
    __u32 size = (__u32)length & (NAME_ROOM - 1);
    return fetch(here, name, size, str + ASCII_TEXT) ? 0 : size;
}

/* --- dicts -------------------------------------------------------------------------------------- */

struct table { /* of a dict */
    __u64 keys, entries, count;
    __u64 general; /* its entries begin with a hash */
};

static __always_inline bool table_of(struct python_here *here, __u64 dict, struct table *t)
{
    t->keys = word(here, dict, MA_KEYS);
    __u8 log2 = byte(here, t->keys, KEYS_LOG2_BYTES), kind = byte(here, t->keys, KEYS_KIND);
    t->count = word(here, t->keys, KEYS_COUNT);
    if (kind > 1 || log2 > 40 || !t->count) return false;
    t->entries = t->keys + KEYS_INDICES + (1ull << log2);
    t->general = !kind;
    return true;
}

static __always_inline __u64 key_of(struct python_here *here, const struct table *t, __u64 i)
{
    return t->general ? word(here, t->entries, i * 24 + 8) : word(here, t->entries, i * 16);
}

static __always_inline __u64 value_of(struct python_here *here, const struct table *t, __u64 i)
{
    return t->general ? word(here, t->entries, i * 24 + 16) : word(here, t->entries, i * 16 + 8);
}

static __always_inline bool is_key(struct python_here *here, __u64 key, __u64 eight_letters)
{
    return key && word(here, key, STR_LENGTH) == 8 && word(here, key, ASCII_TEXT) == eight_letters;
}

/* What a module's `__name__` is bound to; 0: it is not the first key. */
static __always_inline __u64 name_object(struct python_here *here, const struct table *t)
{
    return is_key(here, key_of(here, t, 0), NAME_KEY) ? value_of(here, t, 0) : 0;
}

PART __u64 file_object(struct python_here *here, const struct table *t)
{
    if (!here || !t) return 0;
    for (__u64 i = 1; i < HEAD_KEYS && i < t->count; i++)
        if (is_key(here, key_of(here, t, i), FILE_KEY)) return value_of(here, t, i);
    return 0;
}

/* Dictobject.c's search. Equal hashes of 64 bits are the same name. */
PART __u64 bound_to(struct python_here *here, const struct table *t, __u64 hash)
{
    if (!here || !t) return 0;
    __u8 log2 = byte(here, t->keys, KEYS_LOG2_SIZE), width = byte(here, t->keys, KEYS_LOG2_BYTES) - log2;
    if (log2 > 40 || width > 3) return 0;
    __u64 mask = (1ull << log2) - 1, i = hash & mask, perturb = hash;
    for (int n = 0; n < PROBES; n++) {
        __u64 raw = word(here, t->keys, KEYS_INDICES + (i << width));
        __s64 index = width == 0 ? (__s8)raw : width == 1 ? (__s16)raw : width == 2 ? (__s32)raw : (__s64)raw;
        if (index == -1) return 0;
        if (index >= 0) {
            __u64 key = key_of(here, t, (__u64)index);
            if (key && word(here, key, STR_HASH) == hash) return value_of(here, t, (__u64)index);
        }
        perturb >>= 5;
        i = (i * 5 + perturb + 1) & mask;
    }
    return 0;
}

/* --- values ------------------------------------------------------------------------------------- */

static __always_inline void copy_type(struct python_here *here, struct object *o, __u64 type)
{
    const struct python_file *file = file_here(here);
    o->known = 0;
    for (__u32 i = 0; file && i < PYTHON_TYPE_COUNT; i++)
        if (type == here->bias + file->types[i]) o->known = i + 1;
    o->name[0] = 0;
    o->type = o->known ? 0 : type;
    o->flags = 0;
    if (o->known) return;
    fetch(here, &o->flags, sizeof o->flags, type + TYPE_FLAGS_AT);
    fetch_text(here, o->name, sizeof o->name, word(here, type, TYPE_NAME));
}

/* False: there is none. */
PART bool copy_object(struct python_here *here, struct object *o, __u64 address)
{
    if (!here || !o) return false;
    o->address = address;
    o->size = 0;
    if (!address) return false;
    copy_type(here, o, word(here, address, OB_TYPE));
    if (o->known == IS_PyType_Type + 1 || o->flags >> 31 & 1) { /* TYPE_SUBCLASS: a class, by its name */
        fetch_text(here, o->bytes, NAME_ROOM, word(here, address, TYPE_NAME));
        o->size = NAME_ROOM;
        return true;
    }
    if (!fetch(here, o->bytes, OBJECT_ROOM, address))
        o->size = OBJECT_ROOM;
    else if (!fetch(here, o->bytes, 128, address)) /* at the end of what is mapped */
        o->size = 128;
    else if (!fetch(here, o->bytes, 64, address))
        o->size = 64;
    else if (!fetch(here, o->bytes, 32, address))
        o->size = 32;
    return true;
}

#endif
