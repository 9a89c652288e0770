/*
 * pymodule.h: is a dict of another process the globals of one of its modules?
 * Looked up in its memory: in sys.modules of its interpreter (CPython 3.11).
 */
#ifndef FT_EBPF_PYMODULE_H
#define FT_EBPF_PYMODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PY_FILE 512

struct py_module {
    char name[64]; /* __name__ */
    char file[PY_FILE];
    uint64_t dict, name_object; /* what __name__ is bound to */
};

/* A str in UTF-8: the characters of a compact one of this STR_STATE, of which `size` bytes are there. */
void pymodule_text(uint32_t state, const char *letters, size_t size, size_t length, char *out, size_t room);

/* PY_GONE: not known. It ended, may not be looked at, or would not keep still while it was. */
enum py_answer { PY_NO, PY_YES, PY_GONE };

/* PY_YES: *module is filled in; no file: "". */
enum py_answer pymodule_look(pid_t pid, uint64_t interpreter, uint64_t dict, struct py_module *module);

/* The name of a type, "" if it cannot be read. */
void pymodule_type(pid_t pid, uint64_t type, char *name, size_t room);

/*
 * Each module of the main interpreter, whose _PyRuntime this is, that has bound anything: is it wanted?
 * PY_YES: one was. Not all of it was seen from its begin, then.
 */
enum py_answer pymodule_each(pid_t pid, uint64_t runtime,
                             bool (*wanted)(void *context, const struct py_module *module), void *context);

#endif
