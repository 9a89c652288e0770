/*
 * runtime.c: finding the interpreter, and reading frames, strings and
 * functions of it.
 */
#define _GNU_SOURCE
#include "preload/python/runtime.h"

#include "preload/python/stub.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "preload/python/elf.h"
#include "preload/python/globals.h"
#include "preload/python/modules.h"
#include "preload/python/plain.h"
#include "preload/thread.h"
#include "preload/python/switches.h"

struct python python;
bool python_found;
static bool off, names_only, declined;

void python_init(const char *mode, const char *watch, const char *greenlets)
{
    off = mode && !strcmp(mode, "off");
    names_only = mode && !strcmp(mode, "names");
    modules_all = mode && !strcmp(mode, "all");
    globals_watch(watch);
    switches_init(greenlets);
}

/* --- the interpreter ------------------------------------------------------------------------ */

static bool fill(struct python *p, const struct link_map *map)
{
    p->current = (void *(*)(void))elf_symbol(map, "_PyThreadState_UncheckedGet");
    if (!p->current) p->current = (void *(*)(void))elf_symbol(map, "PyThreadState_GetUnchecked"); /* 3.13 */
    p->finalizing = (int (*)(void))elf_symbol(map, "_Py_IsFinalizing");
    if (!p->finalizing) p->finalizing = (int (*)(void))elf_symbol(map, "Py_IsFinalizing"); /* 3.13 */
    p->runtime = elf_symbol(map, "_PyRuntime");
#define X(result, name, parameters) \
    if (!(p->name = (result(*) parameters)elf_symbol(map, #name))) return false;
    PY_FUNCTIONS(X)
#undef X
#define X(name) \
    if (!(p->name = elf_symbol(map, #name))) return false;
    PY_TYPES(X)
#undef X
    return p->current && p->finalizing;
}

void python_look(const struct link_map *map, uint64_t start, uint64_t end)
{
    if (declined || python.layout) return;
    const uint32_t *version = elf_symbol(map, "Py_Version"); /* 3.11 and later */
    if (!version && !elf_symbol(map, "PyCode_Addr2Line")) return;
    if (off || !version) {
        declined = true;
        if (off)
            self_note(FT_NOTE_LEFT_OUT, FT_LEFT_OUT_PYTHON);
        else
            self_note(FT_NOTE_PYTHON_UNKNOWN, "before 3.11");
        return;
    }
    struct python found = {.start = start, .end = end, .map = map};
    const char *why = "built without the functions we need";
    const struct py_layout *layout =
        fill(&found, map) ? py_layout_of(*version >> 16, found.runtime, &why) : NULL;
    if (!layout) {
        declined = true;
        self_note(FT_NOTE_PYTHON_UNKNOWN, why);
        return;
    }
    found.one_digit = (const void *)(uintptr_t)layout->one_digit;
    found.current = py_current_fast(found.current);
    python = found;
    __atomic_store_n(&python.layout, layout, __ATOMIC_RELEASE); /* last: from now on it is used */
    python_found = true;
    if (names_only)
        self_note(FT_NOTE_LEFT_OUT, FT_LEFT_OUT_GLOBALS);
    else
        globals_start(map, (const void *)(uintptr_t)start);
}

/* Stopped for good when it is gone: what comes back at the same place is a fresh copy, without our jumps. */
bool py_here(void)
{
    struct dl_find_object object;
    if (!__atomic_load_n(&python.layout, __ATOMIC_ACQUIRE)) return false;
    if (!_dl_find_object((void *)(uintptr_t)python.start, &object) && object.dlfo_link_map == python.map)
        return true;
    declined = true;
    __atomic_store_n(&python.layout, NULL, __ATOMIC_RELEASE);
    self_note(FT_NOTE_PYTHON_UNKNOWN, "unloaded by the program; not looked for again");
    return false;
}

/* --- threads and frames --------------------------------------------------------------------- */

const void *py_thread_state(void)
{
    const void *state = python.PyGILState_GetThisThreadState();
    if (!state) return NULL;
    /* a finalising interpreter frees the states of other threads, which still remember theirs */
    if (python.finalizing() && python.current() != state) return NULL;
    return (uintptr_t)py_read(state, python.layout->ts_thread_id) == (uintptr_t)pthread_self() ? state : NULL;
}

bool py_holds_gil(void)
{
    const void *state = py_thread_state();
    return state && python.current() == state;
}

void py_prove(void)
{
    const void *const *at = (const void *)(python.runtime + RUNTIME_CURRENT_311);
    if (!python.holder && python.runtime && python.layout->version == 0x030b && *at == python.current())
        stub_arm(python.holder = at);
}

bool py_at_rest(void)
{
    if (thread_known() != 1 || (!python.gil && !python.holder)) return false;
    return !(python.gil ? py_read32(python.gil, GIL_LOCKED)
                        : py_read32(python.runtime, RUNTIME_GIL_LOCKED_311));
}

static const void *real_frame(const void *frame)
{
    while (frame && (int)*((const uint8_t *)frame + python.layout->f_owner) >= python.layout->owner_none)
        frame = py_read(frame, python.layout->f_previous);
    return frame;
}

const void *py_frame(const void *state)
{
    const struct py_layout *l = python.layout;
    const void *from = l->ts_cframe == NO_CFRAME ? state : py_read(state, l->ts_cframe);
    return from ? real_frame(py_read(from, l->ts_frame)) : NULL;
}

const void *py_frame_back(const void *frame) { return real_frame(py_read(frame, python.layout->f_previous)); }

const void *py_frame_code(const void *frame)
{
    const void *code = py_untagged(py_read(frame, python.layout->f_code));
    return py_is(code, python.PyCode_Type) ? code : NULL;
}

uint32_t py_frame_line(const void *frame, const void *code)
{
    const char *instruction = py_read(frame, python.layout->f_instr);
    ptrdiff_t byte = instruction - ((const char *)code + python.layout->co_code);
    int line = python.PyCode_Addr2Line((void *)(uintptr_t)code, (int)byte);
    return line > 0 ? (uint32_t)line : 0;
}

/* --- strings and functions ------------------------------------------------------------------ */

const uint8_t *py_characters(const void *string, size_t *length, uint32_t *kind)
{
    if (!py_is(string, python.PyUnicode_Type)) return NULL;
    uint32_t state = py_read32(string, STR_STATE);
    *kind = state >> 2 & 7;
    if (!*kind && python.layout->version >= 0x030e) /* there "interned" may have the lower 16 bits alone */
        *kind = (state >>= 14) >> 2 & 7;
    bool compact = state >> 5 & 1, ascii = state >> 6 & 1;
    if (!compact || (*kind != 1 && *kind != 2 && *kind != 4)) return NULL;
    *length = (size_t)py_read(string, STR_LENGTH);
    return (const uint8_t *)string + (ascii ? python.layout->str_ascii : python.layout->str_compact);
}

size_t py_text(const void *string, char *buffer, size_t room)
{
    size_t length, used = 0;
    uint32_t kind;
    const uint8_t *data = py_characters(string, &length, &kind);
    if (!data) return 0;
    for (size_t i = 0; i < length && used + 4 <= room; i++) {
        uint32_t c = 0;
        memcpy(&c, data + i * kind, kind);
        used += plain_utf8(c, buffer + used);
    }
    return used;
}

ft_ref py_string(const void *string)
{
    char text[512];
    size_t length = py_text(string, text, sizeof text);
    return length ? ft_string(&ft, text, length, self.task) : 0;
}

ft_ref py_function(const void *callable)
{
    if (py_is(callable, python.PyMethod_Type)) callable = py_read(callable, METHOD_FUNCTION);
    return py_is(callable, python.PyFunction_Type) ? py_code(py_read(callable, FUNCTION_CODE)) : 0;
}

ft_ref py_code(const void *code)
{
    if (!py_is(code, python.PyCode_Type)) return 0;
    struct ft_py_function f = {.name = py_string(py_read(code, python.layout->co_qualname)),
                               .file = py_string(py_read(code, python.layout->co_filename)),
                               .line = py_read32(code, python.layout->co_firstlineno)};
    uint32_t key[3] = {f.name, f.file, f.line};
    uint64_t hash = ft_hash(key, sizeof key);
    ft_ref ref = ft_interned_find(&ft, hash);
    if (ref) return ref;
    struct ft_py_function *record = ft_begin(&ft, FT_PY_FUNCTION, sizeof *record, self.task);
    if (!record) return 0;
    record->name = f.name;
    record->file = f.file;
    record->line = f.line;
    ref = ft_ref_of(record);
    ft_commit(record);
    ft_interned_keep(&ft, hash, ref);
    return ref;
}
