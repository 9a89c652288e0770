/* ask.h: running forktrace-watch. Inside preload/watch/ only. */
#ifndef WATCH_ASK_H
#define WATCH_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "preload/watch/plan.h"

#define ASK_NOTHING_NEW ((const struct plan_answer *)1) /* no object was loaded since */

/*
 * What to do for `watch` in the objects loaded now that were not asked about
 * before: mapped memory of *size bytes, the caller's to unmap. NULL: it could
 * not be found out (a note says so). From the constructor, or while the loader waits for us.
 */
const struct plan_answer *ask(struct plan_question *question, const char *watch, size_t *size);
void ask_init(void); /* constructor only */
/* What the answer said was done. Until then: what this question was the first to ask about is to be asked
 * again, for a fork came in between, and this is the child. */
void ask_done(void), ask_again(void);
/* Whether the objects that were loaded at the last question have this address. */
bool ask_is_loaded(uint64_t address);

#endif
