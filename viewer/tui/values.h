/*
 * values.h: what is known of a global's copy over time, as points in time
 * order, so that drawing a strip is a binary search a column.
 *
 * A watched copy has a point for each write. Of any other only these are
 * known: its value at birth, what its children were born with, and the last.
 */
#ifndef TUI_VALUES_H
#define TUI_VALUES_H

#include "viewer/timeline/timeline.h"

enum point_kind { POINT_BIRTH, POINT_WRITE, POINT_FORK, POINT_LAST, POINT_CLEARED };

struct point {
    int64_t ns;
    struct value value;
    event_id event; /* WRITE, CLEARED; else NONE */
    uint8_t kind;   /* enum point_kind */
    bool unseen;    /* writes nobody recorded one by one come after it, before the next point */
};

struct values {
    const struct timeline *timeline;
    size_t copies;
    uint32_t *first;    /* [copy_count + 1]: where each copy's part of `points` starts */
    uint32_t *points;   /* event of a watched copy, child copy of another; NONE: the last write */
    uint32_t **ranks;   /* [copy_count]: of a copy that is written all the time, instead: see values.c */
    int64_t *split;     /* [copy_count]: its first fork from or to another copy, or NEVER */
    double (*range)[2]; /* [global_count]: the least and the greatest number its copies were born and ended
                           with */
};

/* False: out of memory, and nothing is left. */
bool values_build(struct values *v, const struct timeline *t);
void values_free(struct values *v);

/* How many points of a copy lie before a time. */
uint32_t values_before(const struct values *v, copy_id copy, int64_t ns);
uint32_t values_count(const struct values *v, copy_id copy);
/* Point i of a copy; 0 is the first after its birth, UINT32_MAX its birth. */
struct point values_point(const struct values *v, copy_id copy, uint32_t i);
/* What holds at a time. False: the copy does not exist then. */
bool values_at(const struct values *v, copy_id copy, int64_t ns, struct point *point);
/* At this time the copy has been written since it is no longer shared: it goes its own way. */
bool values_apart(const struct values *v, copy_id copy, int64_t ns);
/* The whole number in a value, if it is one of 64 bits with a sign. */
bool value_integer(struct value value, int64_t *number);
/* The number in a value, if it is one. */
bool value_number(struct value value, double *number);

#endif
