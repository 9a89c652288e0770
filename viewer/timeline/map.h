/*
 * map.h: a hash map from a pair of numbers to a number. For the maps of the
 * timeline: pids, tids, references. Grows by doubling; nothing is ever removed.
 */
#ifndef TIMELINE_MAP_H
#define TIMELINE_MAP_H

#include <stdbool.h>
#include <stdint.h>

struct map_entry {
    uint64_t a, b;
    uint32_t value;
    bool used;
};

struct map {
    struct map_entry *entries;
    uint32_t count, size; /* size: a power of two, or 0 */
    uint32_t last;        /* the entry found last: of events in a row many ask for the same */
};

/* Where the value of (a, b) is, or NULL. Valid until the next map_put. Not for several threads at once. */
uint32_t *map_get(const struct map *m, uint64_t a, uint64_t b);
/* Set it. false: out of memory. */
bool map_put(struct map *m, uint64_t a, uint64_t b, uint32_t value);
void map_free(struct map *m);

#endif
