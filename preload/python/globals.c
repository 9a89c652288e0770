/*
 * globals.c: who binds which module global to what.
 *
 * Each name of one of the program's own modules gets a slot in the trace at
 * its first binding in a process: number of writes, last value, last writer,
 * last line, overwritten in place (no event per write). Watched names get an
 * FT_PY_WRITE for each binding besides.
 *
 * Everything but at_fork runs with the GIL held, which is the only lock here.
 */
#include "preload/python/globals.h"

#include <string.h>

#include "preload/python/elf.h"
#include "preload/python/modules.h"
#include "preload/python/patch.h"
#include "preload/python/value.h"
#include "preload/secret.h"

#define NAMES 16384
#define INDEX (2 * NAMES)
#define PROBE 32

/* A name of a module, in this address space; its slot belongs to one process. */
struct name {
    const void *dict; /* NULL: the module is gone */
    int64_t hash;     /* of the str: keys that are equal need not be identical */
    struct ft_py_global *slot;
    uint64_t process; /* whose slot that is */
    uint32_t version; /* odd: being written */
    bool watched, secret;
    uint64_t told; /* writes at the last fork */
    struct module *owner;
    ft_ref module, name, file;
    uint32_t line;
    const void *code, *instruction; /* file and line belong to them */
    struct ft_string *text;         /* of the slot: overwritten in place like it */
    ft_ref text_ref;
};

static struct name names[NAMES];
static unsigned name_count;
static uint16_t name_index[INDEX]; /* by dict and hash: 0 free, else index + 1 */
static bool any_gone;
static struct name *last; /* a loop binds the same name again and again */
static const char *watch; /* FORKTRACE_WATCH */

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
    *python_back_finalize;
void python_entry_insert0(void), python_entry_insert1(void), python_entry_delete(void),
    python_entry_eval(void), python_entry_finalize(void);

void globals_watch(const char *list) { watch = list; }

/* Stands for this process: pids are used again. Kept where a fork empties it; words 0 and 1 are self.h's. */
static uint64_t this_process(void)
{
    volatile uint64_t *word = (volatile uint64_t *)(self_alive + 2);
    if (unlikely(!*word)) *word = ft_now(&ft) | 1;
    return *word;
}

/* Around each change of a name: a fork in another thread must not tell half of it. Its child may be forked in
 * between. */
static void change(struct name *n)
{
    n->version |= 1;
    __atomic_signal_fence(
        __ATOMIC_SEQ_CST); /* forked in between: the child's memory is what x86 had stored */
}
static void changed(struct name *n)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    n->version = (n->version | 1) + 1;
}

/* --- names ---------------------------------------------------------------------------------- */

/* Is "module.name" or "module.*" in the list of -w py: ... */
static bool listed(const char *module, const char *name, size_t length)
{
    size_t module_length = strlen(module);
    for (const char *at = watch; at && *at; at += strcspn(at, ";"), at += *at == ';') {
        size_t size = strcspn(at, ";");
        if (size < 4 + module_length || strncmp(at, "py:", 3) || strncmp(at + 3, module, module_length))
            continue;
        const char *rest = at + 3 + module_length;
        size_t left = size - 3 - module_length;
        if (*rest != '.') continue;
        if ((left == 2 && rest[1] == '*') || (left == length + 1 && !memcmp(rest + 1, name, length)))
            return true;
    }
    return false;
}

static bool is_watched(const struct module *module, const char *name, size_t length)
{
    return watch && (listed(module->text, name, length) || listed(module->called, name, length));
}

/* "key" as a word: API_KEY, key, private_key_2; not monkey. */
static bool key_word(const char *name, size_t length)
{
    for (size_t at = 0; at + 3 <= length; at++)
        if ((name[at] | 32) == 'k' && (name[at + 1] | 32) == 'e' && (name[at + 2] | 32) == 'y' &&
            (!at || name[at - 1] == '_') && (at + 3 == length || name[at + 3] == '_'))
            return true;
    return false;
}

static uint16_t *index_at(const void *dict, int64_t hash, unsigned i)
{
    uint64_t h = ((uintptr_t)dict >> 4) * 0x9e3779b97f4a7c15u ^ (uint64_t)hash * 0xc2b2ae3d27d4eb4fu;
    return &name_index[((h >> 40) + i) & (INDEX - 1)];
}

/* NULL: none yet; *place, if not NULL, is where its index belongs. */
static struct name *find(const void *dict, int64_t hash, uint16_t **place)
{
    *place = NULL;
    for (unsigned i = 0; i < PROBE; i++) {
        uint16_t *at = index_at(dict, hash, i);
        struct name *n = *at ? &names[*at - 1] : NULL;
        if (n && n->hash == hash && n->dict == dict) return n;
        if (!*place && (!n || !n->dict)) *place = at;
        if (!n) return NULL;
    }
    return NULL;
}

/* A module that was imported anew: its names go on where they were, in the same slots. */
static struct name *gone(ft_ref module, ft_ref name)
{
    for (struct name *n = names; any_gone && n < names + name_count; n++)
        if (!n->dict && n->module == module && n->name == name) return n;
    return NULL;
}

static struct name *add(struct module *module, int64_t hash, const char *text, size_t length, uint16_t *place)
{
    ft_ref name = ft_string(&ft, text, length, self.task);
    struct name *n = gone(module->name, name);
    if (!n && (!place || name_count == NAMES)) {
        self_note(FT_NOTE_PYTHON_FULL, "names");
        ft_count_lost(&ft, FT_LOST_PYTHON, 1);
        return NULL;
    }
    bool fresh = !n;
    if (fresh) n = &names[name_count];
    change(n);
    n->module = module->name;
    n->name = name;
    n->owner = module;
    n->secret = secret_name(text, length) || key_word(text, length);
    n->watched = is_watched(module, text, length);
    n->hash = hash;
    n->dict = module->dict;
    n->code = NULL;
    changed(n);
    if (fresh) __atomic_store_n(&name_count, name_count + 1, __ATOMIC_RELEASE);
    if (place) *place = (uint16_t)(n - names + 1);
    return n;
}

void globals_forget(const void *dict)
{
    last = NULL;
    for (struct name *n = names; n < names + name_count; n++)
        if (n->dict == dict) {
            any_gone = true;
            change(n);
            n->dict = NULL;
            changed(n);
        }
}

/* Where CPython 3.11's _PyRuntime keeps the thread state that holds the GIL: a load instead of a call, once
 * proved. */
static const void *const *current;

static void find_current(void)
{
    const void *const *at = (const void *)(python.runtime + RUNTIME_CURRENT_311);
    if (python.runtime && *at == python.current()) current = at;
}

/* The binding's line: the innermost Python frame's, looked up again only when the instruction is another one.
 */
static void locate(struct name *n, uint16_t *flags)
{
    const void *state = likely(current) ? *current : python.current();
    const void *frame = py_read(py_read(state, TS_CFRAME_311), CFRAME_FRAME_311); /* py_frame(), inlined */
    const void *code = frame ? py_read(frame, F_CODE_311) : NULL;
    if (!py_is(code, python.PyCode_Type)) return;
    const void *instruction = py_read(frame, F_INSTR_311);
    if (py_read(frame, F_GLOBALS_311) == py_read(frame, F_LOCALS_311)) *flags |= FT_PY_BY_MODULE;
    if (code == n->code && instruction == n->instruction) return;
    n->file = py_string(py_read(code, python.layout->co_filename));
    n->line = py_frame_line(frame, code);
    n->code = code;
    n->instruction = instruction;
}

/* --- slots ---------------------------------------------------------------------------------- */

/*
 * The text of a slot is a string of its own, overwritten with it: a loop that
 * binds a name to a million texts shall not write a million records.
 */
static uint64_t text_in_place(struct name *n, const struct value *value)
{
    if (!n->text) {
        n->text = ft_begin(&ft, FT_STRING, sizeof *n->text + VALUE_TEXT, n->slot->head.task);
        if (!n->text) return 0;
        n->text_ref = ft_ref_of(n->text);
        ft_publish(n->text);
    }
    memcpy(n->text->bytes, value->text, value->length);
    n->text->length = value->length;
    return n->text_ref;
}

static void set_value(struct name *n, struct ft_py_global *slot, const struct value *value)
{
    bool text = value_is_text(value->kind);
    if (slot->kind != value->kind || text)
        slot->kind = FT_PY_KIND_unset; /* killed in between: nothing, not nonsense */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    slot->value = text ? text_in_place(n, value) : value->bits;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    slot->kind = value->kind;
}

static void hide(const struct name *n, struct value *value)
{
    if (n->secret && value->kind > FT_PY_KIND_none) *value = (struct value){.kind = FT_PY_KIND_secret};
}

/* The slot of this process, made at its first binding. `dict` still has the value before. */
static bool slot_for(struct name *n, const void *dict, const void *key, ft_ref task)
{
    struct ft_py_global *slot = ft_slot_new(&ft, task);
    if (!slot) return false;
    struct value old;
    if (!current) find_current();
    value_of(dict_get(dict, key, n->hash), &old);
    hide(n, &old);
    slot->module = n->module;
    slot->name = n->name;
    slot->old = value_bits(&old);
    slot->old_kind = old.kind;
    slot->flags = FT_PY_BY_MODULE;
    change(n);
    n->slot = slot;
    n->process = this_process();
    n->told = 0;
    n->text = NULL;
    changed(n);
    return true;
}

/* In a flight recorder that has come round, what the slot refers to may be overwritten: written anew. */
static void refresh(struct name *n, const void *key)
{
    char text[128];
    if (ft_stale(&ft, n->module))
        n->module = ft_string(&ft, n->owner->text, strlen(n->owner->text), self.task);
    if (ft_stale(&ft, n->name)) n->name = ft_string(&ft, text, py_text(key, text, sizeof text), self.task);
    if (ft_stale(&ft, n->file)) n->code = NULL;
    n->slot->module = n->module;
    n->slot->name = n->name;
}

/* Its time, which is then the slot's too: the clock is the dearest part of all this. 0: not written. */
static uint64_t write_event(const struct name *n, ft_ref task, const struct value *value, uint16_t flags)
{
    uint64_t bits = value_bits(value);
    struct ft_py_write *record = ft_begin(&ft, FT_PY_WRITE, sizeof *record, task);
    if (!record) return 0;
    uint64_t time = record->head.time;
    record->module = n->module;
    record->name = n->name;
    record->value = bits;
    record->kind = value->kind;
    record->flags = (uint8_t)flags;
    record->file = n->file;
    record->line = n->line;
    ft_commit(record);
    return time;
}

static inline uint64_t now(void)
{
#if defined __x86_64__
    if (likely(ft.clock == FT_CLOCK_TSC)) return __builtin_ia32_rdtsc();
#endif
    return ft_now(&ft);
}

static bool definition(uint8_t kind)
{
    return kind == FT_PY_KIND_function || kind == FT_PY_KIND_type || kind == FT_PY_KIND_module;
}

/* --- a binding ------------------------------------------------------------------------------ */

/*
 * At its end an interpreter (each of them) sets every global to None, from C:
 * that is no write of the program's. One by a __del__ or an atexit handler is.
 */
static bool torn_down(struct name *n, const struct value *value)
{
    if (value->kind != FT_PY_KIND_none) return false;
    const void *state = python.current();
    if (!python.finalizing() && !py_read32(py_read(state, TS_INTERP_311), INTERP_FINALIZING_311))
        return false;
    if (py_frame(state)) return false;
    n->slot->flags |= FT_PY_TEARDOWN;
    if (n->watched) write_event(n, self.task, value, FT_PY_TEARDOWN);
    return true;
}

/* A loop binds the same name again and again. */
static inline bool bound_last(const void *dict, int64_t hash)
{
    return likely(last && last->hash == hash && last->dict == dict && module_intact(last->owner) &&
                  last->process == this_process());
}

/* The name of this binding with a slot of this process; NULL: not one we keep. */
static struct name *name_of(const void *dict, const void *key, int64_t hash, const struct value *value,
                            ft_ref task)
{
    struct module *module = module_of(dict);
    char text[128];
    uint16_t *place;
    if (!module) return NULL;
    struct name *n = find(dict, hash, &place);
    if (!n) {
        size_t length = py_text(key, text, sizeof text);
        if (!length) return NULL;
        if (length == 8 && !memcmp(text, "__name__", 8) && module->dict)
            module_renamed(module, value->kind ? value->object : NULL);
        if (length > 2 && text[0] == '_' && text[1] == '_') return NULL;
        /* def, class, import */
        if (definition(value->kind) && !is_watched(module, text, length)) return NULL;
        n = add(module, hash, text, length, place);
        if (!n) return NULL;
    }
    if (n->slot && n->process == this_process()) return last = n;
    return slot_for(n, dict, key, task) ? last = n : NULL;
}

static inline __attribute__((always_inline)) void bound(const void *dict, const void *key, int64_t hash,
                                                        const void *object)
{
    ft_ref task = me();
    if (!task || !py_is(key, python.PyUnicode_Type)) return;
    struct value value;
    value_of(object, &value);
    struct name *n = bound_last(dict, hash) ? last : name_of(dict, key, hash, &value, task);
    if (!n || torn_down(n, &value)) return;
    hide(n, &value);
    if (unlikely(ft.current[FT_LINEAGE] && ft.current[FT_LINEAGE]->seq > ft.capacity)) refresh(n, key);
    struct ft_py_global *slot = n->slot;
    uint16_t flags = 0;
    locate(n, &flags);
    uint64_t time = n->watched ? write_event(n, task, &value, flags) : 0;
    change(n);
    set_value(n, slot, &value);
    slot->writer = task;
    slot->file = n->file;
    slot->line = n->line;
    slot->flags &= flags | (uint16_t)~FT_PY_BY_MODULE;
    slot->writes++;
    if (!time) time = now();
    if (likely(slot->head.state))
        slot->head.time = time;
    else
        ft_slot_set(slot, FT_PY_GLOBAL, slot->head.task, time);
    changed(n);
}

/* --- the hooks ------------------------------------------------------------------------------ */

void python_insert(const void *dict, const void *key, int64_t hash, const void *value)
    __attribute__((visibility("hidden")));
void python_insert(const void *dict, const void *key, int64_t hash, const void *value)
{
    bound(dict, key, hash, value);
}

/* PyDict_DelItem has not looked yet whether there is such a key. */
void python_delete(const void *dict, const void *key) __attribute__((visibility("hidden")));
void python_delete(const void *dict, const void *key)
{
    if (!py_is(key, python.PyUnicode_Type) || !module_of(dict)) return;
    int64_t hash = api.PyObject_Hash((void *)(uintptr_t)key); /* of a str: runs no code, is kept in it */
    if (dict_get(dict, key, hash)) bound(dict, key, hash, NULL);
}

/* --- at a fork ------------------------------------------------------------------------------ */

/* The GIL may be somebody else's: a name being bound right now is left out (its last value told stands). */
void python_at_fork(ft_ref fork)
{
    unsigned count = __atomic_load_n(&name_count, __ATOMIC_ACQUIRE);
    uint64_t process = count ? this_process() : 0;
    for (struct name *n = names; n < names + count; n++) {
        uint32_t version = __atomic_load_n(&n->version, __ATOMIC_ACQUIRE);
        const struct ft_py_global *slot = n->slot;
        if (version & 1 || !slot || !n->dict || n->process != process) continue;
        struct ft_py_value copy = {.module = n->module,
                                   .name = n->name,
                                   .fork = fork,
                                   .kind = slot->kind,
                                   .value = slot->value,
                                   .writes = slot->writes};
        char text[VALUE_TEXT];
        size_t length = 0;
        bool in_place = value_is_text(slot->kind) && n->text;
        if (in_place) {
            length = n->text->length < VALUE_TEXT ? n->text->length : VALUE_TEXT;
            memcpy(text, n->text->bytes, length);
        }
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (n->version != version || copy.writes == n->told) continue;
        if (in_place) copy.value = ft_string(&ft, text, length, self.task);
        struct ft_py_value *record = ft_begin(&ft, FT_PY_VALUE, sizeof *record, self.task);
        if (!record) return;
        copy.head = record->head;
        *record = copy;
        ft_commit(record);
        n->told = copy.writes;
    }
}

/* --- start ---------------------------------------------------------------------------------- */

static struct patch_set patches;
static bool pending;

/*
 * Nobody else may be in the functions that are patched: no other thread is
 * there, or the GIL keeps them out. Until then nothing is watched.
 */
void globals_arm(void)
{
    if (likely(!__atomic_load_n(&pending, __ATOMIC_ACQUIRE)) || self.vforked || self_shared_tls) return;
    bool alone = patch_alone();
    if (!alone && !py_holds_gil()) {
        self_note(FT_NOTE_PYTHON_UNPATCHED, "not before a thread that holds the GIL calls us");
        return;
    }
    if (!__atomic_exchange_n(&pending, false, __ATOMIC_ACQ_REL)) return;
    if (!patch_commit(&patches, alone)) self_note(FT_NOTE_PYTHON_UNPATCHED, "its code cannot be written to");
}

#if defined __x86_64__
static bool prepare(const struct patch_object *object, const struct link_map *map)
{
    const uint8_t *inserts[4],
        *set = elf_symbol(map, "PyDict_SetItem"), *hashed = elf_symbol(map, "_PyDict_SetItem_KnownHash"),
        *delete = elf_symbol(map, "PyDict_DelItem"), *eval = elf_symbol(map, "PyEval_EvalCode");
    if (!set || !hashed || !delete || !eval || patch_tails(object, set, hashed, inserts, 4) != 2)
        return false;
    const uint8_t *finalize = elf_symbol(map, "Py_FinalizeEx"); /* not vital */
    if (finalize)
        patch_prepare(&patches, object, finalize, (void *)python_entry_finalize, &python_back_finalize);
    return patch_prepare(&patches, object, inserts[0], (void *)python_entry_insert0, &python_back_insert0) &&
           patch_prepare(&patches, object, inserts[1], (void *)python_entry_insert1, &python_back_insert1) &&
           patch_prepare(&patches, object, delete, (void *)python_entry_delete, &python_back_delete) &&
           patch_prepare(&patches, object, eval, (void *)python_entry_eval, &python_back_eval);
}

void globals_start(const struct link_map *map, const void *start)
{
    struct patch_object object;
    /* without MADV_WIPEONFORK (4.14) we could not tell whose a slot is */
    if (python.layout->version != 0x030b || ((uintptr_t)self_alive & (FT_PAGE - 1))) {
        self_note(FT_NOTE_PYTHON_UNPATCHED, "only those of CPython 3.11 are, on Linux 4.14 or later");
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
    __atomic_store_n(&pending, true, __ATOMIC_RELEASE);
    globals_arm();
}
#else
void globals_start(const struct link_map *map, const void *start) {}
#endif
