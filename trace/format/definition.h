/*
 * definition.h: what other records refer to: strings, stacks, ELF objects,
 * call sites, clock pairs, and what the library itself could not do. Part of
 * ../format.h, which includes it.
 */
#ifndef FT_FORMAT_DEFINITION_H
#define FT_FORMAT_DEFINITION_H

struct ft_string { /* interned: the same bytes are written once a process */
    struct ft_head head;
    uint32_t length; /* of the whole string; more than fits here: it was cut */
    char bytes[];    /* may hold NULs (argv: one after each argument) */
};

struct ft_stack {
    struct ft_head head;
    uint16_t count;
    uint16_t cut; /* there were more frames */
    uint32_t pad;
    uint64_t pc[]; /* return addresses, innermost first */
};

/*
 * An ELF object in an address space, written when first referred to, once for
 * all processes forked from one image (they share what they have described).
 */
struct ft_object {
    struct ft_head head;
    uint64_t start, end; /* where it is mapped */
    uint64_t bias;       /* address - bias = address in the ELF file */
    ft_ref path;
    uint32_t build_id_size;
    uint8_t build_id[24];
};

struct ft_site { /* the first time a call site of a cheap event was seen: its full stack */
    struct ft_head head;
    struct ft_origin origin;
};

struct ft_clock { /* head.time and this were read together */
    struct ft_head head;
    uint64_t monotonic;
};

/* What our own library could not do, or had to do differently. (0: withdrawn; 7 was never written.) */
/* clang-format off */
#define FT_NOTES(X)                                                                                      \
    X(1, LIBRARY_OUT_OF_REACH, "the image about to be executed cannot load the library (chroot, permissions)") \
    X(2, CLEANED_ENVIRONMENT, "the program removed the library from the environment: it was put back")          \
    X(3, SHARED_TLS, "a clone() child shares its parent's thread pointer: identity by gettid from now on")      \
    X(4, NO_HANDOVER, "the trace file could not be handed to the new user: a later exec may not reopen it")     \
    X(5, NO_UNWINDER, "no lock-free unwinding here: call sites only, no stacks")                                \
    X(6, SLOW_BACKING, "no MADV_POPULATE_WRITE: pages are backed by writing")                                   \
    X(8, PYTHON_UNKNOWN, "this CPython is not one we can read: C level only") \
    X(9, PYTHON_UNPATCHED, "this CPython's functions are not as we know them: writes to globals are not seen") \
    X(10, PYTHON_FULL, "more of the program's own Python modules or globals than can be followed: the others are not") \
    X(11, PYTHON_WATCHERS, "all dict or function watchers of this CPython are taken: writes to globals are not seen") \
    X(12, PYTHON_OWN_GIL, "a subinterpreter with a GIL of its own: writes to its globals are not seen") \
    X(13, GREENLETS_UNKNOWN, "greenlets are used, but not of a greenlet or CPython that we can read: they are not shown") \
    X(14, GREENLETS_TRACED, "the program set a greenlet.settrace() of its own: switches are not seen from then on") \
    X(15, PYTHON_UNREAD, "forked while another thread was in the middle of Python code: what containers held then is not known") \
    X(20, KERNEL_PROBE, "this kernel did not accept a probe: forktrace-ebpf saw nothing of its kind") \
    X(21, KERNEL_PYTHON, "probes see writes to globals of CPython 3.11 on x86-64 only") \
    X(22, KERNEL_PYTHON_LATE, "it had begun when the probes came: earlier writes to globals were not seen") \
    X(23, KERNEL_C_WATCH, "C globals are not watched in a process the library is not in") \
    X(24, KERNEL_NAME, "not followed by probes, which take 8 names of up to 63 ASCII letters") \
    X(56, KERNEL_PYTHON_SEEN, "probes see writes to the watched globals of this Python from here on") \
    X(25, SECCOMP, "recording ends here: a system-call filter (seccomp) would end the process for a call the library makes") \
    X(30, MANY_DESCRIPTORS, "descriptors above 8191: who uses those connections is not followed") \
    X(40, WATCH_MACHINE, "stores to C globals are patched on x86-64 only, not on this machine yet: values are compared at every event, but not those of objects that are loaded later") \
    X(41, WATCH_FINDER, "forktrace-watch, which finds the stores to C globals, cannot be run here: none is watched") \
    X(42, WATCH_PATCH, "code cannot be changed here (a policy against writable code?): stores in it are not seen") \
    X(43, WATCH_FULL, "more stores to watched C globals than can be followed: the others are not") \
    X(44, WATCH_LOADER, "this loader does not tell what it loads later: stores in it are not seen") \
    X(48, WATCH_TRAP_BLOCKED, "SIGTRAP was sent to a thread that blocks it: what hardware watches would see of this thread is not complete from then on") \
    X(49, WATCH_CLOSED, "the program closed the descriptors of the hardware watches behind our back: they saw nothing from then on") \
    X(58, WATCH_LONG, "watched objects of more than 64 KiB, or 2 MiB together: changes that no engine sees are not noticed behind that") \
    X(53, MEMORY_CUT, "more writable memory of the program's own objects than is compared when processes end: the rest is not") \
    X(54, MEMORY_ENOUGH, "the C globals of so many ends of processes were kept that those of others are not: FORKTRACE_MAX_SIZE sets how many") \
    X(55, MEMORY_UNREADABLE, "/proc/self/pagemap cannot be read here, and the writable data of the program is too much to be read without: C globals are not compared when processes end") \
    X(57, LEFT_OUT, "left out, as a setting asks")
enum ft_note_what {
#define X(number, NAME, text) FT_NOTE_##NAME = number,
    FT_NOTES(X)
#undef X
};
/* clang-format on */
struct ft_note {
    struct ft_head head;
    uint32_t what; /* enum ft_note_what */
    ft_ref text;   /* a path or a name it is about, or 0 */
};

/* Texts of LEFT_OUT, in the processes which the setting matters to: what is not there was not looked for. */
#define FT_LEFT_OUT_PYTHON  "FORKTRACE_PYTHON=off: Python's stacks, names, globals and greenlets"
#define FT_LEFT_OUT_GLOBALS "FORKTRACE_PYTHON=names: Python's globals"
#define FT_LEFT_OUT_MEMORY  "FORKTRACE_C=off: a look at C globals when processes end"

#endif
