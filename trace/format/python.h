/*
 * python.h: records of CPython: functions, stacks, threads by name, module
 * globals. Part of ../format.h, which includes it.
 */
#ifndef FT_FORMAT_PYTHON_H
#define FT_FORMAT_PYTHON_H

struct ft_py_function {
    struct ft_head head;
    ft_ref name; /* its qualified name */
    ft_ref file;
    uint32_t line; /* its first */
    uint32_t pad;
};

struct ft_py_frame {
    ft_ref function; /* qualified name */
    ft_ref file;
    uint32_t line;
};

struct ft_py_stack {
    struct ft_head head;
    uint16_t count;
    uint16_t cut;
    uint32_t pad;
    struct ft_py_frame frame[]; /* innermost first */
};

struct ft_py_thread { /* what Python calls a thread it is about to create; again: it has another name since */
    struct ft_head head;
    ft_ref thread;   /* its FT_THREAD_CREATE */
    ft_ref name;     /* threading.Thread.name */
    ft_ref function; /* FT_PY_FUNCTION of its target; 0: run() of a subclass, or not a Python function */
    uint32_t pad;
};

/* What a global is bound to. `value` holds it, or a reference to its text. */
/* clang-format off */
#define FT_PY_KINDS(X)                                                                              \
    X(0, unset) X(1, none) X(2, bool) X(3, int) X(4, float) X(5, text) X(6, bytes) X(7, long_int)   \
    X(8, list) X(9, tuple) X(10, dict) X(11, set) X(12, object) X(13, function) X(14, type)         \
    X(15, module) X(16, secret) X(17, sized) X(18, lock)
#define FT_X_PY(n, name) FT_PY_KIND_##name = n,
enum ft_py_kind { FT_PY_KINDS(FT_X_PY) };

/* clang-format on */
/*
 * A slot: one name of one module in one process, overwritten at each binding.
 * value: bool, int: itself; float: its bits; text, bytes, long_int: a string;
 * list, tuple, dict, set: the length; object, function, type, module: a name;
 * sized (any other container): the length, and in the upper half its type's name;
 * lock (Lock, RLock): the address of its semaphore.
 */
struct ft_py_global {
    struct ft_head head; /* task: who wrote first; time: of the last write */
    ft_ref module, name;
    uint64_t writes;
    uint64_t value, old; /* old: before the first write of this process */
    uint8_t kind, old_kind;
    uint16_t flags; /* FT_PY_* */
    ft_ref writer;  /* task of the last write */
    ft_ref file;
    uint32_t line; /* of the last write */
};
enum {
    FT_PY_TEARDOWN = 1,  /* the last write was the interpreter clearing its modules: not counted */
    FT_PY_BY_MODULE = 2, /* bound by the module's own top level only */
    FT_PY_LOCKS = 4,     /* of a write: a threading.Lock of this CPython is a semaphore, which we see taken */
};
static_assert(sizeof(struct ft_py_global) == FT_SLOT_SIZE, "slot");

struct ft_py_value { /* at a fork: what the child starts with, told by its parent before or itself after */
    struct ft_head head;
    ft_ref fork;
    ft_ref module, name;
    uint32_t kind;
    uint64_t value;
    uint64_t writes; /* by this process so far */
    uint32_t print;  /* as in FT_PY_CHANGE */
    uint32_t pad;
};

struct ft_py_write { /* of a watched global */
    struct ft_head head;
    ft_ref module, name;
    uint64_t value;
    ft_ref file;
    uint32_t line;
    uint8_t kind;
    uint8_t flags;    /* FT_PY_* */
    uint16_t held[3]; /* signs of locks held (held_signs); with FT_PY_LOCKS Python's own are among them */
};

/* What writes have in common that are entries of a page: as in ft_py_write. */
struct ft_py_site {
    struct ft_head head;
    ft_ref module, name, file;
    uint32_t line;
    uint8_t kind;
    uint8_t flags;
    uint16_t held[3];
};

#define FT_PY_SITES 12
struct ft_py_writes { /* of this thread */
    struct ft_head head;
    ft_ref site[FT_PY_SITES];              /* FT_PY_SITE; an entry's stamp says which of them */
    struct ft_c_entry entry[FT_C_ENTRIES]; /* they begin 128 bytes into a page, as those of FT_C_WRITES */
};
static_assert(sizeof(struct ft_py_writes) == FT_PAGE_ROOM, "a page full");

/*
 * What a picture found that no hook had seen: a container that grew, a name
 * bound behind our back. It happened between `since` and the record's time, by
 * whom nobody knows; the task is the one that looked.
 */
struct ft_py_change {
    struct ft_head head;
    ft_ref module, name;
    uint64_t value, old; /* old: when last seen, in this process or in the one it was forked from */
    uint64_t since;      /* the picture before, or this process's birth; 0 unknown */
    uint8_t kind, old_kind;
    uint8_t rebound; /* another object than before, though it may look the same */
    uint8_t pad;
    uint32_t print; /* of what a container holds: another one, other items; 0 unknown */
};

/* A slot: the last look at all of a process's module globals. */
struct ft_py_picture {
    struct ft_head head; /* time: of the look */
    uint64_t first;      /* time of the first one */
    uint64_t longest;    /* it took, in units of the clock */
    uint32_t count;      /* of looks */
    uint32_t names;      /* looked at in the last one */
    uint64_t pad[2];
};
static_assert(sizeof(struct ft_py_picture) <= FT_SLOT_SIZE, "slot");

/* The threads that Python's threading module believes to be alive in this process (threading._active). */
struct ft_py_threads {
    struct ft_head head;
    uint32_t when; /* FT_PY_AT_* */
    uint32_t count;
    uint64_t ident[]; /* pthread_t */
};
enum { FT_PY_AT_FORK = 1, FT_PY_AT_EXIT = 2, FT_PY_AT_EVENT = 3 };

#endif
