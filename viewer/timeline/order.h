/*
 * order.h: what the three that bring records into the order of time share:
 * order.c collects pages and gives records out, merge.c opens pages and merges
 * them, ahead.c has that done by a second thread before it is needed.
 */
#ifndef TIMELINE_ORDER_H
#define TIMELINE_ORDER_H

#include "build.h"

#define ORDER_BATCH 256u

/* The records collected from one page. */
struct stretch {
    uint64_t time;  /* when its earliest began: by the counter; in ns, once merging has begun */
    uint64_t first; /* in places */
    const uint8_t *page;
    ft_ref ref;     /* of the page's first byte */
    uint16_t items; /* at most */
    uint16_t count; /* of places; 0: all of it is in place, as ft_page_next has it */
};

struct order {
    struct stretch *stretches;
    size_t stretch_count;
    uint16_t *places; /* in units of a reference */
    size_t place_count;
    size_t in_place; /* records that have no place */
    int64_t origin;
    struct merge *merge;
    struct ahead *ahead; /* NULL: nobody works ahead */
    struct item *at;     /* those to be given out next */
    size_t left;
    struct item batch[ORDER_BATCH]; /* they, where nobody works ahead */
};

/* A time as events have it. */
static inline int64_t order_since(int64_t ns, int64_t origin)
{
    int64_t difference;
    return __builtin_sub_overflow(ns, origin, &difference) ? INT64_MAX : difference;
}

/* merge.c: used by one thread at a time, by any. */
struct merge *merge_start(struct build *b); /* all stretches are there */
/*
 * The next items by time, no more than `room`; 0: that was all. The task of one nobody had heard of is NONE.
 * False: out of memory.
 */
bool merge_next(struct merge *m, struct item *items, size_t room, size_t *count);
void merge_free(struct merge *m);

/* ahead.c */
struct events_room {
    char *start;  /* where events will be */
    size_t bytes; /* expected */
};
/* A second thread begins to merge, and to bring `events` into memory. */
void ahead_start(struct build *b, struct events_room events);
void ahead_stop(struct build *b);
/* As merge_next; what was had before is gone. */
bool ahead_next(struct build *b, struct item **items, size_t *count);

/* events.c: room for so many events, in one place. */
struct events_room events_expect(struct build *b, size_t count);

#endif
