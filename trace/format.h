/*
 * format.h: the trace file, byte by byte. The only place in the project that
 * knows an offset; the writer fills it, the reader checks it, nobody else looks.
 *
 * THE FILE is an array of 4 KiB pages, mapped MAP_SHARED by every process of a
 * run. It is created sparse at its full size (a process that lost its fds, its
 * uid or its root directory can then still reach new pages), so `du`, not
 * `ls`, tells what it takes.
 *
 *   page 0      struct ft_header
 *   page 1..N   pages of records; a group of pages claimed together is a "run"
 *
 * A page is named by its sequence number (1, 2, 3, ... never reused). It lies
 * at physical page 1 + (seq - 1) % capacity: once seq passes the capacity the
 * oldest pages are overwritten (flight recorder).
 *
 *   page:  offset  size  field
 *          0       4     magic FT_PAGE_MAGIC: the page is in use. Anything else: it is not
 *                        (0 never was, "FTPF" emptied for its next use, "FTPB" changing hands)
 *          4       1     class (enum ft_class)
 *          5       1     level: 0 shared by the tree, 1.. grown by a busy process
 *          6       2     run_pages: pages of the run this page heads, else 0
 *          8       8     seq
 *          16      8+8   a clock pair: counter, CLOCK_MONOTONIC ns
 *          32      4     cursor: bytes claimed after this header (atomic)
 *          36      4     run_next: pages of this run handed out (atomic, head page)
 *          40      8     slots: bitmap of used slots (atomic, class FT_SLOTS)
 *          48      4     owner_pid: who claimed the run
 *          52      4     open: current page of each class in this run, one byte a class (head page)
 *          56      8     reserved
 *          64      ...   records
 *
 * A RECORD starts with struct ft_head and is a multiple of 8 bytes long.
 * Appending: (1) add its size to the page's cursor: the space is ours if it
 * fits; (2) store the head word as FT_CLAIMED; (3) fill in; (4) store the head
 * word again, FT_DONE, with release order. That last store is the commit.
 *
 * Reading a page: at each position below min(cursor, room), look at the word:
 *   zero            its writer died between (1) and (2), or is there now: skip
 *                   8 bytes at a time to the next non-zero word, then look at
 *                   the zero word again (it may have been filled meanwhile)
 *   FT_CLAIMED      died in (3): skip `size` bytes, count it as torn
 *   FT_OPEN         committed, but its owner will still fill in the result
 *   FT_DONE         committed for good
 * A record of an unknown type is skipped by its size. A record longer than the
 * reader's struct has new fields at the end; a shorter one has zeros there
 * (the writer drops trailing fields that are zero).
 *
 * A page is overwritten, or unmapped by a process, only when none of its
 * records is zero, FT_CLAIMED or FT_OPEN: the head words double as the
 * hazard pointers of the writers still at work.
 *
 * A REFERENCE (ft_ref) names a record by its logical position / 8; 0 is none.
 * A task is named by the reference of the record that gave birth to it:
 * FT_PROCESS, FT_FORK, FT_THREAD_CREATE, or FT_THREAD_START of a thread whose
 * creation nobody saw. No ids are handed out. forktrace-ebpf names the same
 * task by its FT_KERNEL_TASK: two witnesses, two names, told to be one by tid
 * and time when the file is read.
 *
 * A SLOT (class FT_SLOTS) is 64 bytes overwritten in place: what a thread
 * waits for now, what a global is now. It is how a killed process still shows
 * its last wait and its last values.
 *
 * Numbers have the endianness of `endian` in the header. There are no
 * bit-fields; every size is asserted below.
 */
#ifndef FT_FORMAT_H
#define FT_FORMAT_H

#include <assert.h>
#include <stdint.h>

#define FT_MAGIC \
    "\x89"       \
    "FTRACE\n"              /* 8 bytes: binary, and broken by text-mode copies */
#define FT_VERSION        1 /* of the writer */
#define FT_MIN_READER     1 /* the oldest reader that understands what we write */
#define FT_ENDIAN         0x01020304u
#define FT_PAGE           4096u
#define FT_PAGE_MAGIC     0x47505446u /* "FTPG" */
#define FT_PAGE_HEADER    64u
#define FT_PAGE_ROOM      (FT_PAGE - FT_PAGE_HEADER)
#define FT_SLOT_SIZE      64u
#define FT_SLOTS_PER_PAGE (FT_PAGE_ROOM / FT_SLOT_SIZE)
#define FT_REF_UNIT       8u

typedef uint32_t ft_ref;

/* What a page holds. Lineage pages are the last to be overwritten. */
enum ft_class { FT_LINEAGE, FT_EVENTS, FT_SLOTS, FT_CLASSES };

/* States of a record (struct ft_head.state). */
enum ft_state { FT_CLAIMED = 1, FT_OPEN = 2, FT_DONE = 3 };

enum ft_clock_kind { FT_CLOCK_MONOTONIC = 0, FT_CLOCK_TSC = 1 };

/* Why records are missing: index of ft_header.lost. One table for writer, reader and texts. */
/* clang-format off */
#define FT_LOST_REASONS(X)                                                                        \
    X(DISK_FULL, "disk-full", "the disk, quota or file size limit had no room")                  \
    X(OVERWRITTEN, "overwritten", "FORKTRACE_MAX_SIZE was reached: the oldest were overwritten") \
    X(NO_MEMORY, "no-memory", "the process could not map more of the file")                      \
    X(TOO_LONG, "too-long", "longer than a page")                                                 \
    X(NO_SLOT, "no-slot", "more threads at once than there is room to follow")                   \
    X(UNREACHABLE, "unreachable", "a process could not open the trace file")                     \
    X(KERNEL, "kernel-buffer", "the kernel's ring buffer was full")                               \
    X(PYTHON, "python", "more Python globals than there is room to follow")                      \
    X(KERNEL_TREE, "kernel-tree", "more processes at once than forktrace-ebpf has room to follow") \
    X(WATCH, "watch", "writes to C globals by a thread that was not known yet") \
    X(KERNEL_PYTHON, "kernel-python", "writes to Python globals: the process had ended before it was known whose they are")
enum ft_lost {
#define X(id, name, text) FT_LOST_##id,
    FT_LOST_REASONS(X)
#undef X
        FT_LOST_COUNT
};
/* clang-format on */
#define FT_LOST_ROOM 32

struct ft_header {
    char magic[8];
    uint16_t version, min_reader;
    uint32_t endian;
    uint32_t page_size, header_size;
    uint64_t capacity;       /* pages of records, without this one */
    uint32_t clock;          /* enum ft_clock_kind */
    uint32_t wait_threshold; /* ms: shorter waits are not recorded */
    uint64_t counter0;       /* clock at creation, three ways */
    uint64_t monotonic0;     /* ns */
    uint64_t realtime0;      /* ns */
    uint8_t run_id[16];
    uint8_t boot_id[16];
    uint32_t root_pid, reserved0;
    char host[64], kernel[64], arch[16];
    uint8_t reserved1[264];
    /* 512: what changes; each on a line of its own */
    uint64_t next; /* atomic: sequence number of the next page to claim */
    uint64_t pad0[7];
    uint64_t join; /* atomic: seq << 16 | pages of the run that newcomers share */
    uint64_t pad1[7];
    uint64_t lost[FT_LOST_ROOM]; /* atomic, by enum ft_lost */
    uint64_t lineage_pages;      /* atomic: pages of class FT_LINEAGE now in the file */
    uint64_t picture_bytes;      /* atomic: of FT_C_BLOCK and FT_C_PICTURE so far */
    uint64_t pictured[32];       /* atomic: bit pid % 2048: a child of that process left a picture */
};
static_assert(sizeof(struct ft_header) <= FT_PAGE, "the header is page 0");
static_assert(__builtin_offsetof(struct ft_header, next) == 512, "layout");

struct ft_page {
    uint32_t magic;
    uint8_t class, level;
    uint16_t run_pages;
    uint64_t seq;
    uint64_t counter, monotonic;
    uint32_t cursor, run_next;
    uint64_t slots;
    uint32_t owner_pid;
    uint8_t open[4];
    uint64_t reserved;
    uint8_t room[FT_PAGE_ROOM];
};
static_assert(sizeof(struct ft_page) == FT_PAGE, "a page");
static_assert(__builtin_offsetof(struct ft_page, room) == FT_PAGE_HEADER, "page header");

struct ft_head {
    uint16_t size; /* bytes, with this head */
    uint8_t type;  /* enum ft_type */
    uint8_t state; /* enum ft_state; size, type and state are stored as one word */
    ft_ref task;   /* who did it; 0 unknown */
    uint64_t time; /* counter of header.clock */
};
static_assert(sizeof(struct ft_head) == 16, "head");

/* Where a call came from. */
struct ft_origin {
    uint64_t site;   /* return address in the caller */
    ft_ref stack;    /* FT_STACK, or 0 */
    ft_ref py_stack; /* FT_PY_STACK, or 0 */
};

/*
 * The record types: number, struct ft_<name>, class of page. Numbers are for
 * ever; a new type takes a new number.
 */
/* clang-format off */
#define FT_TYPES(X)                          \
    X(1, STRING, string, LINEAGE)            \
    X(2, STACK, stack, LINEAGE)              \
    X(3, OBJECT, object, LINEAGE)            \
    X(4, SITE, site, LINEAGE)                \
    X(5, CLOCK, clock, LINEAGE)              \
    X(6, NOTE, note, LINEAGE)                \
    X(10, PROCESS, process, LINEAGE)         \
    X(11, FORK, fork, LINEAGE)               \
    X(12, CHILD, child, LINEAGE)             \
    X(13, EXEC, exec, LINEAGE)               \
    X(14, EXEC_FAILED, exec_failed, LINEAGE) \
    X(15, EXIT, exit, LINEAGE)               \
    X(16, REAP, reap, LINEAGE)               \
    X(17, SESSION, session, LINEAGE)         \
    X(18, CRED, cred, LINEAGE)               \
    X(20, THREAD_CREATE, thread_create, LINEAGE) \
    X(21, THREAD_START, thread_start, LINEAGE)   \
    X(22, THREAD_END, thread_end, LINEAGE)       \
    X(23, THREAD_OP, thread_op, LINEAGE)         \
    X(24, THREAD_NAME, thread_name, LINEAGE)     \
    X(25, UNSEEN_THREADS, unseen_threads, LINEAGE) \
    X(26, ATFORK, atfork, LINEAGE)           \
    X(27, HELD, held, LINEAGE)               \
    X(30, SIGACTION, sigaction, EVENTS)      \
    X(31, SIGMASK, sigmask, EVENTS)          \
    X(32, KILL, kill, LINEAGE)               \
    X(40, WAIT, wait, EVENTS)                \
    X(41, WAIT_SLOT, wait_slot, SLOTS)       \
    X(50, BIND, bind, LINEAGE)               \
    X(60, PY_FUNCTION, py_function, LINEAGE) \
    X(61, PY_STACK, py_stack, LINEAGE)       \
    X(62, PY_THREAD, py_thread, LINEAGE)     \
    X(63, PY_GLOBAL, py_global, SLOTS)       \
    X(64, PY_VALUE, py_value, LINEAGE)       \
    X(65, PY_WRITE, py_write, EVENTS)        \
    X(66, PY_THREADS, py_threads, LINEAGE)   \
    X(67, PY_SITE, py_site, LINEAGE)         \
    X(68, PY_WRITES, py_writes, EVENTS)      \
    X(70, GREENLET, greenlet, LINEAGE)       \
    X(71, GREENLETS, greenlets, LINEAGE)     \
    X(72, GREENLET_RUN, greenlet_run, EVENTS) \
    X(73, GREENLET_SLOT, greenlet_slot, SLOTS) \
    X(75, PY_CHANGE, py_change, EVENTS)      \
    X(76, PY_PICTURE, py_picture, SLOTS)     \
    X(80, KERNEL_TASK, kernel_task, LINEAGE) \
    X(81, KERNEL_EXEC, kernel_exec, LINEAGE) \
    X(82, KERNEL_EXIT, kernel_exit, LINEAGE) \
    X(83, KERNEL_KILL, kernel_kill, LINEAGE) \
    X(84, KERNEL_SIGNAL, kernel_signal, LINEAGE) \
    X(85, KERNEL_VIEW, kernel_view, LINEAGE) \
    X(92, BLIND, blind, LINEAGE) \
    X(100, STDIO, stdio, LINEAGE)            \
    X(101, UNSAFE_CALL, unsafe_call, LINEAGE) \
    X(102, NO_CHILD, no_child, LINEAGE)      \
    X(103, FD_USE, fd_use, EVENTS)                \
    X(120, C_GLOBAL, c_global, LINEAGE)      \
    X(121, C_SITES, c_sites, LINEAGE)        \
    X(122, C_WRITE, c_write, EVENTS)         \
    X(123, C_WRITES, c_writes, EVENTS)       \
    X(124, C_VALUE, c_value, LINEAGE)        \
    X(125, C_WATCH, c_watch, LINEAGE)        \
    X(130, C_TRAP, c_trap, EVENTS)           \
    X(131, C_HARDWARE, c_hardware, LINEAGE)  \
    X(134, C_BLOCK, c_block, LINEAGE)        \
    X(135, C_PICTURE, c_picture, LINEAGE)    \
    X(136, C_SAMPLE, c_sample, EVENTS)
enum ft_type {
    FT_FILLER = 0, /* the unused rest of a page: a word, no head; at least 8 bytes */
#define X(number, NAME, name, class) FT_##NAME = number,
    FT_TYPES(X)
#undef X
};

/* clang-format on */
/* --- definitions ---------------------------------------------------------------------------- */

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

/* What our own library could not do, or had to do differently. (7 was never written.) */
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
    X(30, MANY_DESCRIPTORS, "descriptors above 8191: who uses those connections is not followed") \
    X(40, WATCH_MACHINE, "C globals are watched by patching on x86-64 only: not on this machine yet") \
    X(41, WATCH_FINDER, "forktrace-watch, which finds the stores to C globals, cannot be run here: none is watched") \
    X(42, WATCH_PATCH, "code cannot be changed here (a policy against writable code?): stores in it are not seen") \
    X(43, WATCH_FULL, "more stores to watched C globals than can be followed: the others are not") \
    X(44, WATCH_LOADER, "this loader does not tell what it loads later: stores in it are not seen") \
    X(48, WATCH_TRAP_BLOCKED, "SIGTRAP was sent to a thread that blocks it: what hardware watches would see of this thread is not complete from then on") \
    X(49, WATCH_CLOSED, "the program closed the descriptors of the hardware watches behind our back: they saw nothing from then on") \
    X(53, MEMORY_CUT, "more writable memory of the program's own objects than is compared when processes end: the rest is not") \
    X(54, MEMORY_ENOUGH, "the C globals of so many ends of processes were kept that those of others are not: FORKTRACE_MAX_SIZE sets how many") \
    X(55, MEMORY_UNREADABLE, "/proc/self/pagemap cannot be read here: C globals are not compared when processes end")
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

/* --- processes ------------------------------------------------------------------------------ */

/* How the library came to be in this address space. */
enum ft_birth { FT_BIRTH_ROOT = 1, FT_BIRTH_EXEC = 2, FT_BIRTH_UNSEEN_FORK = 3 };

struct ft_process {      /* birth certificate: a new image, or a child whose creation was not seen */
    struct ft_head head; /* task: this record itself, the main thread of the image */
    uint32_t pid, ppid;
    uint64_t start_ticks; /* field 22 of /proc/PID/stat; 0 unknown */
    uint32_t birth;       /* enum ft_birth */
    uint32_t tid;
    uint64_t blocked, ignored; /* signals: bit n-1 for signal n */
    ft_ref exe, argv, cwd;
    ft_ref parent_task; /* FT_BIRTH_UNSEEN_FORK: whose memory it was copied from */
    uint64_t pthread;   /* pthread_t of the main thread; 0 unknown */
};

/* clang-format off */
#define FT_FORK_APIS(X)                                                                   \
    X(1, fork) X(2, vfork) X(3, clone) X(4, posix_spawn) X(5, system) X(6, popen)         \
    X(7, daemon) X(8, forkpty) X(9, _Fork)
#define FT_EXIT_APIS(X) X(1, exit) X(2, _exit) X(3, _Exit) X(4, quick_exit) X(5, end)
#define FT_REAP_APIS(X) X(1, wait) X(2, waitpid) X(3, wait3) X(4, wait4) X(5, waitid) X(6, system) X(7, pclose)
#define FT_SESSION_APIS(X) X(1, setsid) X(2, setpgid) X(3, setpgrp)
#define FT_CRED_APIS(X)                                                                            \
    X(1, setuid) X(2, setgid) X(3, seteuid) X(4, setegid) X(5, setreuid) X(6, setregid)            \
    X(7, setresuid) X(8, setresgid) X(9, setgroups) X(10, initgroups) X(11, chroot)
#define FT_THREAD_APIS(X) X(1, pthread_create) X(2, thrd_create) X(3, clone)
#define FT_THREAD_OPS(X) X(1, join) X(2, detach) X(3, cancel)
#define FT_THREAD_ENDS(X) X(1, returned) X(2, exited) X(3, cancelled)
#define FT_SIGACTION_APIS(X)                                                                        \
    X(1, sigaction) X(2, signal) X(3, bsd_signal) X(4, sysv_signal) X(5, sigset) X(6, siginterrupt) \
    X(7, sigignore) X(8, ssignal)
#define FT_SIGMASK_APIS(X) X(1, sigprocmask) X(2, pthread_sigmask) X(3, sighold) X(4, sigrelse) X(5, sigset)
#define FT_KILL_APIS(X)                                                                             \
    X(1, kill) X(2, pthread_kill) X(3, raise) X(4, sigqueue) X(5, tgkill) X(6, killpg)              \
    X(7, abort) X(8, pthread_sigqueue)
#define FT_WAIT_KINDS(X)                                                                            \
    X(1, mutex) X(2, rwlock_read) X(3, rwlock_write) X(4, spin) X(5, sem) X(6, cond) X(7, join)     \
    X(8, child) X(9, gil) X(10, futex)
#define FT_ATFORK_PHASES(X) X(1, registered) X(2, prepare) X(3, parent) X(4, child)
#define FT_X_FORK(n, name) FT_FORK_##name = n,
enum ft_fork_api { FT_FORK_APIS(FT_X_FORK) };
#define FT_X_EXIT(n, name) FT_EXIT_##name = n,
enum ft_exit_api { FT_EXIT_APIS(FT_X_EXIT) };
#define FT_X_REAP(n, name) FT_REAP_##name = n,
enum ft_reap_api { FT_REAP_APIS(FT_X_REAP) };
#define FT_X_SESSION(n, name) FT_SESSION_##name = n,
enum ft_session_api { FT_SESSION_APIS(FT_X_SESSION) };
#define FT_X_CRED(n, name) FT_CRED_##name = n,
enum ft_cred_api { FT_CRED_APIS(FT_X_CRED) };
#define FT_X_THREAD(n, name) FT_THREAD_##name = n,
enum ft_thread_api { FT_THREAD_APIS(FT_X_THREAD) };
#define FT_X_THREAD_OP(n, name) FT_THREAD_OP_##name = n,
enum ft_thread_op_api { FT_THREAD_OPS(FT_X_THREAD_OP) };
#define FT_X_THREAD_END(n, name) FT_THREAD_END_##name = n,
enum ft_thread_end_how { FT_THREAD_ENDS(FT_X_THREAD_END) };
#define FT_X_SIGACTION(n, name) FT_SIGACTION_##name = n,
enum ft_sigaction_api { FT_SIGACTION_APIS(FT_X_SIGACTION) };
#define FT_X_SIGMASK(n, name) FT_SIGMASK_##name = n,
enum ft_sigmask_api { FT_SIGMASK_APIS(FT_X_SIGMASK) };
#define FT_X_KILL(n, name) FT_KILL_##name = n,
enum ft_kill_api { FT_KILL_APIS(FT_X_KILL) };
#define FT_X_WAIT(n, name) FT_WAIT_##name = n,
enum ft_wait_kind { FT_WAIT_KINDS(FT_X_WAIT) };
#define FT_X_ATFORK(n, name) FT_ATFORK_##name = n,
enum ft_atfork_phase { FT_ATFORK_PHASES(FT_X_ATFORK) };

/* clang-format on */
struct ft_fork { /* before the call; FT_OPEN until it returned in the parent. Names the child's main task */
    struct ft_head head;
    struct ft_origin origin;
    uint32_t api;
    int32_t result; /* 0 not returned; child's pid (system, popen, daemon: 1, its pid is not known here);
                       -errno */
};
static_assert(sizeof(struct ft_fork) <= 48, "lineage record");

struct ft_child { /* first act of a child; task: the FT_FORK record that made it */
    struct ft_head head;
    uint32_t pid, tid;
};

struct ft_exec { /* before the call; an FT_EXEC_FAILED follows if it came back */
    struct ft_head head;
    struct ft_origin origin;
    ft_ref path;
    uint32_t pad;
};

struct ft_exec_failed {
    struct ft_head head;
    ft_ref path;
    int32_t error; /* errno */
};

struct ft_exit { /* asked for, with where; FT_EXIT_end: the very last thing exit() does */
    struct ft_head head;
    struct ft_origin origin;
    uint32_t api;
    int32_t status; /* as the parent will see it: & 0xff */
};

struct ft_reap { /* task 0: somebody outside the run waited, as `forktrace record` does for the first process
                  */
    struct ft_head head;
    uint64_t site;
    int32_t pid;
    int32_t status; /* a wait status */
    uint32_t api;
    ft_ref py_stack;
};

struct ft_no_child { /* a wait for one child failed with ECHILD: it is not ours, or somebody else reaped it */
    struct ft_head head;
    struct ft_origin origin;
    int32_t pid;
    uint32_t api; /* enum ft_reap_api */
};

struct ft_session {
    struct ft_head head;
    uint64_t site;
    uint32_t api;
    int32_t result;
};

struct ft_cred {
    struct ft_head head;
    uint64_t site;
    uint32_t api;
    int32_t error;
    uint32_t ids[4]; /* its arguments; chroot: ids[0] is the path's reference */
};

/*
 * Why the library is not in an image. The name is part of the JSON timeline (coverage_reason begins with it).
 * RAW_* are concluded from what is missing, the others were seen before the image began.
 */
/* clang-format off */
#define FT_BLINDS(X)                                                                                            \
    X(1, STATIC, "static", "a statically linked program has no loader that would load the library")             \
    X(2, SETUID, "setuid", "it runs with other rights than its caller (set-uid, set-gid, seteuid): the loader " \
      "ignores LD_PRELOAD")                                                                                     \
    X(3, CAPABILITIES, "capabilities", "its file gives it capabilities: the loader ignores LD_PRELOAD")         \
    X(4, MUSL, "musl", "the loader of musl cannot load a library made for glibc")                               \
    X(5, LOADER, "foreign loader", "its loader is not glibc's")                                                 \
    X(6, ARCHITECTURE, "foreign architecture", "the library is of another architecture")                        \
    X(7, CHROOT, "chroot", "the library cannot be opened from there (its root directory, permissions)")         \
    X(8, ENVIRONMENT, "env cleaned", "the environment it was started with does not name the library")           \
    X(9, DISABLED, "disabled", "it was started with FORKTRACE_DISABLE")                                         \
    X(10, RAW_CLONE, "raw clone", "it was made by a system call that passed no function of libc, or adopted")   \
    X(11, RAW_EXEC, "raw system call", "it left by a system call that passed no function of libc: its end, or " \
      "an exec that cleaned the environment")
enum ft_blind_why {
#define X(number, NAME, name, text) FT_BLIND_##NAME = number,
    FT_BLINDS(X)
#undef X
};
/* clang-format on */

struct ft_blind { /* before the image: the library will not be in it */
    struct ft_head head;
    ft_ref fork; /* 0: the image that the task's FT_EXEC asks for; else of this child (posix_spawn, system) */
    ft_ref path;
    uint32_t why; /* enum ft_blind_why */
    uint32_t pad;
};

/* --- threads -------------------------------------------------------------------------------- */

struct ft_thread_create { /* before the call; FT_OPEN until it returned. Names the new thread's task */
    struct ft_head head;
    struct ft_origin origin;
    uint64_t start; /* start routine */
    uint16_t api;
    uint16_t detached;
    int32_t error; /* errno; -1 not returned */
};
static_assert(sizeof(struct ft_thread_create) <= 48, "lineage record");

struct ft_thread_start { /* task: its FT_THREAD_CREATE; or this record itself if nobody saw it created */
    struct ft_head head;
    uint32_t tid, pid;
    uint64_t pthread; /* pthread_t */
};

struct ft_thread_end {
    struct ft_head head;
    uint32_t how; /* enum ft_thread_end_how; 0: not known, nobody saw it start */
    uint32_t pad;
    uint64_t cpu_ns;
};

struct ft_thread_op {
    struct ft_head head;
    uint64_t site;
    uint64_t pthread;
    uint32_t api;
    int32_t error;
};

struct ft_thread_name {
    struct ft_head head;
    uint64_t pthread;
    char name[16];
};

/*
 * At a fork at which the kernel has more tasks of this process than we know of: all of them but the
 * forking one. Those with an FT_THREAD_START (one may just have ended, or not have started yet) were seen.
 */
struct ft_unseen_threads {
    struct ft_head head;
    ft_ref fork;
    uint32_t count;
    uint32_t tid[];
};

struct ft_atfork {
    struct ft_head head;
    uint64_t handler;
    uint64_t ns;    /* it ran so long; 0 for registered */
    uint32_t phase; /* enum ft_atfork_phase */
    uint32_t which; /* registered: 2 prepare, 3 parent, 4 child; else FT_ATFORK_UNLOADED or 0 */
};
enum { FT_ATFORK_UNLOADED = 1 }; /* the handler lies in no object any more */

/* Output that waited in the buffer of a FILE at a fork; and that the child wrote it, too. */
struct ft_stdio {
    struct ft_head head;
    ft_ref fork; /* the FT_FORK record, in both */
    int32_t fd;
    uint64_t file; /* FILE *: the same in both */
    uint32_t bytes;
    uint32_t what; /* FT_STDIO_* */
    ft_ref path;   /* at the fork: what the descriptor leads to, if it is a file */
    uint32_t pad;
};
enum { FT_STDIO_PENDING = 1, FT_STDIO_WRITTEN = 2 };

/*
 * Functions of glibc (2.36) whose locks a fork copies as they are, of all that a program may well call: in
 * the child of a process with threads, the first call of each before an exec is told. malloc and stdio are
 * none of them.
 */
/* clang-format off */
#define FT_UNSAFE_CALLS(X)                                                                                    \
    X(1, rand) X(2, random) X(3, srand) X(4, srandom) X(5, localtime) X(6, localtime_r) X(7, gmtime)          \
    X(8, gmtime_r) X(9, mktime) X(12, tzset) X(13, ctime) X(14, setenv)                                       \
    X(15, putenv) X(16, unsetenv) X(17, clearenv) X(18, dlopen) X(19, dlclose) X(20, getaddrinfo)             \
    X(21, gethostbyname) X(22, getpwnam) X(23, getpwuid) X(24, getgrnam) X(25, getgrgid) X(26, syslog)        \
    X(27, vsyslog) X(28, __syslog_chk) X(29, __vsyslog_chk) X(30, setlocale) X(31, pthread_create)
#define FT_X_UNSAFE(n, name) FT_UNSAFE_##name = n,
enum ft_unsafe { FT_UNSAFE_CALLS(FT_X_UNSAFE) };

/* clang-format on */
struct ft_unsafe_call { /* before the call */
    struct ft_head head;
    struct ft_origin origin;
    uint32_t function; /* enum ft_unsafe */
    uint32_t pad;
};

struct ft_held { /* at a fork: a lock some thread of the process holds */
    struct ft_head head;
    uint64_t address;
    ft_ref fork;
    ft_ref holder; /* task */
    uint32_t kind; /* enum ft_wait_kind */
    uint32_t pad;
};

/* --- signals -------------------------------------------------------------------------------- */

/* Did who installs a handler ask for the one before? Then he may call it. An older writer did not say; nor
 * does signal(), which tells everybody, or Python. */
enum ft_asked { FT_ASKED_UNKNOWN, FT_NOT_ASKED, FT_ASKED };

struct ft_sigaction { /* a successful install; the tail is there if not zero */
    struct ft_head head;
    uint64_t site;
    uint64_t old_handler, new_handler;
    uint32_t flags;
    uint8_t signal, api;
    uint16_t asked; /* enum ft_asked */
    uint64_t mask;
    ft_ref py_stack;
    ft_ref py_handler; /* FT_PY_FUNCTION */
};

struct ft_sigmask {
    struct ft_head head;
    uint64_t site;
    uint64_t old_mask, new_mask;
    uint8_t how, api;
    uint16_t pad;
    ft_ref py_stack;
};

struct ft_kill { /* before the call; FT_OPEN until it returned */
    struct ft_head head;
    uint64_t site;
    int64_t target; /* pid (kill), pthread_t (pthread_kill), tid (tgkill) */
    uint8_t signal, api;
    uint16_t pad;
    int32_t error;
    ft_ref stack, py_stack;
};

/* --- waiting -------------------------------------------------------------------------------- */

enum ft_timed {
    FT_TIMED_UNKNOWN,
    FT_UNTIMED,
    FT_TIMED
}; /* has it a time limit? An older writer did not say */

/*
 * Appended when a wait ended that lasted at least the threshold. Timed waits in
 * a row on the same thing are one wait; it is told at a time-out, not knowing
 * whether it goes on, and again each time it has doubled, and at its end: of
 * those with the same task and `since` the last counts, or the slot.
 */
struct ft_wait {
    struct ft_head head; /* time: its end */
    struct ft_origin origin;
    uint64_t since;
    uint64_t address;
    uint64_t second; /* cond: its mutex; child: pid waited for */
    uint32_t owner_tid;
    uint16_t kind;
    uint16_t timed; /* enum ft_timed */
};

struct ft_wait_slot {    /* now waiting; head.state 0: not waiting. Same tail as ft_wait */
    struct ft_head head; /* time: since when */
    struct ft_origin origin;
    uint64_t address;
    uint64_t second;
    uint32_t owner_tid;
    uint16_t kind;
    uint16_t timed;
    uint32_t coalesced; /* timed waits in a row on the same thing */
    uint32_t pad2;
};
static_assert(sizeof(struct ft_wait_slot) == FT_SLOT_SIZE, "slot");

/* --- writes to watched globals, a page full ---------------------------------------------------- */

/*
 * A thread that writes often has a page of its own (FT_PY_WRITES, FT_C_WRITES), 16 bytes a write. An entry
 * counts once its stamp is not 0, and is never changed then. Its time is exact to 16 counts of the clock; the
 * order of a thread's writes is that of the entries. Of a C object of at most 8 bytes the value is the whole
 * object's, else what was stored.
 */
struct ft_c_entry {
    uint64_t stamp; /* counter >> 4 << 16 | its site */
    uint64_t value;
};
#define FT_C_STAMP(counter, site) ((counter) >> 4 << 16 | (site))
#define FT_C_STAMP_SITE(stamp)    ((stamp)&0xffff)
#define FT_C_STAMP_BITS           52 /* of a counter that a stamp holds */
#define FT_C_STAMP_COUNTER(stamp) ((stamp) >> 16 << 4)
#define FT_C_ENTRIES              ((FT_PAGE - 128) / sizeof(struct ft_c_entry))
/* FT_C_WRITES: the site of an entry that is no write: its value is signs of the locks held from here on. */
#define FT_C_HELD 0xffffu

/* --- Python --------------------------------------------------------------------------------- */

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

/* --- greenlets ------------------------------------------------------------------------------ */

/*
 * A greenlet (gevent, eventlet) when it was first seen. It is memory of the
 * process and runs on a thread's stack: a fork copies those of the forking
 * thread, and the copy in the child goes by the same reference.
 */
struct ft_greenlet { /* task: the thread that runs it */
    struct ft_head head;
    ft_ref type;     /* of the object: "gevent._gevent_cgreenlet.Greenlet" */
    ft_ref name;     /* of the threading.Thread it stands for, or 0 */
    ft_ref function; /* FT_PY_FUNCTION it runs, or 0 */
    ft_ref spawned;  /* FT_PY_STACK of where it was spawned, or 0 */
    uint32_t flags;  /* FT_GREENLET_* */
    uint32_t pad;
};
/* The event loop, which runs the others; the thread itself, outside of all greenlets (FT_GREENLET_SLOT). */
enum { FT_GREENLET_HUB = 1, FT_GREENLET_THREAD = 2 };

/* The greenlets of a thread that had not ended. One that is not listed any more has, unless `others`. */
struct ft_greenlets {
    struct ft_head head; /* task: the thread */
    uint32_t when;       /* FT_PY_AT_* */
    ft_ref fork;         /* FT_PY_AT_FORK: the child has them too */
    uint32_t count;
    uint32_t others; /* for which there was no room */
    ft_ref current;  /* the one that runs; 0: the thread itself does */
    uint32_t pad;
    struct ft_greenlet_at {
        ft_ref greenlet;
        ft_ref stack; /* FT_PY_STACK where it is waiting for its turn; 0: not started, or not known */
    } greenlet[];
};

/* FORKTRACE_GREENLETS=switches: a greenlet kept its thread for at least the threshold of waits. */
struct ft_greenlet_run {
    struct ft_head head; /* task: the thread; time: when it gave way */
    uint64_t since;
    ft_ref greenlet; /* 0: the thread itself, outside of all greenlets */
    ft_ref stack;    /* FT_PY_STACK in which it gave way; 0: it ended */
    uint32_t others; /* of this thread's had begun before and have not ended: they had to wait */
    uint32_t pad;
};

/* The same: what runs on this thread now, overwritten at each switch. */
struct ft_greenlet_slot {
    struct ft_head head; /* task: the thread; time: since when */
    ft_ref greenlet;     /* 0: see flags, or it had no picture taken yet */
    ft_ref function;     /* FT_PY_FUNCTION it runs, or 0 */
    uint32_t flags;      /* FT_GREENLET_* */
    uint32_t pad;
    uint64_t switches; /* so far */
    uint64_t ran;      /* so long something else than the event loop did, in counts of the clock */
    uint64_t longest;  /* of those */
    uint64_t pad2;
};
static_assert(sizeof(struct ft_greenlet_slot) == FT_SLOT_SIZE, "slot");

/* --- the kernel's word ---------------------------------------------------------------------- */

/*
 * Written by forktrace-ebpf, dated by the kernel. It also writes the types above for tasks that the library
 * is not in (FT_SIGACTION, FT_SIGMASK, FT_WAIT of a futex), with the task's FT_KERNEL_TASK as their task.
 */

struct ft_kernel_task { /* a process or a thread begins; task: its creator's FT_KERNEL_TASK, 0 unknown */
    struct ft_head head;
    uint32_t pid, tid;             /* as the task itself is told by getpid() and gettid() */
    uint32_t outer_pid, outer_tid; /* as forktrace-ebpf sees them: others where pid namespaces are nested */
    uint64_t start_ticks;          /* field 22 of /proc/PID/stat */
    uint32_t flags;                /* CLONE_* */
    uint8_t exit_signal;           /* sent to its parent at its end */
    uint8_t how;                   /* enum ft_kernel_birth */
    uint16_t pad;
    struct ft_origin origin; /* the call that made it, in processes the library is not in; 0 unknown */
    uint64_t function;       /* it was given: a start routine; 0 unknown */
    uint32_t call;           /* enum ft_kernel_call << 8 | enum ft_fork_api, or of threads; 0 unknown */
    uint32_t pad2;
};
/* What a call asks for. */
enum ft_kernel_call { FT_KERNEL_CALL_FORK = 1, FT_KERNEL_CALL_THREAD = 2, FT_KERNEL_CALL_SIGNAL = 3 };
/* Seen born; the command of `forktrace record --ebpf`; or it was there when forktrace-ebpf looked. */
enum ft_kernel_birth { FT_KERNEL_BORN = 1, FT_KERNEL_ROOT = 2, FT_KERNEL_FOUND = 3 };

struct ft_kernel_exec { /* a new image runs; task: the main thread, whichever thread called exec */
    struct ft_head head;
    ft_ref path; /* as it was called */
    ft_ref exe;  /* what runs: a script's interpreter; 0 unknown */
    ft_ref argv;
    uint32_t why; /* the library is not in it: enum ft_blind_why; 0: nothing keeps it out */
};

/* Why a thread ended: by itself, with its process (exit, a signal), for another thread's exec. */
enum ft_kernel_end { FT_KERNEL_END_ITSELF = 1, FT_KERNEL_END_PROCESS = 2, FT_KERNEL_END_EXEC = 3 };

struct ft_kernel_exit { /* a thread ended */
    struct ft_head head;
    int32_t status;        /* a wait status: the process's if `last`, else the thread's */
    uint8_t last;          /* of its process: that ended */
    uint8_t how;           /* enum ft_kernel_end */
    uint8_t out_of_memory; /* the OOM killer had chosen its process */
    uint8_t pad;
    uint64_t cpu_ns; /* of this thread */
    char name[16];   /* /proc/PID/comm */
};

struct ft_kernel_kill { /* a signal was sent; task: who did it, 0: nobody in the run */
    struct ft_head head;
    ft_ref target;                   /* the thread, or the main thread of the process; 0: outside the run */
    uint32_t target_pid, sender_pid; /* as forktrace-ebpf sees them; 0: the kernel itself, or invisible */
    int32_t code;                    /* siginfo's si_code: 0 kill(), -6 tgkill(), > 0 the kernel */
    uint8_t signal;
    uint8_t group;  /* 1: to the process, 0: to the thread */
    uint8_t result; /* 0 sent, 1 ignored, 2 it was pending already, 3 and 4 no memory for it */
    uint8_t pad[5];
    char name[16]; /* comm of a sender outside the run */
};

struct ft_kernel_signal { /* a signal was taken; task: the thread that took it */
    struct ft_head head;
    ft_ref sender;       /* 0: outside the run, or the kernel itself */
    uint32_t sender_pid; /* as in ft_kernel_kill */
    int32_t code;
    uint8_t signal;
    uint8_t pad[3];
    uint64_t handler; /* SIG_DFL, or an address */
};

/* When forktrace-ebpf began to look, and when it stopped: without the latter it was killed. */
struct ft_kernel_view {
    struct ft_head head;
    uint32_t what; /* enum ft_kernel_view_what */
    uint32_t pid;  /* forktrace-ebpf's */
    uint64_t lost; /* END: records the ring buffer had no room for, counted in FT_LOST_KERNEL too */
};
enum ft_kernel_view_what { FT_KERNEL_VIEW_BEGIN = 1, FT_KERNEL_VIEW_END = 2 };

/* --- C globals ------------------------------------------------------------------------------ */

/* What a watched object holds, by `size`; follows FT_PY_KINDS: both are kinds of one thing, a value. */
/* clang-format off */
#define FT_C_KINDS(X)                                                                            \
    X(32, signed) X(33, unsigned) X(34, boolean) X(35, real) X(36, pointer) X(37, enumeration)   \
    X(38, chars) X(39, raw)
#define FT_X_C(n, name) FT_C_KIND_##name = n,
enum ft_c_kind { FT_C_KINDS(FT_X_C) };

/* clang-format on */
/*
 * A watched object, or the part of one that some stores write: described once
 * in an image, for all processes forked from it.
 */
struct ft_c_global {
    struct ft_head head;
    ft_ref name;      /* "counter", "pool.size", "server+88/4" */
    ft_ref object;    /* path of the ELF object it lies in */
    uint64_t address; /* in this address space */
    uint64_t value;   /* at that moment: its first 8 bytes */
    uint32_t size;
    uint32_t element; /* an array: size of an element, which `kind` is of; else 0 */
    ft_ref names;     /* enumeration: FT_STRING "NAME=number" each ended by a NUL */
    uint8_t kind;     /* enum ft_c_kind */
    uint8_t flags;    /* FT_C_* */
    uint16_t pad;
};
enum {
    FT_C_PROGRAM = 1, /* of the program itself, not of a library */
    FT_C_SHARED = 2,  /* in memory that forked processes share: one copy for all */
};

/*
 * Store instructions that report. `id` is unique in an image and all processes
 * forked from it.
 */
struct ft_c_site {
    uint64_t pc; /* of the instruction */
    ft_ref global;
    uint16_t id;
    uint8_t size;  /* bytes it stores; 0 varies */
    uint8_t flags; /* FT_C_AT_*, FT_C_READ_BACK */
};
enum {
    FT_C_READ_BACK = 1, /* the value was read after the store: another thread's may have been faster */
    FT_C_OFFSET = 2,    /* it writes anywhere in the object: entries hold offset << 32 | value */
    /* of an FT_C_TRAP only: by which engine */
    FT_C_BY_HARDWARE = 4, /* a breakpoint of the processor, in the process itself */
    FT_C_BY_KERNEL = 8,   /* the same, seen by forktrace-ebpf */
    FT_C_BY_UPROBE = 16,  /* a probe behind the store, by forktrace-ebpf */
    FT_C_LATE = 32,       /* told when its thread let signals in again: the instruction is not known */
    /* of a site: */
    FT_C_ATOMIC = 64, /* the instruction reads and writes in one go: nobody gets between */
    FT_C_UP = 128,    /* it adds one to what is there */
};
struct ft_c_sites {
    struct ft_head head;
    uint32_t count;
    uint32_t pad;
    struct ft_c_site site[];
};

/* Writes by one thread, a page full (see above). */
struct ft_c_writes {
    struct ft_head head;
    uint64_t flags;       /* FT_C_LOCKS: entries tell of locks; none are held before the first of them */
    uint64_t reserved[5]; /* entries begin 128 bytes into a page: by its low bits a full page is recognised */
    struct ft_c_entry entry[FT_C_ENTRIES];
};
static_assert(sizeof(struct ft_c_writes) == FT_PAGE_ROOM, "a page full");

struct ft_c_write { /* one write, exact in time */
    struct ft_head head;
    uint64_t value;
    uint32_t offset; /* in the object, if its site says FT_C_OFFSET */
    uint16_t site;
    uint16_t flags; /* FT_C_LOCKS */
    uint64_t held;  /* three signs of locks, 16 bits each (held_signs) */
};
static_assert(sizeof(struct ft_c_write) == 40, "a write; without locks 32");
enum { FT_C_LOCKS = 1 };

/* What an object was when looked at: at a fork, in the parent; at the end of a process. */
struct ft_c_value {
    struct ft_head head; /* time: before it was read */
    ft_ref global;       /* FT_C_GLOBAL */
    ft_ref fork;         /* FT_FORK, or 0 */
    uint64_t value;
    uint64_t until; /* by then it was read; 0: not known */
};

/* The same, at any event that was recorded: it was another value than at the look before. */
struct ft_c_sample {
    struct ft_head head;
    ft_ref global;
    ft_ref pad; /* as in ft_c_value */
    uint64_t value, until;
};
static_assert(sizeof(struct ft_c_sample) == sizeof(struct ft_c_value), "alike");

/*
 * Half a page of the program's own writable data: its 8-byte words that are not
 * 0, as FT_C_PICTUREs refer to it. Numbers and addresses are kept as they are.
 * What may be text or a key is not: FT_C_MASKED and 20 bits of a hash, enough to
 * tell that two differ.
 */
#define FT_C_BLOCK_SIZE 2048u
struct ft_c_block {
    struct ft_head head;
    uint64_t address;
    uint64_t used[FT_C_BLOCK_SIZE / 512]; /* bit n: word n is in word[] */
    uint64_t word[];
};
#define FT_C_MASKED       0x8001ull << 48
#define FT_C_IS_MASKED(w) ((w) >> 48 == 0x8001)

/*
 * The C globals of an object at the end of a process, or at a fork. What is not
 * among the blocks of [start, end) was never written since the image was loaded.
 */
struct ft_c_picture {
    struct ft_head head;
    ft_ref fork; /* FT_FORK, or 0: at an end */
    uint32_t count;
    uint64_t start, end;
    struct ft_c_part {
        ft_ref block; /* 0: could not be written */
        uint32_t at;  /* number of the half page, from start, << 1 | FT_C_ALONE */
    } part[];
};
/* No other process has this page: it, or one that shared it, wrote there since they were forked. */
#define FT_C_ALONE 1u

/* What became of one WATCH in one image. */
/* clang-format off */
#define FT_C_OUTCOMES(X)                                                                           \
    X(1, watched, "watched")                                                                       \
    X(2, unknown, "there is no such global in the objects that were loaded")                      \
    X(3, constant, "it lies in memory that is read-only while the program runs")                  \
    X(4, stripped, "the object has no symbols: name it by address and length, 0xADDR/LEN, as a disassembler shows it") \
    X(5, invalid, "not a watch expression")                                                        \
    X(6, thread_local, "it is thread-local: each thread has its own")                             \
    X(7, no_store, "no instruction stores to it by itself: writes come through pointers only")    \
    X(8, not_loaded, "a library of this name was never loaded")
#define FT_X_OUTCOME(n, name, text) FT_C_OUTCOME_##name = n,
enum ft_c_outcome { FT_C_OUTCOMES(FT_X_OUTCOME) };

/* clang-format on */
struct ft_c_watch {
    struct ft_head head;
    ft_ref watch;      /* as it was asked for */
    ft_ref text;       /* names that are near, objects that were searched */
    ft_ref object;     /* where it was found, or 0 */
    uint32_t outcome;  /* enum ft_c_outcome */
    uint32_t stores;   /* found: direct ones, and through registers that hold its address */
    uint32_t followed; /* of these through registers or with an index: their address is checked as they run */
    uint32_t patched;
    uint32_t too_short, branched_into, unmovable; /* found, not patched */
    uint32_t taken;    /* places that take its address: writes through what becomes of it are not seen */
    uint32_t pointers; /* to it in initialised data */
    uint32_t pad;
};

/* A write that stopped the processor, or hit a probe: the same for any instruction, also in libc. */
struct ft_c_trap {
    struct ft_head head;
    uint64_t value; /* read right after the store: FT_C_READ_BACK if another thread's may have been faster */
    uint64_t after; /* an address such that the one before it is in the instruction; 0 unknown */
    ft_ref global;  /* FT_C_GLOBAL */
    uint8_t offset; /* in it, of what was written; it is not more than four times 8 bytes long */
    uint8_t size;   /* as far as it is known */
    uint16_t flags; /* FT_C_* */
};
static_assert(sizeof(struct ft_c_trap) == 40, "a trap");

/* What became of a hardware watch in one image. */
struct ft_c_hardware {
    struct ft_head head;
    ft_ref watch;   /* as in FT_C_WATCH */
    int32_t error;  /* errno of perf_event_open; 0 */
    uint8_t slots;  /* that it takes; 0 with no error: it is too long, or there were not enough left */
    uint8_t needed; /* of these there are four */
    uint8_t flags;  /* FT_C_HW_* */
    uint8_t pad;
};
enum {
    FT_C_HW_ASKED = 1,      /* as hw:NAME; else because writes through pointers would not be seen otherwise */
    FT_C_HW_ENDED = 2,      /* taken away again: patched stores hit it too often */
    FT_C_HW_GO = 4,         /* not used: the Go runtime takes signals past libc */
    FT_C_HW_KERNEL = 8,     /* by forktrace-ebpf, from then on; what has no slot has probes behind its stores:
                               FT_C_WATCH.patched */
    FT_C_HW_NO_PROBES = 16, /* the library may be in others of this file: it changes the same stores */
};

/* --- connections ---------------------------------------------------------------------------- */

enum ft_fd_direction { FT_FD_READS, FT_FD_WRITES };
enum { FT_FD_CONNECTED = 1, FT_FD_ACCEPTED = 2, FT_FD_EPOLL = 4, FT_FD_POLLED = 8 };

/* Somebody else reads (or writes) a connection than before: told one by one at first, then when their number
 * has doubled. */
struct ft_fd_use { /* before the call */
    struct ft_head head;
    struct ft_origin origin;
    uint32_t connection; /* the same number: the same one, in all processes forked from one image */
    uint32_t turn;       /* how many times that changed, this one included */
    ft_ref before;       /* task: who read (wrote) it before */
    ft_ref other;        /* who wrote (read) it last; 0 nobody */
    ft_ref inside;       /* who was in the middle of such a call; 0 nobody */
    int32_t fd;
    uint16_t held[3]; /* signs of locks held (held_signs) */
    uint8_t direction, flags;
    uint8_t address[]; /* at the first turn: struct sockaddr, who was connected to, or our own if accepted */
};

/* --- network -------------------------------------------------------------------------------- */

struct ft_bind {
    struct ft_head head;
    struct ft_origin origin;
    int32_t fd;
    int32_t error;     /* errno */
    uint8_t address[]; /* struct sockaddr as given, at most 112 bytes */
};

#endif
