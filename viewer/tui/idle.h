/*
 * idle.h: the stretches of a run in which nothing happens, and a clock that
 * hurries through them: time on the screen = time - what was left out. Used by
 * the window when the reader asks for it (z); without, both clocks are one.
 */
#ifndef TUI_IDLE_H
#define TUI_IDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "viewer/timeline/timeline.h"

#define IDLE_MOST 200 /* so long is a stretch at least: this part of the run */

struct idle_gap {
    int64_t start, end; /* nothing begins or ends in between */
    int64_t shown;      /* where it starts on the screen's clock */
};

struct idle {
    int64_t width; /* how long each gap takes on the screen's clock */
    size_t count;
    struct idle_gap gap[IDLE_MOST + 1];
};

/* Find the gaps of a run that lasts `end`. False: there are none. */
bool idle_find(struct idle *idle, const struct timeline *t, int64_t end);

/* From one clock to the other and back; `idle` may be NULL. Monotonic, and inverse where nothing is left out.
 */
int64_t idle_shown(const struct idle *idle, int64_t ns);
int64_t idle_time(const struct idle *idle, int64_t shown);
/* The gap a time lies in, or NULL. */
const struct idle_gap *idle_at(const struct idle *idle, int64_t ns);

#endif
