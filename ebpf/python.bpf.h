/*
 * python.bpf.h: CPython 3.11 binds a name of a dict (insertdict, PyDict_DelItem)
 * in a process the library is not in: is it a watched global of a module?
 *
 * By the name first, which nearly all fail. Then by the dict: a module's has
 * `__name__` for its first key, since PyModule_NewObject puts it there, and
 * next to no other has. Then by sys.modules: looked up here and now, for soon
 * the process may be gone, or busy with it. Which of the modules are watched is
 * forktrace-ebpf's to judge, once a dict: `py_dicts` keeps the verdict.
 */
#ifndef FT_EBPF_PYTHON_BPF_H
#define FT_EBPF_PYTHON_BPF_H

#include "calls.bpf.h"
#include "pyobject.bpf.h"

#define ATTEMPTS      8 /* to tell: each finds another page missing */
#define MISSING_PAGES 3 /* of what is read in one piece: LINES_ROOM */

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 16384);
    __type(key, struct dict_key);
    __type(value, __u8); /* enum verdict */
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

const volatile bool may_sleep; /* Linux 6.0; many probes at once 6.6 */
const volatile struct watched_name watches[WATCHES];
const volatile __u64 watch_lengths; /* bit n: there is a name of n letters */

struct letters {
    char name[NAME_ROOM];
};

PART bool is_wanted_name(const struct letters *of)
{
    if (!of) return false;
    const char *name = of->name;
    const __u64 *letters = (const void *)name;
    for (__u32 i = 0; i < WATCHES && i < watch_count; i++) {
        const volatile __u64 *wanted = (const volatile void *)watches[i].name;
        bool same = true;
        for (__u32 j = 0; j < NAME_ROOM / 8; j++) same = same && wanted[j] == letters[j];
        if (same || watches[i].any) return !(name[0] == '_' && name[1] == '_');
    }
    return false;
}

/* With something missing that may be had it is not told yet. */
static __always_inline bool done(const struct python_here *here, void *e, bool urgent)
{
    bool whole = !here->missing_size || here->last;
    if (whole)
        end(e, urgent);
    else
        bpf_ringbuf_discard(e, 0);
    return whole;
}

/* --- where -------------------------------------------------------------------------------------- */

struct where { /* no holes: older kernels want all of it set before it is handed on */
    __u64 interpreter, code, instruction, flags;
};

/* Who runs: by the thread state that holds the GIL, as Python itself finds it. */
PART bool look_at_frame(struct python_here *here, struct where *w, __u64 dict)
{
    if (!here || !w) return false;
    const struct python_file *file = file_here(here);
    if (!file) return false;
    __u64 state = word(here, here->bias + file->runtime, RUNTIME_CURRENT_311);
    __u64 c_frame = state ? word(here, state, TS_CFRAME_311) : 0;
    __u64 frame = c_frame ? word(here, c_frame, CFRAME_FRAME_311) : 0;
    w->interpreter = state ? word(here, state, TS_INTERP_311) : 0;
    if (w->interpreter && (__u32)word(here, w->interpreter, INTERP_FINALIZING_311))
        w->flags |= BOUND_FINALIZING;
    __u64 code = frame ? word(here, frame, F_CODE_311) : 0;
    if (!code || !is_a(here, code, IS_PyCode_Type)) return false;
    w->flags |= BOUND_FRAME;
    w->code = code;
    w->instruction = word(here, frame, F_INSTR_311);
    __u64 globals = word(here, frame, F_GLOBALS_311);
    if (globals == dict) w->flags |= BOUND_IN_GLOBALS;
    if (globals == word(here, frame, F_LOCALS_311)) w->flags |= BOUND_AT_TOP;
    return true;
}

PART bool tell_code(struct python_here *here, __u64 code, const struct dict_key *of)
{
    if (!here || !of) return false;
    __u64 table = word(here, code, CODE_LINES), file = word(here, code, CODE_FILE);
    struct code_key key = {.image = of->image, .code = code, .lines = table, .pid = of->pid};
    if (bpf_map_lookup_elem(&py_codes, &key)) return true;
    struct event_code *e = begin(EVENT_CODE, 0, sizeof *e);
    if (!e) return false;
    e->image = of->image;
    e->code = code;
    e->pid = of->pid;
    e->first_line = (__u32)word(here, code, CODE_FIRST_LINE);
    e->pad = 0;
    bool plain = (byte(here, file, STR_STATE) & STR_PLAIN) == STR_PLAIN;
    fetch_text(here, e->file, sizeof e->file, file + (plain ? ASCII_TEXT : OTHER_TEXT));
    __u64 size = word(here, table, OB_SIZE);
    __u32 take = size < LINES_ROOM ? (__u32)size : LINES_ROOM;
    e->size = take;
    if (take > LINES_ROOM || fetch(here, e->lines, take, table + BYTES_DATA)) e->size = 0;
    if (!done(here, e, false)) return false;
    __u8 one = 1;
    bpf_map_update_elem(&py_codes, &key, &one, BPF_ANY);
    return true;
}

/* --- whose dict --------------------------------------------------------------------------------- */

enum { NAMES_NONE, NAMES_IT, NAMES_ANOTHER };

/* Which module has its __name__ in sys.modules? */
PART int module_named(struct python_here *here, __u64 interpreter, const struct dict_key *of)
{
    if (!here || !of) return NAMES_NONE;
    struct table modules;
    __u64 dict = interpreter ? word(here, interpreter, INTERP_MODULES_311) : 0;
    if (!dict || !table_of(here, dict, &modules)) return NAMES_NONE;
    __u64 module = bound_to(here, &modules, word(here, of->name_object, STR_HASH));
    if (!module) return NAMES_NONE;
    return word(here, module, MODULE_DICT) == of->dict ? NAMES_IT : NAMES_ANOTHER;
}

/* What forktrace-ebpf judges by. A module without a file is told by that of the code that runs. */
PART bool tell_module(struct python_here *here, const struct dict_key *of, const struct table *table,
                      __u64 code)
{
    if (!here || !of || !table) return false;
    struct event_module *e = begin(EVENT_MODULE, 0, sizeof *e);
    if (!e) return false;
    __u64 file = file_object(here, table);
    if (!file || !is_a(here, file, IS_PyUnicode_Type)) file = code ? word(here, code, CODE_FILE) : 0;
    e->key = *of;
    e->state = file ? byte(here, file, STR_STATE) : 0;
    e->pad = 0;
    __u64 length = file ? word(here, file, STR_LENGTH) : 0;
    e->length = length < FILE_ROOM ? (__u32)length : FILE_ROOM;
    bool plain = (e->state & STR_PLAIN) == STR_PLAIN;
    __u64 text = file + (plain ? ASCII_TEXT : OTHER_TEXT);
    e->size = 0;
    for (__u32 i = 0; file && i < FILE_ROOM / FILE_PIECE; i++) {
        if (fetch(here, e->file + i * FILE_PIECE, FILE_PIECE, text + i * FILE_PIECE)) break;
        e->size += FILE_PIECE;
    }
    read_name(here, of->name_object, e->name);
    return done(here, e, true);
}

/* --- the probe ---------------------------------------------------------------------------------- */

/* Python runs `deleted` before it has looked whether there is such a name. False: nothing was told. */
PART bool tell_bound(struct python_here *here, __u64 dict, __u64 key, __u64 value, bool deleted)
{
    struct letters letters;
    struct table table;
    const struct task_struct *task = (const void *)bpf_get_current_task();
    struct dict_key of = {.image = image_now(), .dict = dict, .pid = pid_of(task)};
    if (!here || !is_a(here, key, IS_PyUnicode_Type) || !read_name(here, key, letters.name) ||
        !is_wanted_name(&letters))
        return false;
    if (!table_of(here, dict, &table) || !(of.name_object = name_object(here, &table))) return false;
    const __u8 *verdict = bpf_map_lookup_elem(&py_dicts, &of);
    if (verdict && *verdict == DICT_OTHER) return false;
    __u64 old = bound_to(here, &table, word(here, key, STR_HASH));
    if (deleted && !old) return false;
    struct where where = {.flags = verdict && *verdict == DICT_WATCHED ? BOUND_KNOWN : 0};
    look_at_frame(here, &where, dict);
    if (!(where.flags & BOUND_KNOWN)) {
        int named = module_named(here, where.interpreter, &of);
        if (named == NAMES_ANOTHER || (named == NAMES_NONE && verdict)) return false;
        if (named == NAMES_IT && !tell_module(here, &of, &table, where.code)) return false;
        if (named == NAMES_IT) where.flags |= BOUND_MODULE;
    }
    if (where.code && !tell_code(here, where.code, &of)) return false;
    struct event_bound *e = begin(EVENT_BOUND, tid_of(task), sizeof *e);
    if (!e) return true; /* it is counted */
    e->image = of.image;
    e->dict = dict;
    e->name_object = of.name_object;
    e->pid = of.pid;
    e->interpreter = where.interpreter;
    e->code = where.code;
    e->instruction = where.instruction;
    e->flags = (__u32)where.flags;
    __builtin_memcpy(e->name, letters.name, sizeof letters.name);
    read_name(here, of.name_object, e->module);
    copy_object(here, &e->value, value);
    copy_object(here, &e->old, old);
    return done(here, e,
                !(where.flags & BOUND_KNOWN)); /* to be judged: while its process is there, if need be */
}

/* What was missing is brought in. False: it cannot be. */
static __always_inline bool bring_in(const struct python_here *here)
{
    char letter;
    __u64 at = here->missing, size = here->missing_size;
    if (!may_sleep) return false;
    for (__u64 i = 0; i < MISSING_PAGES && i * 4096 < size; i++)
        if (bpf_copy_from_user(&letter, 1, (const void *)(at + i * 4096))) return false;
    return !bpf_copy_from_user(&letter, 1, (const void *)(at + size - 1));
}

SEC("uprobe")
int bound(struct pt_regs *context)
{
#if defined __x86_64__
    __u64 length = 0, key = context->si;
    long unread = bpf_probe_read_user(&length, sizeof length, (const void *)(key + STR_LENGTH));
    bool may_be =
        unread || (length < NAME_ROOM && watch_lengths >> length & 1); /* first what nearly all fail */
    if (!may_be || !is_watched()) return 0;
    __u64 cookie = bpf_get_attach_cookie(context), dict = context->di, value = context->cx;
    __u32 place = cookie >> 1 & 127;
    bool deleted = cookie & 1;
    struct python_here here = {.number = (__u32)(cookie >> 8)};
    const struct python_file *file = file_here(&here);
    if (!file || place >= PY_PLACES) return 0;
    here.bias = context->ip - file->places[place];
    for (int i = 0; i < ATTEMPTS; i++) {
        here.missing_size = 0;
        here.last = here.last || i == ATTEMPTS - 1 || !may_sleep;
        if (tell_bound(&here, dict, key, deleted ? 0 : value, deleted) || !here.missing_size) return 0;
        if (here.last) break;
        here.last = !bring_in(&here);
    }
    count_lost(LOST_PYTHON);
#endif
    return 0; /* elsewhere insertdict is not found: by its callers' jumps, which are x86-64's */
}

#endif
