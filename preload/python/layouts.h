/*
 * layouts.h: where CPython keeps what we read, by version. Offsets in bytes,
 * read from the public headers of each version (Include/cpython/pystate.h,
 * Include/internal/pycore_frame.h, Include/cpython/code.h, unicodeobject.h) and
 * proved against the headers of the interpreters on the machine (scenario
 * "python layouts").
 *
 * 3.13 dropped _PyCFrame (the thread state points to the frame itself: cframe
 * NONE) and keeps the instruction being executed instead of the one before.
 * From 3.13 on _PyRuntime begins with a description of itself
 * (_Py_DebugOffsets): what it says is taken from there, and where it
 * contradicts what we take for granted, that interpreter is left alone.
 */
#ifndef PYTHON_LAYOUTS_H
#define PYTHON_LAYOUTS_H

#include <stdint.h>

#define NO_CFRAME (-1)
#define DESCRIBED 0 /* filled in from the description */

struct py_layout {
    uint32_t version;                                     /* PY_VERSION_HEX >> 16 */
    int32_t ts_cframe, ts_frame, ts_thread_id, ts_interp; /* PyThreadState; ts_frame: in the cframe, if any */
    int32_t f_code, f_instr, f_previous, f_owner, f_locals;    /* _PyInterpreterFrame */
    int32_t f_globals, f_namespace;                            /* its dicts */
    int32_t co_filename, co_qualname, co_firstlineno, co_code; /* PyCodeObject */
    int32_t str_ascii, str_compact; /* where the characters of a compact str begin */
    int32_t owner_none;             /* f_owner of a frame that is no Python frame: this and up */
    int32_t interp_gil;             /* PyInterpreterState: its GIL; 0 there is but one */
    int32_t one_digit; /* PyLongObject's size word of an int from 1 to 2^30-1: digits; or digits << 3 */
};

/* clang-format off */
static const struct py_layout py_layouts[] = {
    /* version cframe frame tid interp code instr prev owner loc globals names file qual first code  ascii compact none gil digit */
    {0x030b,   56,    8,    152, 16,   32,  56,   48,  69,   72, 8,      24,   112, 128, 72,   184,  48,   72,     127, 0,  1},
    {0x030c,   56,    0,    136, 16,   0,   56,   8,   70,   72, 24,     40,   112, 128, 68,   192,  40,   56,     3,   384, 8},
    {0x030d, NO_CFRAME, DESCRIBED, .f_globals = 24, .f_namespace = 40, .owner_none = 3, .one_digit = 8},
    {0x030e, NO_CFRAME, DESCRIBED, .f_globals = 24, .f_namespace = 40, .owner_none = 3, .one_digit = 8},
};

/*
 * The description: a cookie of 8 bytes, then 64-bit words; which of them (the
 * cookie is the first) says what in 3.13 and in 3.14.
 */
#define PY_DESCRIBED(X)                                                        \
    X(ts_interp, 22, 25)    X(ts_frame, 23, 26)       X(ts_thread_id, 24, 27)  \
    X(f_previous, 29, 32)   X(f_code, 30, 33)         X(f_instr, 31, 34)       \
    X(f_locals, 32, 35)     X(f_owner, 33, 36)        X(co_filename, 35, 40)   \
    X(co_qualname, 37, 42)  X(co_firstlineno, 39, 44) X(co_code, 43, 48)       \
    X(str_ascii, 70, 80)    X(interp_gil, 14, 15)
/* What is taken for granted everywhere, and the words that must say so. */
#define PY_GRANTED(X)                                                          \
    X(OB_TYPE, 45, 51)      X(TYPE_NAME, 47, 53)      X(OB_SIZE, 52, 58)       \
    X(MA_KEYS, 57, 67)      X(FLOAT_VALUE, 60, 70)    X(OB_SIZE, 62, 72)       \
    X(DIGITS, 63, 73)       X(BYTES_DATA, 66, 76)     X(STR_STATE, 68, 78)     \
    X(STR_LENGTH, 69, 79)
enum { PY_COOKIE, PY_HEX_VERSION, PY_FREE_THREADED };
/* clang-format on */

/* PyObject, PyUnicode, PyMethodObject, PyFunctionObject and the like: the same in all of them */
enum {
    OB_TYPE = 8,
    OB_SIZE = 16,
    DIGITS = 24,
    FLOAT_VALUE = 16,
    BYTES_DATA = 32,
    SET_USED = 24,
    TYPE_NAME = 24,
    STR_LENGTH = 16,
    STR_HASH = 24,
    STR_STATE = 32,
    METHOD_FUNCTION = 16,
    METHOD_SELF = 24,
    FUNCTION_GLOBALS = 16,
    FUNCTION_CODE = 48,
    MODULE_DICT = 16,
    MA_USED = 16,
    MA_KEYS = 32,
    MA_VALUES = 40
};

/* struct _gil_runtime_state of 3.12 and later */
enum { GIL_LOCKED = 16, GIL_CONDITION = 32 };

/* The layout of this version, whose _PyRuntime is `runtime` (NULL: not exported); or NULL and *why. */
const struct py_layout *py_layout_of(uint32_t version, const void *runtime, const char **why);

#if defined __aarch64__
#define MUTEX_SIZE 48 /* of a pthread_mutex_t: the GIL has two */
#else
#define MUTEX_SIZE 40
#endif

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
    INTERP_MODULES_311 = 888,
    RUNTIME_GIL_LOCKED_311 = 376,
    RUNTIME_CURRENT_311 = 496 + 2 * MUTEX_SIZE
};

#endif
