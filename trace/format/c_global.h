/*
 * c_global.h: records of C globals: what is watched, where it is stored to,
 * writes, values, pictures of memory. Part of ../format.h, which includes it.
 */
#ifndef FT_FORMAT_C_GLOBAL_H
#define FT_FORMAT_C_GLOBAL_H

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
    uint32_t print; /* of more than 8 bytes: stands for all of them; 0 unknown */
    uint32_t pad2;
};
enum { FT_C_PROGRAM = 1 }; /* of the program itself, not of a library */

/*
 * It lies in memory that is mapped MAP_SHARED: this process and those it forks from this fork on have one
 * copy in common.
 */
struct ft_c_common {
    struct ft_head head;
    ft_ref global; /* FT_C_GLOBAL */
    ft_ref fork;   /* FT_FORK: the first of them */
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
    FT_C_BY_HARDWARE = 4,  /* a breakpoint of the processor, in the process itself */
    FT_C_BY_KERNEL = 8,    /* the same, seen by forktrace-ebpf */
    FT_C_BY_UPROBE = 16,   /* a probe behind the store, by forktrace-ebpf */
    FT_C_LATE = 32,        /* told when its thread let signals in again: the instruction is not known */
    FT_C_WITH_LOCKS = 256, /* `held` tells of locks */
    /* of a site, and of an FT_C_TRAP by hardware: */
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
    uint32_t print; /* of more than 8 bytes: as in FT_C_GLOBAL */
    uint32_t pad;
};

/* The same, at any event that was recorded: it was another value than at the look before. */
struct ft_c_sample {
    struct ft_head head;
    ft_ref global;
    ft_ref pad; /* as in ft_c_value */
    uint64_t value, until;
    uint32_t print, pad2;
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
    X(8, not_loaded, "a library of this name was never loaded")                                    \
    X(9, compared, "its stores are found on x86-64 only: here its value is compared at every event")
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
    uint64_t value; /* stored, or read right after: FT_C_READ_BACK if another thread's may have been faster */
    uint64_t after; /* an address such that the one before it is in the instruction; 0 unknown */
    ft_ref global;  /* FT_C_GLOBAL */
    uint8_t offset; /* in it, of what was written; it is not more than four times 8 bytes long */
    uint8_t size;   /* as far as it is known */
    uint16_t flags; /* FT_C_* */
    uint64_t held;  /* three signs of locks, 16 bits each (held_signs) */
};
static_assert(sizeof(struct ft_c_trap) == 48, "a trap; without locks 40");

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

#endif
