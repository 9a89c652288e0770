/* moment.c: see moment.h. */
#include "moment.h"

#include <time.h>

#define CLOCK_EVERY 100000000u /* ns: the reader keeps one pair for so long */
#define TRIES       5
#define BASE_LINE   200000000u /* ns: a line through two points is as good as they are far apart */

/* The closest of a few: we may be interrupted in between. */
struct pair moment_now(const struct output *o)
{
    struct pair best = {0};
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        struct timespec ts;
        uint64_t first = ft_now(&o->writer);
        clock_gettime(CLOCK_MONOTONIC, &ts);
        uint64_t last = ft_now(&o->writer);
        if (last - first >= least) continue;
        least = last - first;
        best = (struct pair){first + least / 2, (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec};
    }
    return best;
}

/* The line through a look some time ago and the last one; the same line before and after. */
uint64_t moment_counter(const struct output *o, uint64_t ns)
{
    const struct pair *a = &o->before, *b = &o->now;
    if (b->ns == a->ns) return b->counter;
    __int128 part = (__int128)((int64_t)(ns - a->ns)) * (int64_t)(b->counter - a->counter);
    return a->counter + (uint64_t)(int64_t)(part / (int64_t)(b->ns - a->ns));
}

void moment_tick(struct output *o)
{
    struct pair pair = moment_now(o);
    if (pair.ns <= o->now.ns) return;
    if (pair.ns - o->middle.ns >= BASE_LINE) {
        o->before = o->middle;
        o->middle = pair;
    }
    o->now = pair;
    if (pair.ns - o->clock_told < CLOCK_EVERY) return;
    struct ft_clock *record = ft_begin(&o->writer, FT_CLOCK, sizeof *record, 0);
    if (!record) return;
    record->head.time = pair.counter;
    record->monotonic = pair.ns;
    ft_commit(record);
    o->clock_told = pair.ns;
}
