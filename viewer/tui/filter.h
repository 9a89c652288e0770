/*
 * filter.h: which lanes and events are on the screen (&, o). A filter is words
 * that must all hold, each a regular expression (POSIX extended, upper and lower
 * case alike):
 *   word     the text of an event, or the name of its lane or process
 *   p:word   the process: its name or pid
 *   t:word   the thread: its name or tid
 *   k:word   the kind of event: fork, sigaction, lock-wait
 *   !word    (also !p:word ...) must not hold
 * A lane stays if its name does or any event on it; the parents of what stays
 * stay too, for the tree.
 */
#ifndef TUI_FILTER_H
#define TUI_FILTER_H

#include "viewer/timeline/timeline.h"

#define FAMILIES 16
struct filter {
    char text[128]; /* "": none */
    /* only these processes, those they come from and those that come from them; none: all */
    process_id family[FAMILIES];
    size_t families;
    /* what stays; NULL: everything */
    bool *process, *thread, *event;
};

/* Work out what stays of a timeline. False: `error` (of `size` bytes) says why; then everything stays. */
bool filter_apply(struct filter *f, const struct timeline *t, char *error, size_t size);
/* Everything stays. */
void filter_clear(struct filter *f);

static inline bool filter_on(const struct filter *f) { return f && f->process != NULL; }
static inline bool filter_process(const struct filter *f, process_id p)
{
    return !filter_on(f) || f->process[p];
}
static inline bool filter_thread(const struct filter *f, thread_id t)
{
    return !filter_on(f) || f->thread[t];
}
static inline bool filter_event(const struct filter *f, event_id e) { return !filter_on(f) || f->event[e]; }

#endif
