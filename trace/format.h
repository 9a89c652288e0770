/*
 * format.h: the trace file, byte by byte. The only place in the project that
 * knows an offset; the writer fills it, the reader checks it, nobody else looks.
 * Here: the file, its pages, what begins a record, the table of types; a
 * family's records are in format/NAME.h, one file a family.
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

/* TSC: the counter of the CPUs, x86-64's or aarch64's CNTVCT_EL0 (`arch` tells). */
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
    X(KERNEL_PYTHON, "kernel-python", "writes to Python globals: their process had ended, or its memory could not be read, before it was known whose they are")
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
    uint64_t unwatched[64];      /* atomic: hashes of images that have none of the watched globals; 0: free */
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
    X(136, C_SAMPLE, c_sample, EVENTS)       \
    X(142, C_COMMON, c_common, LINEAGE)
enum ft_type {
    FT_FILLER = 0, /* the unused rest of a page: a word, no head; at least 8 bytes */
#define X(number, NAME, name, class) FT_##NAME = number,
    FT_TYPES(X)
#undef X
};

/* clang-format on */

/* The records themselves, a family a file. */
#include "format/definition.h"
#include "format/process.h"
#include "format/thread.h"
#include "format/inherited.h"
#include "format/signal.h"
#include "format/wait.h"
#include "format/writes.h"
#include "format/python.h"
#include "format/greenlet.h"
#include "format/kernel.h"
#include "format/c_global.h"
#include "format/socket.h"

#endif
