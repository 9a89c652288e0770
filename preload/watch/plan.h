/*
 * plan.h: what the library asks forktrace-watch, and the answer: which code to
 * put where. Both come from one build and talk through one memory file, whose
 * content is replaced by the answer.
 *
 * Finding stores takes a disassembler, ELF and DWARF readers and a lot of
 * memory: none of it belongs into somebody else's process. So the library
 * starts forktrace-watch as a child nobody notices, and only copies the bytes
 * it is told to copy.
 */
#ifndef WATCH_PLAN_H
#define WATCH_PLAN_H

#include <stdint.h>

#define PLAN_ASK    0x6b534154u
#define PLAN_ANSWER 0x6e414c50u
#define PLAN_FD     3 /* of the memory file in forktrace-watch */

struct plan_question {
    uint32_t magic;
    uint32_t objects; /* their number */
    uint64_t cursor;  /* struct place.cursor of a thread, from its thread pointer (below 0) */
    uint64_t alive;   /* address of the word that is 0 after a fork nobody noticed yet */
    uint64_t entry;   /* address of watch_entry */
    uint64_t held;    /* watches, by their number in the list, that have hardware: bit n */
    uint32_t slots;   /* of the hardware, to be had */
    uint32_t shadow;  /* return addresses have to be pushed by calls: there is a shadow stack */
    /* followed by FORKTRACE_WATCH, ended by a NUL, and the objects: a struct plan_loaded each, its path, a
     * NUL
     */
};

struct plan_loaded {
    uint64_t bias, start, end; /* as in struct ft_object */
    uint32_t fresh;            /* its code has not been looked at before */
    uint32_t program;          /* the program itself */
};

/* Text is an offset into the answer; 0: none. */
struct plan_watch {
    uint32_t watch, text, object;
    uint32_t outcome; /* enum ft_c_outcome */
    uint32_t stores, followed, patched, too_short, branched_into, unmovable, taken, pointers;
    uint32_t number; /* in the list; bit of plan_patch.watches */
    uint8_t needed;  /* slots of the hardware; 255: too many, 0: not wanted */
    uint8_t slots;   /* it is to take */
    uint8_t asked;   /* for hardware */
    uint8_t refused; /* FT_C_HW_*: why not */
};

/* A place for a breakpoint. What is written there is the value at `value_at`, or an element of an array. */
struct plan_slot {
    uint64_t at, value_at;
    uint32_t watch, global; /* indices */
    uint8_t length, value_size;
    uint8_t offset;  /* in the global, of value_at */
    uint8_t element; /* size; 0: none */
    uint32_t pad;
};

struct plan_global {
    uint64_t address, size;
    uint32_t name, object;
    uint32_t names; /* of an enumeration, `names_length` bytes */
    uint32_t names_length;
    uint32_t element;
    uint8_t kind, flags;
    uint16_t pad;
};

struct plan_site {
    uint64_t pc;
    uint32_t global; /* index */
    uint16_t pad;
    uint8_t size, flags; /* as in struct ft_c_site */
};

/* Code that belongs near one object. */
struct plan_code {
    uint64_t start, end; /* of the object */
    uint32_t code, length;
    uint32_t frames, pad; /* in it: .eh_frame_hdr */
};

/*
 * A jump into that code over `length` bytes at `at`, which now are `original`.
 * Of a jump longer than that, the last bytes are those that follow, which stay:
 * they say where it leads, give or take what its own bytes can change. In the
 * order in which they are to be made: so that what follows is final.
 */
#define PLAN_LONGEST 32
struct plan_patch {
    uint64_t at;
    uint64_t watches; /* it concerns, bit n: the one with that number */
    uint32_t code;    /* index of plan_code */
    uint32_t target;  /* offset in it */
    uint8_t length;
    uint8_t skip; /* 1: the first byte becomes a nop, the jump follows: a lock prefix somebody jumps past */
    uint8_t pad[6];
    uint8_t original[PLAN_LONGEST];
};

/* What depends on where the code is put, and on the ids the sites get. */
enum plan_fix_kind {
    PLAN_RELATIVE, /* 32 bits at `at`: target - (address of at + 4) */
    PLAN_ID,       /* 16 bits at `at`: the id of site number `target` */
};
struct plan_fix {
    uint64_t target;
    uint32_t code, at, kind, pad;
};

struct plan_answer {
    uint32_t magic;
    uint32_t size;
    /* offset and number of each; of `text` its bytes */
    uint32_t watches, watch_count;
    uint32_t globals, global_count;
    uint32_t sites, site_count;
    uint32_t codes, code_count;
    uint32_t patches, patch_count;
    uint32_t fixes, fix_count;
    uint32_t slots, slot_count;
};

#endif
