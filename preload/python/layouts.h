/*
 * layouts.h: where CPython keeps what we read, by version. Offsets in bytes,
 * read from the public headers of each version (Include/cpython/pystate.h,
 * Include/internal/pycore_frame.h, Include/cpython/code.h, unicodeobject.h) and
 * proved by tests/scenarios against the interpreters on the machine.
 *
 * 3.13 dropped _PyCFrame (the thread state points to the frame itself: cframe
 * NONE) and keeps the instruction being executed instead of the one before.
 */
#ifndef PYTHON_LAYOUTS_H
#define PYTHON_LAYOUTS_H

#include <stdint.h>

#define NO_CFRAME (-1)

struct py_layout {
    uint32_t version;                          /* PY_VERSION_HEX >> 16 */
    int16_t ts_cframe, ts_frame, ts_thread_id; /* PyThreadState; ts_frame: in the cframe if there is one */
    int16_t f_code, f_instr, f_previous, f_owner, f_locals;    /* _PyInterpreterFrame */
    int16_t co_filename, co_qualname, co_firstlineno, co_code; /* PyCodeObject */
    int16_t str_ascii, str_compact; /* where the characters of a compact str begin */
    int16_t owner_cstack;           /* f_owner of a frame that is no Python frame; -1 none */
};

/* clang-format off */
static const struct py_layout py_layouts[] = {
    /* version cframe frame tid  code instr prev owner loc  file qual first code  ascii compact cstack */
    {0x030b,   56,    8,    152, 32,  56,   48,  69,   72,  112, 128, 72,   184,  48,   72,     -1},
    {0x030c,   56,    0,    136, 0,   56,   8,   70,   72,  112, 128, 68,   192,  40,   56,     3},
    {0x030d,   NO_CFRAME, 72, 152, 0, 56,   8,   70,   72,  112, 128, 68,   200,  40,   56,     3},
};
/* clang-format on */

/* PyObject, PyUnicode, PyMethodObject, PyFunctionObject: the same in all of them */
enum {
    OB_TYPE = 8,
    STR_LENGTH = 16,
    STR_HASH = 24,
    STR_STATE = 32,
    METHOD_FUNCTION = 16,
    METHOD_SELF = 24,
    FUNCTION_CODE = 48
};

/* 3.11 only, where globals are watched by patching */
enum {
    TS_CFRAME_311 = 56,
    CFRAME_FRAME_311 = 8,
    F_CODE_311 = 32,
    F_INSTR_311 = 56,
    F_GLOBALS_311 = 8,
    F_LOCALS_311 = 24,
    TS_INTERP_311 = 16,
    INTERP_FINALIZING_311 = 84,
    RUNTIME_CURRENT_311 = 576
};

#endif
