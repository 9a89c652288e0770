/*
 * runtime.h: the interpreter of this process: its functions and its layout.
 * Inside preload/python/ only.
 */
#ifndef PYTHON_RUNTIME_H
#define PYTHON_RUNTIME_H

#include <stddef.h>

#include "preload/python/layouts.h"
#include "preload/python/python.h"

/* clang-format off */
#define PY_FUNCTIONS(X)                                                     \
    X(void *, PyGILState_GetThisThreadState, (void))                        \
    X(int, PyCode_Addr2Line, (void *code, int byte))                        \
    X(void *, PyObject_GenericGetAttr, (void *object, void *name))          \
    X(void *, _PyType_Lookup, (void *type, void *name))                     \
    X(void *, PyUnicode_InternFromString, (const char *text))               \
    X(void, PyErr_Fetch, (void **type, void **value, void **traceback))     \
    X(void, PyErr_Restore, (void *type, void *value, void *traceback))      \
    X(void *, PySys_GetObject, (const char *name))                          \
    X(void *, PyInterpreterState_Main, (void))                              \
    X(void, Py_DecRef, (void *object))
#define PY_TYPES(X) X(PyCode_Type) X(PyMethod_Type) X(PyFunction_Type) X(PyUnicode_Type) X(PyLong_Type) X(PyDict_Type) X(PyModule_Type)
/* clang-format on */

struct python {
    const struct py_layout *layout; /* NULL: no interpreter, or not one we know */
    uint64_t start, end;            /* of the object it lies in */
    void *(*current)(void);         /* the thread state that holds the GIL, unchecked */
    int (*finalizing)(void);
    const struct link_map *map;
    const char *runtime;       /* _PyRuntime, or NULL */
    const void *const *holder; /* where 3.11 keeps the thread state that holds the GIL; NULL: not proved */
    const char *gil;           /* from 3.12 on: the main interpreter's, once that is watched */
    const void *one_digit;     /* the layout's, as a word to compare with */
#define X(result, name, parameters) result(*name) parameters;
    PY_FUNCTIONS(X)
#undef X
#define X(name) const void *name;
    PY_TYPES(X)
#undef X
};
extern struct python python;

/* An interpreter we know, still loaded (a plugin's may be unloaded with it). Async-signal-safe. */
bool py_here(void);

static inline const void *py_read(const void *object, int offset)
{
    return *(const void *const *)((const char *)object + offset);
}
static inline uint32_t py_read32(const void *object, int offset)
{
    return *(const uint32_t *)(const void *)((const char *)object + offset);
}
/* A _PyStackRef of 3.14 has flags in its lowest bits, where pointers of the others have none. */
static inline const void *py_untagged(const void *reference)
{
    return (const void *)((uintptr_t)reference & ~(uintptr_t)7);
}
static inline bool py_is(const void *object, const void *type)
{
    return object && py_read(object, OB_TYPE) == type;
}

/* Compare what we believe of _PyRuntime's layout with what the interpreter says. GIL held. */
void py_prove(void);
/* Nobody holds the GIL, and there is no other thread that could take it. */
bool py_at_rest(void);
/* The same as python.current(), inlined where current.c can. */
extern __thread void *const *py_current_at __attribute__((tls_model("initial-exec")));
static inline const void *py_current(void)
{
    return likely(py_current_at) ? *py_current_at : python.current();
}
/* A function that returns what `slow`, CPython's own, returns; `slow` itself if there is none. */
void *(*py_current_fast(void *(*slow)(void)))(void);

/* The thread state of the calling thread, NULL if it has none. */
const void *py_thread_state(void);
/* Whether the calling thread holds the GIL. */
bool py_holds_gil(void);
/* The innermost Python frame of a thread state, or NULL. */
const void *py_frame(const void *state);
/* The next one outwards. */
const void *py_frame_back(const void *frame);
/* Its code object; NULL: not a Python frame. */
const void *py_frame_code(const void *frame);
/* The line being executed, 0 unknown. */
uint32_t py_frame_line(const void *frame, const void *code);

/* A thread is about to be started by Thread._bootstrap, a function: from there on alive.c knows the module.
 * GIL held. */
void alive_module(const void *bootstrap);
/* Which threads Python believes to be alive, if that is known. Pointers are tried before they are followed.
 */
void alive_tell(uint32_t when);
/* The dict threading._active, NULL if it is not known. GIL held. */
const void *alive_active(void);
/* What Python calls a thread: FT_PY_THREAD. `object`: its threading.Thread, or NULL. */
void renames_told(const void *object, ft_ref thread, ft_ref name, ft_ref function);
/* Again, of those whose name has changed. GIL held, by a thread the interpreter is in order for. */
void renames_look(void);
extern bool python_over; /* the interpreter is being finalised, or was */

/* The characters of a str, of *kind bytes each; NULL: one that keeps them elsewhere. */
const uint8_t *py_characters(const void *string, size_t *length, uint32_t *kind);
/* A str in UTF-8, cut to `room`; returns the length. */
size_t py_text(const void *string, char *buffer, size_t room);
/* The same, as an interned FT_STRING. */
ft_ref py_string(const void *string);
/* FT_PY_FUNCTION of a function or bound method; 0 for anything else. */
ft_ref py_function(const void *callable);
/* The same of a code object. */
ft_ref py_code(const void *code);
/* FT_PY_STACK of a frame and those outwards, interned. */
ft_ref py_stack(const void *first);

/*
 * The threading.Thread behind a callable that is its bound _bootstrap, else NULL;
 * and what it is called and runs (*target: itself if that is not known). GIL held.
 */
const void *py_bootstrapped(const void *callable);
ft_ref py_thread_name(const void *thread, const void **target);

#endif
