/*
 * names.c: what Python calls a thread, and the function behind a handler.
 */
#include "preload/python/runtime.h"

#include <string.h>

static bool from_python(uint64_t site)
{
    return python.layout && site - python.start < python.end - python.start;
}

ft_ref python_stack_at(uint64_t site) { return from_python(site) ? python_stack() : 0; }

static void *key(const char *name) { return python.PyUnicode_InternFromString(name); }

/*
 * What an object's own attribute is, unless its class has one of that name,
 * which might be a property: then finding out would run code of the program's.
 * GIL held. The object keeps it.
 */
static const void *own_attribute(const void *object, const char *name)
{
    void *type, *value, *traceback;
    python.PyErr_Fetch(&type, &value, &traceback);
    void *attribute = key(name);
    void *found = NULL;
    if (attribute && !python._PyType_Lookup((void *)(uintptr_t)py_read(object, OB_TYPE), attribute))
        found = python.PyObject_GenericGetAttr((void *)(uintptr_t)object, attribute);
    python.PyErr_Restore(type, value, traceback);
    if (attribute) python.Py_DecRef(attribute);
    if (found) python.Py_DecRef(found);
    return found;
}

/* A function of its class, as it stands there. */
static const void *method(const void *object, const char *name)
{
    void *attribute = key(name);
    const void *found =
        attribute ? python._PyType_Lookup((void *)(uintptr_t)py_read(object, OB_TYPE), attribute) : NULL;
    if (attribute) python.Py_DecRef(attribute);
    return found;
}

const void *py_bootstrapped(const void *callable)
{
    if (!py_is(callable, python.PyMethod_Type)) return NULL;
    const void *function = py_read(callable, METHOD_FUNCTION), *code = NULL;
    char qualname[32] = "";
    if (py_is(function, python.PyFunction_Type)) code = py_read(function, FUNCTION_CODE);
    if (py_is(code, python.PyCode_Type))
        qualname[py_text(py_read(code, python.layout->co_qualname), qualname, sizeof qualname - 1)] = 0;
    return strcmp(qualname, "Thread._bootstrap") ? NULL : py_read(callable, METHOD_SELF);
}

ft_ref py_thread_name(const void *thread, const void **target)
{
    const void *callable = own_attribute(thread, "_target");
    if (!py_is(callable, python.PyFunction_Type) && !py_is(callable, python.PyMethod_Type))
        callable = method(thread, "run"); /* a subclass */
    if (callable) *target = callable;
    return py_string(own_attribute(thread, "_name"));
}

/* CPython 3.11-3.14: pthread_create's argument is {function, boot}, boot is {state, callable, ...}. */
void python_thread(ft_ref thread, uint64_t site, void *argument)
{
    if (!thread || !from_python(site) || !argument || self.vforked || !py_here() || !py_holds_gil()) return;
    const void *boot = py_read(argument, 8);
    const void *callable = boot ? py_read(boot, 8) : NULL;
    if (!callable) return;
    ft_ref name = 0;
    const void *object = py_bootstrapped(callable);
    if (object) {
        alive_module(py_read(callable, METHOD_FUNCTION));
        name = py_thread_name(object, &callable);
    }
    renames_told(object, thread, name, py_function(callable));
}

/*
 * _signal.signal() stores the callable only after its sigaction(): it is still
 * an argument of Lib/signal.py's wrapper, the second local of its frame.
 */
ft_ref python_handler_at(uint64_t site)
{
    if (!from_python(site) || !py_here()) return 0;
    const void *state = py_thread_state();
    const void *frame = state ? py_frame(state) : NULL;
    const void *code = frame ? py_frame_code(frame) : NULL;
    if (!code) return 0;
    char name[16], file[512];
    size_t n = py_text(py_read(code, python.layout->co_qualname), name, sizeof name);
    size_t f = py_text(py_read(code, python.layout->co_filename), file, sizeof file);
    if (n != 6 || memcmp(name, "signal", 6) || f < 10 || memcmp(file + f - 10, "/signal.py", 10)) return 0;
    return py_function(py_untagged(py_read(frame, python.layout->f_locals + 8)));
}
