/*
 * patch.h: changing the program's code as a plan says. Inside preload/watch/
 * only; normal context; x86-64.
 */
#ifndef WATCH_PATCH_H
#define WATCH_PATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "preload/watch/plan.h"

#define PATCH_WATCHES 64

static inline const void *plan_at(const struct plan_answer *plan, uint32_t offset)
{
    return (const char *)plan + offset;
}

/*
 * Put the plan's code into place, its sites numbered from `first_id` on, and
 * jumps into it. missed[n]: how many patches that concern watch number n could not be made. False: code
 * cannot be changed here.
 */
bool patch_all(const struct plan_answer *plan, uint32_t first_id, uint32_t missed[PATCH_WATCHES]);

/* `function` of at least 5 bytes, or a short one with padding behind it, becomes a jump. False: it could not.
 */
bool patch_function(uint8_t *function, void (*to)(void));

/*
 * islands.c: room for a jump to `to`, where a jump at `at` can lead: of its 5
 * bytes only the first `length` can be chosen. NULL: there is none.
 */
const uint8_t *island_make(uint64_t object, const uint8_t *at, const uint8_t bytes[5], unsigned length,
                           const uint8_t *to);
/* Those for objects that are not loaded any more are unmapped. */
void islands_forget(bool (*is_loaded)(uint64_t address));
/* Is there an island, or might one be made there? */
bool island_at(uintptr_t address);
/* The pages with islands become executable, and full. Before any jump to them is made. */
bool islands_close(void);

/*
 * placed.c: the code that was put near `object` (its address), which has its
 * .eh_frame_hdr at `frames`. It is unmapped when `is_loaded` says that the
 * object is not there any more.
 */
void placed_add(uint64_t object, uint8_t *memory, size_t size, const uint8_t *frames);
void placed_forget(bool (*is_loaded)(uint64_t address));

#endif
