/*
 * stores.h: which instructions of an object's code store to a range of
 * addresses: by themselves, or through a register that holds an address of the
 * object the range lies in. x86-64.
 *
 * A byte search for displacements finds the functions worth looking at; only
 * these are decoded, from where .eh_frame says they begin.
 *
 * Addresses are those of the ELF file, as in symbols.h.
 */
#ifndef SYMBOLS_STORES_H
#define SYMBOLS_STORES_H

#include <Zydis/Zydis.h>

#include "symbols.h"

struct stores_target {
    uint64_t start, size;         /* what is watched */
    uint64_t object, object_size; /* the whole object it is part of */
    const char *exported;         /* the name other objects find it by; NULL: none */
    bool here;                    /* it lies in the object that is searched; else only its GOT knows it */
};

enum store_kind {
    STORE_NONE,
    STORE_DIRECT,   /* its operand names an address that overlaps the range */
    STORE_FOLLOWED, /* a register of its operand may hold an address of the object: to be checked as it runs
                     */
};

struct code {
    uint64_t address;
    const uint8_t *bytes;
    uint64_t writes;       /* STORE_DIRECT: the address it stores to */
    uint64_t targets;      /* STORE_FOLLOWED: those it may store to; bit n: target n */
    uint16_t size;         /* bytes it stores */
    uint8_t length, store; /* enum store_kind */
    uint8_t into;          /* a branch leads so many bytes into it: past a lock prefix; else 0 */
    bool entered;          /* a branch leads here */
    bool follows;          /* control comes here from the instruction before */
    bool fixed;            /* it cannot be executed elsewhere: a branch, a call, a use of rip */
};

/* A decoded function. */
struct function {
    struct code *code;
    size_t count;
    bool indirect; /* has a jump whose targets are not known, or handlers of exceptions */
};

struct stores_counts {
    uint32_t taken;    /* instructions that take the object's address */
    uint32_t pointers; /* relocations in data that hold it */
};

/* What is looked at is handed out function by function; valid during the call. */
typedef void stores_visit(void *context, const struct function *function);

/*
 * Calls visit for each function with a store to one of the targets (at most 64); counts has
 * as many. False: the object is no x86-64 code.
 */
bool stores_find(struct symbols *s, const struct stores_target *targets, size_t count,
                 struct stores_counts *counts, stores_visit *visit, void *context);

/*
 * Is there anything that looks like a branch, in all of the object's code, to
 * one of these (sorted) addresses? Sets hit[i]. Jumps of 8 bits are the
 * function's own and known already.
 */
void stores_branches(struct symbols *s, const uint64_t *addresses, size_t count, bool *hit);

#endif
