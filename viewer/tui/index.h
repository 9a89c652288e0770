/*
 * index.h: events by lane, so that drawing costs what the columns cost and not
 * what the events cost: binary search by time, and the most important event of
 * any stretch from a pyramid of maxima.
 *
 * A lane is named by a thread. All main threads of a process (an exec may
 * change it) share the lane of its last one.
 */
#ifndef TUI_INDEX_H
#define TUI_INDEX_H

#include "filter.h"
#include "viewer/timeline/timeline.h"

#define INDEX_BLOCK  16u
#define INDEX_LEVELS 7

struct index {
    const struct timeline *timeline;
    uint32_t *first;   /* [thread_count + 1]: where each lane's part of `events` starts */
    event_id *events;  /* by lane, then by time */
    uint32_t *first_wait;
    event_id *waits;              /* those of type LOCK_WAIT, likewise */
    event_id *last_wait;          /* [thread_count]: each lane's last one, though a filter hides it; or NONE */
    /* level k: position of the strongest event in each block of 16^(k+1), and how strong it is */
    uint32_t *best[INDEX_LEVELS];
    uint8_t *strength[INDEX_LEVELS];
};

/* Of the events a filter leaves (NULL: of all). False: out of memory, and nothing is left. */
bool index_build(struct index *ix, const struct timeline *t, const struct filter *filter);
void index_free(struct index *ix);

thread_id index_lane(const struct timeline *t, thread_id thread, process_id process);
/* Positions in ix->events: the first of a lane at or after a time (the lane's end if none). */
uint32_t index_at(const struct index *ix, thread_id lane, int64_t ns);
/* The first position from `from` on, of those before `end`, at or after a time: quick when it is near. */
uint32_t index_next(const struct index *ix, uint32_t from, uint32_t end, int64_t ns);
/* The position of an event on its lane; the lane's end if it is not there. */
uint32_t index_of(const struct index *ix, thread_id lane, event_id event);
/* The strongest event of a stretch that is not empty (mark_strength; the first of equals). */
event_id index_strongest(const struct index *ix, uint32_t from, uint32_t to);
/* The last wait of the lane that began before a time, or NONE. */
event_id index_wait_before(const struct index *ix, thread_id lane, int64_t ns);

#endif
