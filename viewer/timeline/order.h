/*
 * order.h: what order.c, which brings records into the order of time, shares
 * with ahead.c, which does part of it before it is needed.
 */
#ifndef TIMELINE_ORDER_H
#define TIMELINE_ORDER_H

#include "build.h"

/* The records collected from one page. */
struct stretch {
    const uint8_t *page;
    ft_ref ref;        /* of the page's first byte */
    uint32_t count;    /* items, at most */
    size_t first, end; /* in places */
    uint64_t counter;  /* of the earliest */
    int64_t ns;        /* the same, once all are collected */
    bool in_place;     /* all of it, as ft_page_next has them */
};

/* In a heap: the page whose next item is earliest comes first. */
struct open_page {
    int64_t ns; /* of its next item */
    struct item *items;
    uint32_t count, at;
};

struct order {
    struct stretch *stretches;
    size_t stretch_count, next;
    uint16_t *places; /* in units of a reference */
    size_t place_count;
    size_t in_place; /* records that have no place */
    struct open_page *heap;
    size_t heap_count;
    bool started; /* an item of the first page has been given out */
    int64_t origin;
    struct ahead *ahead; /* NULL: nobody works ahead */
};

/* The records of a stretch as items, by time, their task still a reference; their number. Of any thread. */
uint32_t order_fill(const struct build *b, const struct stretch *s, struct item *items);

/* All stretches are in order: a second thread begins to open them, and to bring `events` into memory. */
struct events_room {
    char *start;  /* where events will be */
    size_t bytes; /* expected */
};
void ahead_start(struct build *b, struct events_room events);
void ahead_stop(struct build *b);
/* The items of stretch `i`, asked for in turn; the caller frees them. False: do it yourself. */
bool ahead_take(struct build *b, size_t i, struct item **items, uint32_t *count);

/* events.c: room for so many events, in one place. */
struct events_room events_expect(struct build *b, size_t count);

#endif
