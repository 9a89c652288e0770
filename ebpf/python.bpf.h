/*
 * python.bpf.h: CPython 3.11 binds a name of a dict (insertdict, PyDict_DelItem)
 * in a process the library is not in: is it a watched global of a module?
 *
 * By the name first, which nearly all fail. Then by the dict: a module's has
 * `__name__` for its first key, since PyModule_NewObject puts it there, and
 * next to no other has. forktrace-ebpf then looks whether a module of the watch
 * list really has it (once a dict: `py_dicts` keeps the answer).
 *
 * The same offsets as the library's: preload/python/layouts.h.
 */
#ifndef FT_EBPF_PYTHON_BPF_H
#define FT_EBPF_PYTHON_BPF_H

#include "calls.bpf.h"
#include "preload/python/layouts.h"

struct { /* is it a watched module's? */
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 16384);
    __type(key, struct dict_key);
    __type(value, __u8);
} py_dicts SEC(".maps");

struct code_key {
    __u64 image, code, lines;
    __u32 pid, pad;
};

struct { /* code objects that were told */
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 16384);
    __type(key, struct code_key);
    __type(value, __u8);
} py_codes SEC(".maps");

struct { /* by the probes' cookies */
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, PYTHONS);
    __type(key, __u32);
    __type(value, struct python_file);
} pythons SEC(".maps");

const volatile struct watched_name watches[WATCHES];
const volatile __u64 watch_lengths; /* bit n: there is a name of n letters */

enum { /* of 3.11; the first row of py_layouts */
       TS_FRAME = 8,
       CODE_FILE = 112,
       CODE_FIRST_LINE = 72,
       CODE_LINES = 136,
       ASCII_TEXT = 48,
       STR_PLAIN = 0x60, /* STR_STATE: compact, ASCII */
       TYPE_FLAGS_AT = 168,
       KEYS_LOG2_SIZE = 8,
       KEYS_LOG2_BYTES = 9,
       KEYS_KIND = 10,
       KEYS_COUNT = 24,
       KEYS_INDICES = 32,
       PROBES = 16 /* of a hash table: a key further away is not found */
};

static __always_inline __u64 word(__u64 object, __u64 offset)
{
    __u64 value = 0;
    bpf_probe_read_user(&value, sizeof value, (const void *)(object + offset));
    return value;
}

static __always_inline __u8 byte(__u64 object, __u64 offset)
{
    __u8 value = 0;
    bpf_probe_read_user(&value, sizeof value, (const void *)(object + offset));
    return value;
}

struct python_here { /* the interpreter the probe is in */
    const struct python_file *file;
    __u64 bias;
};

static __always_inline bool is_a(const struct python_here *here, __u64 object, enum python_type type)
{
    return word(object, OB_TYPE) == here->bias + here->file->types[type];
}

/* A plain str of less than NAME_ROOM letters, zero-filled; 0: it is none. */
static __always_inline __u32 read_name(__u64 str, char name[NAME_ROOM])
{
    __u64 length = word(str, STR_LENGTH);
    __builtin_memset(name, 0, NAME_ROOM);
    if (!length || length >= NAME_ROOM || (byte(str, STR_STATE) & STR_PLAIN) != STR_PLAIN) return 0;
    __u32 size = (__u32)length & (NAME_ROOM - 1);
    if (bpf_probe_read_user(name, size, (const void *)(str + ASCII_TEXT))) return 0;
    return size;
}

static __always_inline bool is_wanted_name(const char name[NAME_ROOM])
{
    const __u64 *letters = (const void *)name;
    for (__u32 i = 0; i < WATCHES && i < watch_count; i++) {
        const volatile __u64 *wanted = (const volatile void *)watches[i].name;
        bool same = true;
        for (__u32 j = 0; j < NAME_ROOM / 8; j++) same = same && wanted[j] == letters[j];
        if (same || watches[i].any) return !(name[0] == '_' && name[1] == '_');
    }
    return false;
}

struct table { /* of a dict */
    __u64 keys, entries;
    __u32 general; /* its entries begin with a hash */
};

static __always_inline bool table_of(__u64 dict, struct table *t)
{
    t->keys = word(dict, MA_KEYS);
    __u8 log2 = byte(t->keys, KEYS_LOG2_BYTES), kind = byte(t->keys, KEYS_KIND);
    if (kind > 1 || log2 > 40 || !word(t->keys, KEYS_COUNT)) return false;
    t->entries = t->keys + KEYS_INDICES + (1ull << log2);
    t->general = !kind;
    return true;
}

static __always_inline __u64 key_of(const struct table *t, __u64 i)
{
    return t->general ? word(t->entries, i * 24 + 8) : word(t->entries, i * 16);
}

static __always_inline __u64 value_of(const struct table *t, __u64 i)
{
    return t->general ? word(t->entries, i * 24 + 16) : word(t->entries, i * 16 + 8);
}

/* What a module's `__name__` is bound to; 0: it is not the first key. */
static __always_inline __u64 name_object(const struct table *t)
{
    __u64 first = key_of(t, 0);
    if (word(first, STR_LENGTH) != 8 || word(first, ASCII_TEXT) != 0x5f5f656d616e5f5full) return 0;
    return value_of(t, 0);
}

/* Dictobject.c's search. Equal hashes of 64 bits are the same name. */
static __always_inline __u64 bound_to(const struct table *t, __u64 hash)
{
    __u8 log2 = byte(t->keys, KEYS_LOG2_SIZE), width = byte(t->keys, KEYS_LOG2_BYTES) - log2;
    if (log2 > 40 || width > 3) return 0;
    __u64 mask = (1ull << log2) - 1, i = hash & mask, perturb = hash;
    for (int n = 0; n < PROBES; n++) {
        __u64 raw = word(t->keys, KEYS_INDICES + (i << width));
        __s64 index = width == 0 ? (__s8)raw : width == 1 ? (__s16)raw : width == 2 ? (__s32)raw : (__s64)raw;
        if (index == -1) return 0;
        if (index >= 0 && word(key_of(t, (__u64)index), STR_HASH) == hash) return value_of(t, (__u64)index);
        perturb >>= 5;
        i = (i * 5 + perturb + 1) & mask;
    }
    return 0;
}

static __always_inline void copy_type(const struct python_here *here, struct object *o, __u64 type)
{
    o->known = 0;
    for (__u32 i = 0; i < PYTHON_TYPE_COUNT; i++)
        if (type == here->bias + here->file->types[i]) o->known = i + 1;
    o->name[0] = 0;
    o->type = o->known ? 0 : type;
    o->flags = o->known ? 0 : word(type, TYPE_FLAGS_AT);
    if (!o->known) bpf_probe_read_user_str(o->name, sizeof o->name, (const void *)word(type, TYPE_NAME));
}

static __always_inline void copy_object(const struct python_here *here, struct object *o, __u64 address)
{
    o->address = address;
    o->size = 0;
    if (!address) return;
    copy_type(here, o, word(address, OB_TYPE));
    if (o->known == IS_PyType_Type + 1 || o->flags >> 31 & 1) { /* TYPE_SUBCLASS: a class, by its name */
        o->bytes[0] = 0;
        bpf_probe_read_user_str(o->bytes, NAME_ROOM, (const void *)word(address, TYPE_NAME));
        o->size = NAME_ROOM;
        return;
    }
    const void *from = (const void *)address;
    if (!bpf_probe_read_user(o->bytes, OBJECT_ROOM, from))
        o->size = OBJECT_ROOM;
    else if (!bpf_probe_read_user(o->bytes, 128, from)) /* at the end of what is mapped */
        o->size = 128;
    else if (!bpf_probe_read_user(o->bytes, 64, from))
        o->size = 64;
    else if (!bpf_probe_read_user(o->bytes, 32, from))
        o->size = 32;
}

static __always_inline void tell_code(__u64 code, __u64 image, __u32 tid, __u32 pid)
{
    __u64 table = word(code, CODE_LINES), file = word(code, CODE_FILE), size = word(table, OB_SIZE);
    struct code_key key = {.image = image, .code = code, .lines = table, .pid = pid};
    if (bpf_map_lookup_elem(&py_codes, &key)) return;
    struct event_code *e = begin(EVENT_CODE, tid, sizeof *e);
    if (!e) return;
    e->image = image;
    e->code = code;
    e->pid = pid;
    e->first_line = (__u32)word(code, CODE_FIRST_LINE);
    e->pad = 0;
    e->file[0] = 0;
    bool plain = (byte(file, STR_STATE) & STR_PLAIN) == STR_PLAIN;
    bpf_probe_read_user_str(e->file, sizeof e->file, (const void *)(file + (plain ? ASCII_TEXT : 72)));
    __u32 take = size < LINES_ROOM ? (__u32)size : LINES_ROOM;
    e->size = take;
    if (take > LINES_ROOM || bpf_probe_read_user(e->lines, take, (const void *)(table + BYTES_DATA)))
        e->size = 0;
    end(e, false);
    __u8 one = 1;
    bpf_map_update_elem(&py_codes, &key, &one, BPF_ANY);
}

struct where {
    __u64 interpreter, code, instruction;
    __u32 flags;
};

/* Who runs: by the thread state that holds the GIL, as Python itself finds it. */
static __always_inline void look_at_frame(const struct python_here *here, struct where *w, __u64 dict)
{
    __u64 state = word(here->bias + here->file->runtime, RUNTIME_CURRENT_311);
    __u64 frame = state ? word(word(state, TS_CFRAME_311), CFRAME_FRAME_311) : 0;
    w->interpreter = state ? word(state, TS_INTERP_311) : 0;
    if (w->interpreter && (__u32)word(w->interpreter, INTERP_FINALIZING_311)) w->flags |= BOUND_FINALIZING;
    __u64 code = frame ? word(frame, F_CODE_311) : 0;
    if (!code || !is_a(here, code, IS_PyCode_Type)) return;
    w->flags |= BOUND_FRAME;
    w->code = code;
    w->instruction = word(frame, F_INSTR_311);
    __u64 globals = word(frame, F_GLOBALS_311);
    if (globals == dict) w->flags |= BOUND_IN_GLOBALS;
    if (globals == word(frame, F_LOCALS_311)) w->flags |= BOUND_AT_TOP;
}

/* Python runs `deleted` before it has looked whether there is such a name. */
static __always_inline int tell_bound(const struct python_here *here, __u64 dict, __u64 key, __u64 value,
                                      bool deleted)
{
    char name[NAME_ROOM];
    struct table table;
    const struct task_struct *task = (const void *)bpf_get_current_task();
    struct dict_key of = {.image = image_now(), .dict = dict, .pid = pid_of(task)};
    if (!is_a(here, key, IS_PyUnicode_Type) || !read_name(key, name) || !is_wanted_name(name)) return 0;
    if (!table_of(dict, &table) || !(of.name_object = name_object(&table))) return 0;
    const __u8 *known = bpf_map_lookup_elem(&py_dicts, &of);
    if (known && !*known) return 0;
    __u64 old = bound_to(&table, word(key, STR_HASH));
    if (deleted && !old) return 0;
    struct where where = {.flags = known ? BOUND_KNOWN : 0};
    look_at_frame(here, &where, dict);
    if (where.code) tell_code(where.code, of.image, tid_of(task), of.pid);
    struct event_bound *e = begin(EVENT_BOUND, tid_of(task), sizeof *e);
    if (!e) return 0;
    e->image = of.image;
    e->dict = dict;
    e->name_object = of.name_object;
    e->pid = of.pid;
    e->interpreter = where.interpreter;
    e->code = where.code;
    e->instruction = where.instruction;
    e->flags = where.flags;
    __builtin_memcpy(e->name, name, sizeof name);
    read_name(of.name_object, e->module);
    copy_object(here, &e->value, value);
    copy_object(here, &e->old, old);
    end(e, !known); /* its process is looked at while it is there */
    return 0;
}

SEC("uprobe")
int bound(struct pt_regs *context)
{
#if defined __x86_64__
    __u64 length = word(context->si, STR_LENGTH); /* first what nearly all fail */
    if (length >= NAME_ROOM || !(watch_lengths >> length & 1) || !is_watched()) return 0;
#endif
    __u64 cookie = bpf_get_attach_cookie(context);
    __u32 file = (__u32)(cookie >> 8), place = cookie >> 1 & 127;
    bool deleted = cookie & 1;
    struct python_here here = {.file = bpf_map_lookup_elem(&pythons, &file)};
    if (!here.file || place >= PY_PLACES) return 0;
#if defined __x86_64__
    here.bias = context->ip - here.file->places[place];
    return tell_bound(&here, context->di, context->si, deleted ? 0 : context->cx, deleted);
#else
    return 0; /* insertdict is found by its callers' jumps: x86-64's only */
#endif
}

#endif
