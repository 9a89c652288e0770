/*
 * layouts.c: compiled against the headers of one CPython: prints each offset
 * of preload/python/layouts.h that is another one there. From 3.13 on the
 * description that _PyRuntime begins with is built by its field names and
 * given to py_layout_of, which only knows their order.
 */
#define Py_BUILD_CORE 1
#include <Python.h>

#include "pycore_code.h"
#include "pycore_dict.h"
#include "pycore_frame.h"
#include "pycore_interp.h"
#include "pycore_runtime.h"

#undef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#include "preload/python/dict.h"
#include "preload/python/layouts.c"

#define FRAME struct _PyInterpreterFrame
#if PY_VERSION_HEX < 0x030c0000
#define LONG_WORD   offsetof(PyVarObject, ob_size)
#define LONG_DIGITS offsetof(PyLongObject, ob_digit)
#define F_CODE      f_code
#define F_INSTR     prev_instr
#define F_NONE      127
#define ONE_DIGIT   1
#else
#define LONG_WORD   offsetof(PyLongObject, long_value.lv_tag)
#define LONG_DIGITS offsetof(PyLongObject, long_value.ob_digit)
#define F_NONE      3 /* FRAME_OWNED_BY_CSTACK, of 3.14 FRAME_OWNED_BY_INTERPRETER */
#define ONE_DIGIT   (1 << 3)
#if PY_VERSION_HEX < 0x030d0000
#define F_CODE  f_code
#define F_INSTR prev_instr
#else
#define F_CODE  f_executable
#define F_INSTR instr_ptr
#endif
#endif

#if PY_VERSION_HEX >= 0x030d0000
static const void *description(void)
{
    static _Py_DebugOffsets d = {.version = PY_VERSION_HEX};
    memcpy(d.cookie, "xdebugpy", 8);
    d.interpreter_state.ceval_gil = offsetof(PyInterpreterState, ceval.gil);
    d.thread_state.interp = offsetof(PyThreadState, interp);
    d.thread_state.current_frame = offsetof(PyThreadState, current_frame);
    d.thread_state.thread_id = offsetof(PyThreadState, thread_id);
    d.interpreter_frame.previous = offsetof(FRAME, previous);
    d.interpreter_frame.executable = offsetof(FRAME, f_executable);
    d.interpreter_frame.instr_ptr = offsetof(FRAME, instr_ptr);
    d.interpreter_frame.localsplus = offsetof(FRAME, localsplus);
    d.interpreter_frame.owner = offsetof(FRAME, owner);
    d.code_object.filename = offsetof(PyCodeObject, co_filename);
    d.code_object.qualname = offsetof(PyCodeObject, co_qualname);
    d.code_object.firstlineno = offsetof(PyCodeObject, co_firstlineno);
    d.code_object.co_code_adaptive = offsetof(PyCodeObject, co_code_adaptive);
    d.pyobject.ob_type = offsetof(PyObject, ob_type);
    d.type_object.tp_name = offsetof(PyTypeObject, tp_name);
    d.tuple_object.ob_size = offsetof(PyVarObject, ob_size);
    d.dict_object.ma_keys = offsetof(PyDictObject, ma_keys);
    d.float_object.ob_fval = offsetof(PyFloatObject, ob_fval);
    d.long_object.lv_tag = LONG_WORD;
    d.long_object.ob_digit = LONG_DIGITS;
    d.bytes_object.ob_sval = offsetof(PyBytesObject, ob_sval);
    d.unicode_object.state = offsetof(PyASCIIObject, state);
    d.unicode_object.length = offsetof(PyASCIIObject, length);
    d.unicode_object.asciiobject_size = sizeof(PyASCIIObject);
    return &d;
}
#else
static const void *description(void) { return NULL; }
#endif

#define SAME(ours, theirs)              \
    if ((long)(ours) != (long)(theirs)) \
    printf("%s: ours %ld, theirs %ld\n", #ours, (long)(ours), (long)(theirs))

int main(void)
{
    const char *why = "";
    const struct py_layout *l = py_layout_of(PY_VERSION_HEX >> 16, description(), &why);
    if (!l) return printf("declined: %s\n", why), 0;
#if PY_VERSION_HEX < 0x030d0000
    SAME(l->ts_cframe, offsetof(PyThreadState, cframe));
    SAME(l->ts_frame, offsetof(_PyCFrame, current_frame));
#else
    SAME(l->ts_cframe, NO_CFRAME);
    SAME(l->ts_frame, offsetof(PyThreadState, current_frame));
#endif
    SAME(l->ts_thread_id, offsetof(PyThreadState, thread_id));
    SAME(l->ts_interp, offsetof(PyThreadState, interp));
    SAME(l->f_code, offsetof(FRAME, F_CODE));
    SAME(l->f_instr, offsetof(FRAME, F_INSTR));
    SAME(l->f_previous, offsetof(FRAME, previous));
    SAME(l->f_owner, offsetof(FRAME, owner));
    SAME(l->f_locals, offsetof(FRAME, localsplus));
    SAME(l->f_globals, offsetof(FRAME, f_globals));
    SAME(l->f_namespace, offsetof(FRAME, f_locals));
    SAME(l->co_filename, offsetof(PyCodeObject, co_filename));
    SAME(l->co_qualname, offsetof(PyCodeObject, co_qualname));
    SAME(l->co_firstlineno, offsetof(PyCodeObject, co_firstlineno));
    SAME(l->co_code, offsetof(PyCodeObject, co_code_adaptive));
    SAME(l->str_ascii, sizeof(PyASCIIObject));
    SAME(l->str_compact, sizeof(PyCompactUnicodeObject));
    SAME(l->owner_none, F_NONE);
    SAME(l->one_digit, ONE_DIGIT);
#if PY_VERSION_HEX >= 0x030c0000
    SAME(l->interp_gil, offsetof(PyInterpreterState, ceval.gil));
    SAME(GIL_LOCKED, offsetof(struct _gil_runtime_state, locked));
    SAME(GIL_CONDITION, offsetof(struct _gil_runtime_state, cond));
    SAME(F_NONE, FRAME_OWNED_BY_FRAME_OBJECT + 1);
#else
    SAME(TS_INTERP_311, offsetof(PyThreadState, interp));
    SAME(TS_CFRAME_311, offsetof(PyThreadState, cframe));
    SAME(CFRAME_FRAME_311, offsetof(_PyCFrame, current_frame));
    SAME(INTERP_FINALIZING_311, offsetof(PyInterpreterState, finalizing));
    SAME(INTERP_MODULES_311, offsetof(PyInterpreterState, modules));
    SAME(RUNTIME_CURRENT_311, offsetof(_PyRuntimeState, gilstate.tstate_current));
#endif
    SAME(OB_TYPE, offsetof(PyObject, ob_type));
    SAME(OB_SIZE, offsetof(PyVarObject, ob_size));
    SAME(OB_SIZE, LONG_WORD);
    SAME(DIGITS, LONG_DIGITS);
    SAME(FLOAT_VALUE, offsetof(PyFloatObject, ob_fval));
    SAME(BYTES_DATA, offsetof(PyBytesObject, ob_sval));
    SAME(SET_USED, offsetof(PySetObject, used));
    SAME(TYPE_NAME, offsetof(PyTypeObject, tp_name));
    SAME(STR_LENGTH, offsetof(PyASCIIObject, length));
    SAME(STR_HASH, offsetof(PyASCIIObject, hash));
    SAME(STR_STATE, offsetof(PyASCIIObject, state));
    SAME(METHOD_FUNCTION, offsetof(PyMethodObject, im_func));
    SAME(METHOD_SELF, offsetof(PyMethodObject, im_self));
    SAME(FUNCTION_GLOBALS, offsetof(PyFunctionObject, func_globals));
    SAME(FUNCTION_CODE, offsetof(PyFunctionObject, func_code));
    SAME(MA_USED, offsetof(PyDictObject, ma_used));
    SAME(MA_KEYS, offsetof(PyDictObject, ma_keys));
    SAME(DK_LOG2_INDEX_BYTES, offsetof(PyDictKeysObject, dk_log2_index_bytes));
    SAME(DK_KIND, offsetof(PyDictKeysObject, dk_kind));
    SAME(DK_NENTRIES, offsetof(PyDictKeysObject, dk_nentries));
    SAME(DK_INDICES, offsetof(PyDictKeysObject, dk_indices));
    return 0;
}
