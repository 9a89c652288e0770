/*
 * stored.h: what the instruction before an address stored, and where: of a
 * thread that a breakpoint stopped right behind it. Inside preload/watch/ only;
 * x86-64.
 */
#ifndef WATCH_STORED_H
#define WATCH_STORED_H

#include <stdbool.h>
#include <stdint.h>

struct stored {
    uint64_t at;
    uint32_t size;
    bool whole;    /* all of these bytes were written; else some of them: a mask says which, or who knows */
    bool known;    /* `value` is what was stored, whatever is there now; at most 8 bytes */
    uint8_t flags; /* FT_C_ATOMIC, FT_C_UP */
    uint64_t value;
};

/*
 * `end`: where the instruction ends; `registers`: as in a ucontext_t, right after it. It is one that stored
 * to some of the `length` bytes at `hit`, and wrote nothing into its own address registers. False: it is not
 * one we know. Async-signal-safe.
 */
bool stored_before(const uint8_t *end, const long long *registers, uint64_t hit, unsigned length,
                   struct stored *s);

#endif
