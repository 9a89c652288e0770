/*
 * dictwatch.c: the dict and the function watcher we take in each interpreter.
 *
 * A module's body runs as a function made for it (PyEval_EvalCode), so the
 * function watcher sees each module before its first line; its dict is then
 * watched. The dict watcher is called before each change, with the GIL held.
 * What CPython does not call it for: binding a name to the very object it is
 * bound to already.
 *
 * There are eight watchers of each kind in an interpreter; none is ever taken
 * from somebody else. CPython itself initialises signals (sigaction comes
 * through us) with the GIL held and before it runs any code: that is when ours
 * are taken. Modules that are there already when it is later are met then.
 *
 * A subinterpreter with a GIL of its own (3.12) is left alone: the GIL is the
 * only lock here.
 */
#include "preload/python/dictwatch.h"

#include "preload/python/binding.h"
#include "preload/python/dict.h"
#include "preload/python/elf.h"
#include "preload/python/modules.h"
#include "preload/python/value.h"

/* PyDict_WatchEvent and PyFunction_WatchEvent, of which we know these. */
enum { DICT_ADDED, DICT_MODIFIED, DICT_DELETED, DICT_CLONED, DICT_CLEARED, DICT_DEALLOCATED };
enum { FUNCTION_CREATE, FUNCTION_DESTROY };

typedef int (*dict_callback)(int event, void *dict, void *key, void *value);
typedef int (*function_callback)(int event, void *function, void *value);

/* clang-format off */
#define FUNCTIONS(X)                                            \
    X(int, PyDict_AddWatcher, (dict_callback callback))         \
    X(int, PyDict_ClearWatcher, (int watcher))                  \
    X(int, PyDict_Watch, (int watcher, void *dict))             \
    X(int, PyFunction_AddWatcher, (function_callback callback)) \
    X(int64_t, PyInterpreterState_GetID, (void *interpreter))   \
    X(void *, PyImport_GetModuleDict, (void))                   \
    X(void *, PyModule_GetDict, (void *module))
#define OBJECTS(X) X(PyModule_Type)
/* clang-format on */
ELF_API(FUNCTIONS, OBJECTS)

#define INTERPRETERS 64
static struct interpreter {
    const void *state; /* its address is used again, */
    int64_t id;        /* its number only when the whole runtime starts again */
    int watcher;       /* of dicts; -1: not watched */
} interpreters[INTERPRETERS];
static unsigned interpreter_count;
const void *dictwatch_met;

static const void *interpreter_now(void) { return py_read(python.current(), python.layout->ts_interp); }

static struct interpreter *find(const void *state)
{
    int64_t id = api.PyInterpreterState_GetID((void *)(uintptr_t)state);
    for (struct interpreter *i = interpreters; i < interpreters + interpreter_count; i++)
        if (i->state == state && i->id == id) return i;
    return NULL;
}

/* --- modules -------------------------------------------------------------------------------- */

/* It has just become known as a module's, if it is one of the program's own. */
static void watch(const void *dict)
{
    const struct interpreter *interpreter = find(interpreter_now());
    if (!interpreter || interpreter->watcher < 0 || !module_of(dict)) return;
    void *type, *value, *traceback;
    python.PyErr_Fetch(&type, &value, &traceback);
    api.PyDict_Watch(interpreter->watcher, (void *)(uintptr_t)dict);
    python.PyErr_Restore(type, value, traceback);
}

/* A module that was imported before we could watch. */
static void meet_module(const void *module)
{
    if (!py_is(module, api.PyModule_Type)) return;
    const void *dict = api.PyModule_GetDict((void *)(uintptr_t)module);
    struct dict_entries entries;
    char file[512] = "<string>"; /* python -c */
    if (!dict || module_of(dict)) return;
    uint32_t at = dict_find(dict, "__file__");
    if (at != DICT_NONE && dict_entries_of(py_read(dict, MA_KEYS), &entries))
        file[py_text(dict_entry(&entries, at)->value, file, sizeof file - 1)] = 0;
    module_met(dict, file);
    watch(dict);
}

static void meet_modules(void)
{
    struct dict_entries entries;
    const void *modules = api.PyImport_GetModuleDict();
    if (!py_is(modules, python.PyDict_Type) || !dict_entries_of(py_read(modules, MA_KEYS), &entries)) return;
    for (uint32_t i = 0; i < entries.count; i++) meet_module(dict_entry(&entries, i)->value);
}

/* --- the watchers --------------------------------------------------------------------------- */

/* The runtime ends, and its watchers with it; it may be started again. */
static void ended(void)
{
    interpreter_count = 0;
    python.gil = NULL;
    python_gil_given = NULL;
    modules_over();
    dictwatch_met = &dictwatch_met; /* not any's address */
}

static int on_dict(int event, void *dict, void *key, void *value)
{
    if (event <= DICT_DELETED) {
        if (py_is(key, python.PyUnicode_Type))
            binding(dict, key, (int64_t)(intptr_t)py_read(key, STR_HASH), value);
    } else if (event != DICT_CLONED)
        module_gone(dict);
    return 0;
}

static int on_function(int event, void *function, void *value)
{
    if (event == FUNCTION_DESTROY && unlikely(python.finalizing())) ended();
    if (event != FUNCTION_CREATE) return 0;
    const void *code = py_read(function, FUNCTION_CODE), *globals = py_read(function, FUNCTION_GLOBALS);
    const void *name = py_read(code, python.layout->co_qualname);
    if (py_read(name, STR_LENGTH) != (const void *)8 || module_of(globals)) return 0; /* "<module>" */
    python_eval(code, globals, globals);
    watch(globals);
    return 0;
}

/* --- start ---------------------------------------------------------------------------------- */

static int take_watchers(void)
{
    void *type, *value, *traceback;
    python.PyErr_Fetch(&type, &value, &traceback);
    int watcher = api.PyDict_AddWatcher(on_dict);
    if (watcher >= 0 && api.PyFunction_AddWatcher(on_function) < 0) {
        api.PyDict_ClearWatcher(watcher);
        watcher = -1;
    }
    python.PyErr_Restore(type, value, traceback);
    if (watcher < 0) self_note(FT_NOTE_PYTHON_WATCHERS, NULL);
    return watcher;
}

/* Does every thread that runs in it take the GIL that protects our tables, the main interpreter's? */
static bool shares_gil(const void *state)
{
    int32_t at = python.layout->interp_gil;
    const void *main = python.PyInterpreterState_Main();
    const char *gil = main ? py_read(main, at) : NULL;
    if (!gil || py_read(state, at) != gil) return false;
    python.gil = gil;
    python_gil_given = gil + GIL_CONDITION;
    return true;
}

void dictwatch_meet(const void *state)
{
    if (self.vforked || self_shared_tls || python.current() != state || python.finalizing()) return;
    const void *interpreter = py_read(state, python.layout->ts_interp);
    if (!shares_gil(interpreter)) {
        self_note(FT_NOTE_PYTHON_OWN_GIL, NULL);
        return;
    }
    if (!find(interpreter)) {
        if (interpreter_count == INTERPRETERS) {
            self_note(FT_NOTE_PYTHON_FULL, "interpreters");
            return;
        }
        interpreters[interpreter_count] = (struct interpreter){
            interpreter, api.PyInterpreterState_GetID((void *)(uintptr_t)interpreter), take_watchers()};
        if (interpreters[interpreter_count++].watcher >= 0) meet_modules();
    }
    dictwatch_met = interpreter;
}

bool dictwatch_start(const struct link_map *map)
{
    /* without MADV_WIPEONFORK (4.14) we could not tell whose a slot is */
    if ((uintptr_t)self_alive & (FT_PAGE - 1)) {
        self_note(FT_NOTE_PYTHON_UNPATCHED, "on Linux before 4.14");
        return false;
    }
    bool all = api_find(map) && value_init(map) && modules_init(map);
    if (all)
        ended();
    else
        self_note(FT_NOTE_PYTHON_UNPATCHED, "built without dict watchers");
    return all;
}
