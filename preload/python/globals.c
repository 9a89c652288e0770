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
#include "preload/python/patch.h"
#include "preload/python/value.h"
#include "preload/secret.h"

#define MODULES 64
#define NAMES   2048

/* A name of a watched dict, in this address space; its slot belongs to one process. */
struct name {
    const void *dict, *key; /* keys of modules are interned: one address */
    struct ft_py_global *slot;
    uint32_t pid;     /* whose slot that is */
    uint32_t version; /* odd: being written */
    uint64_t told;    /* writes at the last fork */
    ft_ref module, name, file;
    uint32_t line;
    const void *code, *instruction; /* file and line belong to them */
    bool watched, secret;
};

static struct module {
    const void *dict;
    ft_ref name;
    char text[64];
} modules[MODULES];
static unsigned module_count;
static struct name names[NAMES];
static const char *watch; /* FORKTRACE_WATCH */

/* clang-format off */
#define FUNCTIONS(X)                                                                        \
    X(void *, _PyDict_GetItem_KnownHash, (void *dict, void *key, int64_t hash))             \
    X(int, _Py_IsFinalizing, (void))
/* clang-format on */
static struct {
#define X(result, name, parameters) result(*name) parameters;
    FUNCTIONS(X)
#undef X
} api;

/* Read by entry.S: two ways of 256, by bits 4-11 of the dict's address. */
const void *python_dicts[256][2] __attribute__((visibility("hidden")));
void *python_back_insert0, *python_back_insert1, *python_back_delete, *python_back_eval;
void python_entry_insert0(void), python_entry_insert1(void), python_entry_delete(void),
    python_entry_eval(void);

void globals_watch(const char *list) { watch = list; }

/* --- which modules -------------------------------------------------------------------------- */

/* The program's own: not the standard library, not what a package manager installed. */
static bool own(const char *file)
{
    if (*file == '<') return !strcmp(file, "<string>"); /* python -c */
    return !strstr(file, "/lib/python") && !strstr(file, "/site-packages/") &&
           !strstr(file, "/dist-packages/");
}

/* "/srv/app.py" -> "app", "/srv/shop/__init__.py" -> "shop". uWSGI renames modules: the file says more. */
static void stem(const char *file, char *out, size_t room)
{
    const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
    size_t length = strcspn(base, ".");
    if (*file == '<') base = "__main__", length = 8;
    if (slash && !strcmp(base, "__init__.py")) {
        const char *start = slash;
        while (start > file && start[-1] != '/') start--;
        base = start, length = (size_t)(slash - start);
    }
    if (length >= room) length = room - 1;
    memcpy(out, base, length);
    out[length] = 0;
}

static bool known_dict(const void *dict)
{
    const void *const *ways = python_dicts[(uintptr_t)dict >> 4 & 255];
    return ways[0] == dict || ways[1] == dict;
}

static void add_dict(const void *dict)
{
    const void **ways = python_dicts[(uintptr_t)dict >> 4 & 255];
    ways[ways[0] ? 1 : 0] = dict;
}

static struct module *module_of(const void *dict)
{
    for (unsigned i = 0; i < module_count; i++)
        if (modules[i].dict == dict) return &modules[i];
    return NULL;
}

/* PyEval_EvalCode: a module's body is about to run in its dict. */
__attribute__((visibility("hidden"))) void python_eval(const void *code, const void *globals,
                                                       const void *locals)
{
    if (globals != locals || known_dict(globals) || module_count == MODULES || !me()) return;
    char name[16], file[512];
    if (py_text(py_read(code, python.layout->co_qualname), name, sizeof name) != 8 ||
        memcmp(name, "<module>", 8))
        return;
    file[py_text(py_read(code, python.layout->co_filename), file, sizeof file - 1)] = 0;
    if (!own(file)) return;
    struct module *module = &modules[module_count];
    stem(file, module->text, sizeof module->text);
    module->dict = globals;
    module->name = ft_string(&ft, module->text, strlen(module->text), self.task);
    module_count++;
    add_dict(globals);
}

/* --- names ---------------------------------------------------------------------------------- */

/* Is "module.name" or "module.*" in the list of -w py: ... */
static bool is_watched(const char *module, const char *name, size_t length)
{
    size_t stem_length = strlen(module);
    for (const char *at = watch; at && *at; at += strcspn(at, ";"), at += *at == ';') {
        size_t size = strcspn(at, ";");
        if (size < 4 + stem_length || strncmp(at, "py:", 3) || strncmp(at + 3, module, stem_length)) continue;
        const char *rest = at + 3 + stem_length;
        size_t left = size - 3 - stem_length;
        if (*rest != '.') continue;
        if ((left == 2 && rest[1] == '*') || (left == length + 1 && !memcmp(rest + 1, name, length)))
            return true;
    }
    return false;
}

static struct name *find(const void *dict, const void *key)
{
    if (!py_is(key, python.PyUnicode_Type)) return NULL;
    uint64_t h = ((uintptr_t)dict >> 4) * 0x9e3779b97f4a7c15u ^ ((uintptr_t)key >> 4) * 0xc2b2ae3d27d4eb4fu;
    for (unsigned i = 0; i < 16; i++) {
        struct name *n = &names[((h >> 40) + i) & (NAMES - 1)];
        if (n->key == key && n->dict == dict) return n;
        if (n->key) continue;
        const struct module *module = module_of(dict);
        char text[128];
        size_t length = py_text(key, text, sizeof text);
        if (!module || !length || (length > 2 && text[0] == '_' && text[1] == '_')) return NULL;
        n->module = module->name;
        n->name = ft_string(&ft, text, length, self.task);
        n->secret = secret_name(text, length);
        n->watched = is_watched(module->text, text, length);
        n->dict = dict;
        n->key = key;
        return n;
    }
    return NULL;
}

/* The binding's line: the innermost Python frame's, looked up again only when the instruction is another one.
 */
static void locate(struct name *n, uint16_t *flags)
{
    const void *frame = py_frame(python.current());
    const void *code = frame ? py_frame_code(frame) : NULL;
    if (!code) return;
    const void *instruction = py_read(frame, python.layout->f_instr);
    if (py_read(frame, F_GLOBALS_311) == py_read(frame, F_LOCALS_311)) *flags |= FT_PY_BY_MODULE;
    if (code == n->code && instruction == n->instruction) return;
    n->file = py_string(py_read(code, python.layout->co_filename));
    n->line = py_frame_line(frame, code);
    n->code = code;
    n->instruction = instruction;
}

static void set_value(struct ft_py_global *slot, struct value value)
{
    if (slot->kind != value.kind)
        slot->kind = FT_PY_KIND_unset; /* killed in between: nothing, not nonsense */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    slot->value = value.bits;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    slot->kind = value.kind;
}

static struct ft_py_global *slot_of(struct name *n, ft_ref task, struct value old)
{
    if (n->slot && n->pid == self.pid) return n->slot;
    struct ft_py_global *slot = ft_slot_new(&ft, task);
    if (!slot) return NULL;
    slot->module = n->module;
    slot->name = n->name;
    slot->old = old.bits;
    slot->old_kind = old.kind;
    slot->flags = FT_PY_BY_MODULE;
    n->pid = self.pid;
    n->told = 0;
    return n->slot = slot;
}

static void write_event(const struct name *n, ft_ref task, struct value value, uint16_t flags)
{
    struct ft_py_write *record = ft_begin(&ft, FT_PY_WRITE, sizeof *record, task);
    if (!record) return;
    record->module = n->module;
    record->name = n->name;
    record->value = value.bits;
    record->kind = value.kind;
    record->flags = (uint8_t)flags;
    record->file = n->file;
    record->line = n->line;
    ft_commit(record);
}

static bool definition(uint8_t kind)
{
    return kind == FT_PY_KIND_function || kind == FT_PY_KIND_type || kind == FT_PY_KIND_module;
}

/* At the end the interpreter sets every global to None: that is no write of the program's. */
static bool torn_down(struct ft_py_global *slot, struct name *n, struct value value)
{
    if (value.kind != FT_PY_KIND_none || !api._Py_IsFinalizing()) return false;
    slot->flags |= FT_PY_TEARDOWN;
    if (n->watched) write_event(n, self.task, value, FT_PY_TEARDOWN);
    return true;
}

static struct value before(const void *dict, const void *key)
{
    int64_t hash = (int64_t)(intptr_t)py_read(key, STR_HASH);
    if (hash == -1) return (struct value){0, FT_PY_KIND_unset};
    return value_of(api._PyDict_GetItem_KnownHash((void *)(uintptr_t)dict, (void *)(uintptr_t)key, hash));
}

/* The name of this binding with a slot of this process; NULL: not one we keep. */
static struct name *name_of(const void *dict, const void *key, struct value value, ft_ref task)
{
    static struct name *last; /* a loop binds the same name again and again */
    struct name *n = last;
    if (!n || n->key != key || n->dict != dict) n = find(dict, key);
    if (!n) return NULL;
    if (n->slot && n->pid == self.pid) return last = n;
    if (!n->slot && definition(value.kind) && !n->watched) return NULL; /* def, class, import */
    struct value old = before(dict, key);
    if (n->secret && old.kind > FT_PY_KIND_none) old = (struct value){0, FT_PY_KIND_secret};
    return slot_of(n, task, old) ? n : NULL;
}

static void bound(const void *dict, const void *key, const void *object)
{
    ft_ref task = me();
    if (!task) return;
    struct value value = value_of(object);
    struct name *n = name_of(dict, key, value, task);
    if (!n || torn_down(n->slot, n, value)) return;
    if (n->secret && value.kind > FT_PY_KIND_none) value = (struct value){0, FT_PY_KIND_secret};
    struct ft_py_global *slot = n->slot;
    uint16_t flags = 0;
    locate(n, &flags);
    n->version++;
    set_value(slot, value);
    slot->writer = task;
    slot->file = n->file;
    slot->line = n->line;
    slot->flags &= flags | (uint16_t)~FT_PY_BY_MODULE;
    slot->writes++;
    ft_slot_set(slot, FT_PY_GLOBAL, slot->head.task, ft_now(&ft));
    n->version++;
    if (n->watched) write_event(n, task, value, flags);
}

/* --- the hooks ------------------------------------------------------------------------------ */

__attribute__((visibility("hidden"))) void python_insert(const void *dict, const void *key, int64_t hash,
                                                         const void *value)
{
    bound(dict, key, value);
}

__attribute__((visibility("hidden"))) void python_delete(const void *dict, const void *key)
{
    bound(dict, key, NULL);
}

/* --- at a fork ------------------------------------------------------------------------------ */

/* The GIL may be somebody else's: a name being bound right now is left out (its last value told stands). */
void python_at_fork(ft_ref fork)
{
    if (!module_count) return;
    for (struct name *n = names; n < names + NAMES; n++) {
        struct ft_py_global *slot = n->slot;
        if (!slot || n->pid != self.pid) continue;
        uint32_t version = __atomic_load_n(&n->version, __ATOMIC_ACQUIRE);
        struct ft_py_value copy = {.module = n->module,
                                   .name = n->name,
                                   .fork = fork,
                                   .kind = slot->kind,
                                   .value = slot->value,
                                   .writes = slot->writes};
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (version & 1 || n->version != version || copy.writes == n->told) continue;
        struct ft_py_value *record = ft_begin(&ft, FT_PY_VALUE, sizeof *record, self.task);
        if (!record) return;
        copy.head = record->head;
        *record = copy;
        ft_commit(record);
        n->told = copy.writes;
    }
}

/* --- start ---------------------------------------------------------------------------------- */

#if defined __x86_64__
void globals_start(const struct link_map *map, const void *start)
{
    struct patch_object object;
    const uint8_t *inserts[4],
        *set = elf_symbol(map, "PyDict_SetItem"), *hashed = elf_symbol(map, "_PyDict_SetItem_KnownHash"),
        *delete = elf_symbol(map, "PyDict_DelItem"), *eval = elf_symbol(map, "PyEval_EvalCode");
    if (python.layout->version != 0x030b || !set || !hashed || !delete || !eval || !value_init(map)) return;
#define X(result, name, parameters) \
    if (!(api.name = (result(*) parameters)elf_symbol(map, #name))) return;
    FUNCTIONS(X)
#undef X
    if (!patch_object(&object, map, start)) return;
    unsigned found = patch_tails(&object, set, hashed, inserts, 4);
    bool done = found == 2 &&
                patch_entry(&object, inserts[0], (void *)python_entry_insert0, &python_back_insert0) &&
                patch_entry(&object, inserts[1], (void *)python_entry_insert1, &python_back_insert1) &&
                patch_entry(&object, eval, (void *)python_entry_eval, &python_back_eval);
    if (done) done = patch_entry(&object, delete, (void *)python_entry_delete, &python_back_delete);
    if (!done) self_note(FT_NOTE_PYTHON_UNPATCHED, NULL);
}
#else
void globals_start(const struct link_map *map, const void *start) {}
#endif
