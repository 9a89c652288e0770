/*
 * record.h: what forktrace.bpf.c puts into the ring buffer and write.c takes
 * out. Not a file format: both sides are built together.
 *
 * Pids and tids here are those of forktrace-ebpf's own pid namespace, where
 * nothing else is said. Times are bpf_ktime_get_ns(): CLOCK_MONOTONIC.
 */
#ifndef FT_EBPF_RECORD_H
#define FT_EBPF_RECORD_H

#include <linux/types.h>

enum event_kind {
    EVENT_TASK = 1,
    EVENT_EXEC,
    EVENT_EXIT,
    EVENT_KILL,
    EVENT_SIGNAL,
    EVENT_SIGACTION,
    EVENT_SIGMASK,
    EVENT_WAIT,
    EVENT_CALL,
    EVENT_MAPPED,
    EVENT_CODE,
    EVENT_MODULE,
    EVENT_BOUND,
    EVENT_STORE
};

struct event {
    __u32 kind; /* enum event_kind */
    __u32 tid;  /* who: EVENT_TASK the creator, EVENT_KILL the sender; 0 outside the tree */
    __u64 ns;
};

struct event_task {
    struct event head;
    __u64 start;            /* CLOCK_BOOTTIME ns */
    __u32 pid, tid;         /* of the new one */
    __u32 own_pid, own_tid; /* in its own namespace */
    __u32 flags;            /* CLONE_* */
    __u8 exit_signal;
    __u8 how;    /* enum ft_kernel_birth */
    __u8 forked; /* it has executed nothing since it was forked */
    __u8 pad;
};

#define PATH_ROOM    256
#define PRELOAD_ROOM 512
#define ARGV_ROOM    1024

struct event_exec {
    struct event head;
    __u64 image;     /* its name in the map `covered` */
    __u32 secure;    /* the new image runs with other rights (AT_SECURE) */
    __u32 argv_size; /* bytes in argv: one NUL after each */
    __u32 env_known; /* the environment was looked through */
    __u32 pad;
    char path[PATH_ROOM];       /* as called */
    char preload[PRELOAD_ROOM]; /* "LD_PRELOAD=..."; "": not in its environment */
    char argv[ARGV_ROOM];
};

struct event_exit {
    struct event head;
    __u64 cpu_ns;
    __s32 status;
    __u8 last, how, out_of_memory, pad;
    char name[16];
};

struct event_kill {
    struct event head;
    __u32 sender_pid; /* 0: the kernel itself */
    __u32 target_pid, target_tid;
    __u32 target_in_tree;
    __s32 code;
    __u8 signal, group, result, pad;
    char name[16]; /* the sender's */
};

struct event_signal {
    struct event head;
    __u64 handler;
    __u32 sender_pid;
    __s32 code;
    __u32 signal;
    __u32 pad;
};

/* Of processes the library is not known to be in. Times of these are of the call's end. */
struct event_sigaction {
    struct event head;
    __u64 old_handler, new_handler, mask;
    __u32 flags, signal;
};

struct event_sigmask {
    struct event head;
    __u64 old_mask, new_mask;
    __u32 how, pad;
};

struct event_wait {
    struct event head;
    __u64 since, address;
    __u32 timed;      /* it has a time limit */
    __u32 unfinished; /* the thread ends in it */
};

struct system_call { /* that has not returned: the map `calls` */
    __u64 since;
    __u64 old;     /* handler or mask */
    __u64 address; /* of the futex */
    __u32 number, argument;
    __u32 tid, timed;
};

#define CALL_STACK 8192 /* of the stack that is copied, in pieces: it may end sooner */
#define CALL_PIECE 512

struct event_call { /* a function has just been entered; head.tid: by whom */
    struct event head;
    __u64 what;  /* probes.h */
    __u64 image; /* member.image */
    __u64 site;  /* the return address */
    __u64 ip, sp, bp, bx, r12, r13, r14, r15;
    __u64 first, third; /* arguments */
    __u32 pid, size;    /* bytes in stack, from sp on */
    char stack[CALL_STACK];
};

struct event_mapped { /* a file was mapped to run code of it; only where Python's globals are watched */
    struct event head;
    __u64 address, image;
    __u32 pid, pad;
};

/* --- CPython 3.11, in processes the library is not in ------------------------------------------- */

#define WATCHES     8
#define NAME_ROOM   64  /* with a NUL */
#define OBJECT_ROOM 400 /* a text of 80 letters, four bytes each */

struct watched_name {
    char name[NAME_ROOM]; /* zero-filled */
    __u32 any;            /* every name */
};

/* clang-format off */
/* The types that are known by their address. Their names lie in pages that a fork child may not have yet. */
#define PYTHON_TYPES(X)                                                                          \
    X(PyLong_Type) X(_PyNone_Type) X(PyBool_Type) X(PyFloat_Type) X(PyUnicode_Type)              \
    X(PyBytes_Type) X(PyList_Type) X(PyTuple_Type) X(PyDict_Type) X(PySet_Type)                  \
    X(PyFunction_Type) X(PyCFunction_Type) X(PyType_Type) X(PyModule_Type) X(PyCode_Type)
enum python_type {
#define X(symbol) IS_##symbol,
    PYTHON_TYPES(X)
#undef X
    PYTHON_TYPE_COUNT
};
/* clang-format on */

#define PYTHONS   32 /* files with one */
#define PY_PLACES 3

struct python_file { /* addresses in the ELF file; 0: none */
    __u64 places[PY_PLACES];
    __u64 runtime; /* _PyRuntime */
    __u64 types[PYTHON_TYPE_COUNT];
};
#define PY_COOKIE(file, place, deletes) ((__u64)(file) << 8 | (place) << 1 | (deletes)) /* of a probe */

struct object {        /* the first bytes of a Python object, and of which type it is */
    __u64 address;     /* 0: there is none */
    __u64 type;        /* its address; 0: known */
    __u64 flags;       /* of the type, if it is not known */
    __u32 size, known; /* bytes that could be read; enum python_type + 1 */
    char name[40];     /* of the type, if it is not known; "": it could not be read */
    char bytes[OBJECT_ROOM];
};

#define LINES_ROOM 8192

struct event_code { /* a code object is met for the first time: where the lines of its instructions are */
    struct event head;
    __u64 image, code;
    __u32 pid, first_line;
    __u32 size, pad; /* bytes in lines: less than there are, if it is too long */
    char file[PATH_ROOM];
    char lines[LINES_ROOM]; /* co_linetable */
};

struct dict_key { /* a dict in one process; known again by its __name__, since addresses are used again */
    __u64 image, dict, name_object;
    __u32 pid, pad;
};

enum verdict {                /* of forktrace-ebpf on a dict */
               DICT_OTHER,    /* a module's that is not watched */
               DICT_WATCHED,  /* a watched module's */
               DICT_UNPROVEN, /* no module's: but it may become one */
};

#define FILE_ROOM  1024
#define FILE_PIECE 64

struct event_module { /* a dict that was not judged yet is a module's: in sys.modules by its __name__ */
    struct event head;
    struct dict_key key;
    __u32 state, length;  /* of `file`: its kind, and how many characters it really has */
    __u32 size, pad;      /* bytes in file */
    char name[NAME_ROOM]; /* __name__ */
    char file[FILE_ROOM]; /* the characters of __file__, or of the file of the code that runs */
};

enum {
    BOUND_KNOWN = 1,      /* the dict was judged before: it is a watched module's */
    BOUND_IN_GLOBALS = 2, /* the code that runs has this dict for its globals, */
    BOUND_AT_TOP = 4,     /* and for its locals: a module's own top level */
    BOUND_FINALIZING = 8, /* the interpreter is */
    BOUND_FRAME = 16,     /* Python code runs: `code` at `instruction` */
    BOUND_MODULE = 32,    /* an EVENT_MODULE was told of this dict */
};

struct event_bound { /* a name of a dict that looks like a module's is about to be bound, or unbound */
    struct event head;
    __u64 image, dict, name_object; /* what its __name__ is bound to */
    __u64 interpreter, code, instruction;
    __u32 pid, flags;
    char name[NAME_ROOM], module[NAME_ROOM]; /* module: __name__ */
    struct object value, old;                /* no value: it is deleted */
};

struct event_store { /* just done; head.tid: by whom */
    struct event head;
    __u64 image; /* member.image */
    __u64 address, value;
    __u64 after; /* where the task is */
    __u64 di;    /* a register that a repeated store counts with */
    __u32 pid;
    __u32 number; /* of a probe, in the map `stores`; 0: the processor's breakpoint */
    __u32 alone;  /* its process has no other threads */
    __u32 kernel; /* 1: the kernel stored it, 2: in rounds, of which this may not be the last */
};

#define STORES       4096       /* probes; number 0 is none */
#define STORE_BEGINS (1u << 31) /* in a cookie: it is on the store, not behind it */
struct store_place {
    __s64 distance; /* from the probe to what is stored to */
    __u64 guarded;  /* counts only after the one on the store */
};

enum lost_why { LOST_RING, LOST_TREE, LOST_PYTHON, LOST_WHYS };

#endif
