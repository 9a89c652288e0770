/*
 * names.c: what Python calls a thread, and the function behind a handler.
 */
#include "preload/python/runtime.h"

#include <string.h>

static bool from_python(uint64_t site)
{
    return python.layout && site - python.start < python.end - python.start;
}

ft_ref python_stack_from(uint64_t site) { return from_python(site) ? python_stack() : 0; }

/*
 * An attribute as object.__getattribute__ finds it: runs no code of the
 * program's (its own __getattr__ is not asked). GIL held. A bound method is
 * made for us and gone again at once, so the function in it is returned, which
 * its class keeps; anything else is kept by the object.
 */
static const void *attribute(const void *object, const char *name)
{
    void *type, *value, *traceback;
    python.PyErr_Fetch(&type, &value, &traceback);
    void *key = python.PyUnicode_InternFromString(name);
    void *found = key ? python.PyObject_GenericGetAttr((void *)(uintptr_t)object, key) : NULL;
    python.PyErr_Restore(type, value, traceback);
    const void *result = py_is(found, python.PyMethod_Type) ? py_read(found, METHOD_FUNCTION) : found;
    if (key) python.Py_DecRef(key);
    if (found) python.Py_DecRef(found);
    return result;
}

/* CPython 3.11-3.13: pthread_create's argument is {function, boot}, boot is {state, callable, ...}. */
void python_thread(ft_ref thread, uint64_t site, void *argument)
{
    if (!thread || !from_python(site) || !argument || self.vforked || !py_holds_gil()) return;
    const void *boot = py_read(argument, 8);
    const void *callable = boot ? py_read(boot, 8) : NULL;
    if (!callable) return;
    ft_ref name = 0;
    if (py_is(callable, python.PyMethod_Type)) { /* threading.Thread._bootstrap of this object */
        const void *object = py_read(callable, METHOD_SELF), *code = NULL;
        const void *function = py_read(callable, METHOD_FUNCTION);
        char qualname[32] = "";
        if (py_is(function, python.PyFunction_Type)) code = py_read(function, FUNCTION_CODE);
        if (py_is(code, python.PyCode_Type))
            qualname[py_text(py_read(code, python.layout->co_qualname), qualname, sizeof qualname - 1)] = 0;
        if (!strcmp(qualname, "Thread._bootstrap")) {
            name = py_string(attribute(object, "_name"));
            callable = attribute(object, "_target");
            if (!py_is(callable, python.PyFunction_Type))
                callable = attribute(object, "run"); /* a subclass */
        }
    }
    ft_ref function = callable ? py_function(callable) : 0;
    struct ft_py_thread *record = ft_begin(&ft, FT_PY_THREAD, sizeof *record, self.task);
    if (!record) return;
    record->thread = thread;
    record->name = name;
    record->function = function;
    ft_commit(record);
}

/*
 * _signal.signal() stores the callable only after its sigaction(): it is still
 * an argument of Lib/signal.py's wrapper, the second local of its frame.
 */
ft_ref python_handler(uint64_t site)
{
    if (!from_python(site)) return 0;
    const void *state = py_thread_state();
    const void *frame = state ? py_frame(state) : NULL;
    const void *code = frame ? py_frame_code(frame) : NULL;
    if (!code) return 0;
    char name[16], file[512];
    size_t n = py_text(py_read(code, python.layout->co_qualname), name, sizeof name);
    size_t f = py_text(py_read(code, python.layout->co_filename), file, sizeof file);
    if (n != 6 || memcmp(name, "signal", 6) || f < 10 || memcmp(file + f - 10, "/signal.py", 10)) return 0;
    return py_function(py_read(frame, python.layout->f_locals + 8));
}
