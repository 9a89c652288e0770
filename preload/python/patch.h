/*
 * patch.h: putting a jump at the entry of a function of the interpreter.
 * Inside preload/python/ only; x86-64 only.
 */
#ifndef PYTHON_PATCH_H
#define PYTHON_PATCH_H

#include <link.h>

#include "preload/python/stub.h"
#include "preload/self.h"

/* Where the functions of an object begin, from its .eh_frame_hdr. */
struct patch_object {
    const uint8_t *text, *text_end; /* its executable segment */
    const uint8_t *table;           /* sorted pairs of 32-bit offsets from `base` */
    const uint8_t *base;
    uint32_t functions;
};

/* False if the object has no such table. Reads the program headers where ld.so mapped them. */
bool patch_object(struct patch_object *object, const struct link_map *map, const void *start);

/* The end of the function that begins exactly at `function`; NULL if none does. */
const uint8_t *patch_function_end(const struct patch_object *object, const uint8_t *function);

/*
 * The functions that both `a` and `b` jump to as their last act (at most
 * `room`); their number. How static functions are found by their exported callers.
 */
unsigned patch_tails(const struct patch_object *object, const uint8_t *a, const uint8_t *b,
                     const uint8_t **found, unsigned room);

#define PATCHES    8
#define PATCH_JUMP 5 /* bytes of jmp rel32 */
struct patch_set {   /* all zero: empty */
    uint8_t *page;   /* of stubs */
    unsigned used;   /* bytes of it */
    unsigned count;
    struct patch {
        uint8_t *function, *entry;
        unsigned length; /* of the moved instructions */
        uint8_t before[PATCH_JUMP];
    } patch[PATCHES];
};

/*
 * Get ready to make `function` begin with a jump to a copy of `code`, which
 * jumps to `hook` at need; *back is where the hook has to jump to go on with the
 * original. Nothing is changed yet. False
 * if its first instructions are not of the few kinds that can be moved (a
 * debugger's breakpoint is not), or memory near it cannot be had.
 */
bool patch_prepare(struct patch_set *set, const struct patch_object *object, const uint8_t *function,
                   const struct stub *code, void *hook, void **back);

/* The kernel knows no other thread of this process. */
bool patch_alone(void);

/*
 * Patch all of the set, or nothing (false). The caller is alone, or holds what
 * keeps every other thread out of these functions (the GIL); that this thread
 * itself was not interrupted in them is checked here.
 */
bool patch_commit(struct patch_set *set, bool alone);

/* Give back the memory of a set that was not committed. */
void patch_drop(struct patch_set *set);

#endif
