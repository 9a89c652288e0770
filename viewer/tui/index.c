/* index.c: a counting sort by lane, binary searches, and a pyramid of maxima. */
#define _GNU_SOURCE
#include "index.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "mark.h"
#include "trace/parallel.h"

const struct mark marks[EVENT_TYPE_COUNT] = {
#define X(type, strength, ch, plain, style, legend) \
    [EVENT_##type] = {strength, plain, STYLE_##style, ch, legend},
    MARKS(X)
#undef X
};

#define LARGE ((size_t)8 << 20)

/* Page faults are much of the time it takes to fill one. */
static void *large_array(size_t bytes)
{
    void *array = bytes < LARGE
                      ? malloc(bytes)
                      : aligned_alloc(LARGE / 4, (bytes + LARGE / 4 - 1) / (LARGE / 4) * (LARGE / 4));
    if (array && bytes >= LARGE) madvise(array, bytes, MADV_HUGEPAGE); /* it may say no */
    return array;
}

thread_id index_lane(const struct timeline *t, thread_id thread, process_id process)
{
    if (thread < t->thread_count && !t->threads[thread].is_main) return thread;
    if (thread < t->thread_count) process = t->threads[thread].process;
    if (process >= t->process_count) return NONE;
    thread_id main = t->processes[process].main;
    return main < t->thread_count ? main : NONE;
}

/* The lanes of all threads: asked for once an event. */
static thread_id *lanes_of(const struct timeline *t)
{
    thread_id *lane = malloc((t->thread_count + 1) * sizeof *lane);
    for (thread_id i = 0; lane && i < t->thread_count; i++) lane[i] = index_lane(t, i, NONE);
    return lane;
}

static thread_id lane_of(const struct timeline *t, const thread_id *lanes, const struct event_about *e)
{
    return e->thread < t->thread_count ? lanes[e->thread] : index_lane(t, e->thread, e->process);
}

/*
 * A counting sort in PARTS, as many events each, so that two processors can do it: each part counts those of
 * every lane, and then knows where in the lane's room its own go.
 */
#define PARTS 2u
#define WORTH (1u << 20) /* events: fewer are sorted before a thread has begun */
struct sort {
    struct index *ix;
    const struct filter *filter;
    const thread_id *lanes;
    uint32_t *at[PARTS]; /* by lane: how many; then where the next one goes */
};

static thread_id lane_of_event(const struct sort *s, event_id i)
{
    const struct timeline *t = s->ix->timeline;
    return filter_event(s->filter, i) ? lane_of(t, s->lanes, timeline_about(t, i)) : NONE;
}

static event_id begin_of(const struct sort *s, size_t part)
{
    return (event_id)(s->ix->timeline->event_count * part / PARTS);
}

static void count_lanes(void *context, size_t part, size_t to)
{
    const struct sort *s = context;
    for (; part < to; part++)
        for (event_id i = begin_of(s, part); i < begin_of(s, part + 1); i++) {
            thread_id lane = lane_of_event(s, i);
            if (lane != NONE) s->at[part][lane]++;
        }
}

static void fill_lanes(void *context, size_t part, size_t to)
{
    const struct sort *s = context;
    for (; part < to; part++)
        for (event_id i = begin_of(s, part); i < begin_of(s, part + 1); i++) {
            thread_id lane = lane_of_event(s, i);
            if (lane == NONE) continue;
            s->ix->events[s->at[part][lane]++] = i;
        }
}

static uint32_t place_lanes(const struct sort *s)
{
    uint32_t place = 0;
    for (size_t l = 0; l < s->ix->timeline->thread_count; l++) {
        s->ix->first[l] = place;
        for (size_t part = 0; part < PARTS; part++) {
            uint32_t count = s->at[part][l];
            s->at[part][l] = place;
            place += count;
        }
    }
    return s->ix->first[s->ix->timeline->thread_count] = place;
}

static bool sort_events(struct index *ix, const struct filter *filter, const thread_id *lanes)
{
    size_t count = ix->timeline->thread_count + 1;
    size_t piece = ix->timeline->event_count < WORTH ? PARTS : 1;
    struct sort s = {.ix = ix, .filter = filter, .lanes = lanes};
    uint32_t *at = s.at[0] = calloc(PARTS * count, sizeof *at);
    for (size_t part = 1; at && part < PARTS; part++) s.at[part] = at + part * count;
    if (at) {
        ft_parallel(PARTS, piece, count_lanes, &s);
        uint32_t all = place_lanes(&s);
        ix->events = large_array((all + 1) * sizeof *ix->events);
    }
    if (ix->events) ft_parallel(PARTS, piece, fill_lanes, &s);
    free(at);
    return ix->events;
}

static bool sort_waits(struct index *ix, const struct filter *filter, const thread_id *lanes)
{
    const struct timeline *t = ix->timeline;
    uint32_t *first = ix->first_wait;
    size_t count;
    const event_id *waits = timeline_events_of_type(t, EVENT_LOCK_WAIT, &count);
    for (size_t l = 0; l < t->thread_count; l++) ix->last_wait[l] = NONE;
    for (size_t i = 0; i < count; i++) {
        thread_id lane = lane_of(t, lanes, timeline_about(t, waits[i]));
        if (lane == NONE) continue;
        ix->last_wait[lane] = waits[i];
        if (filter_event(filter, waits[i])) first[lane + 1]++;
    }
    for (size_t l = 0; l < t->thread_count; l++) first[l + 1] += first[l];
    ix->waits = malloc((count + 1) * sizeof *ix->waits);
    for (size_t i = 0; ix->waits && i < count; i++) {
        thread_id lane = lane_of(t, lanes, timeline_about(t, waits[i]));
        if (lane != NONE && filter_event(filter, waits[i])) ix->waits[first[lane]++] = waits[i];
    }
    for (size_t l = t->thread_count; l > 0; l--) first[l] = first[l - 1];
    first[0] = 0;
    return ix->waits;
}

/* The strongest so far: the first of equals. */
struct best {
    uint32_t position;
    int strength; /* -1: there is none yet */
};

static inline void stronger(const struct index *ix, int level, uint32_t i, struct best *best)
{
    const struct timeline *t = ix->timeline;
    int strength =
        level < 0 ? mark_of_type(timeline_about(t, ix->events[i])->type)->strength : ix->strength[level][i];
    if (strength > best->strength) *best = (struct best){level < 0 ? i : ix->best[level][i], strength};
}

static void fill_level(struct index *ix, int level, uint32_t count, uint32_t blocks)
{
    for (uint32_t b = 0; b < blocks; b++) {
        struct best best = {NONE, -1};
        for (uint32_t i = b * INDEX_BLOCK; i < count && i < (b + 1) * INDEX_BLOCK; i++)
            stronger(ix, level - 1, i, &best);
        ix->best[level][b] = best.position;
        ix->strength[level][b] = (uint8_t)best.strength;
    }
}

static bool build_pyramid(struct index *ix)
{
    uint32_t count = ix->first[ix->timeline->thread_count];
    for (int k = 0; k < INDEX_LEVELS && count > INDEX_BLOCK; k++) {
        uint32_t blocks = (count + INDEX_BLOCK - 1) / INDEX_BLOCK;
        ix->best[k] = malloc(blocks * sizeof **ix->best);
        ix->strength[k] = malloc(blocks);
        if (!ix->best[k] || !ix->strength[k]) return false;
        fill_level(ix, k, count, blocks);
        count = blocks;
    }
    return true;
}

bool index_build(struct index *ix, const struct timeline *t, const struct filter *filter)
{
    *ix = (struct index){.timeline = t};
    ix->first = calloc(t->thread_count + 1, sizeof *ix->first);
    ix->first_wait = calloc(t->thread_count + 1, sizeof *ix->first_wait);
    ix->last_wait = malloc((t->thread_count + 1) * sizeof *ix->last_wait);
    thread_id *lanes = lanes_of(t);
    bool done = ix->first && ix->first_wait && ix->last_wait && lanes && sort_events(ix, filter, lanes) &&
                sort_waits(ix, filter, lanes) && build_pyramid(ix);
    free(lanes);
    if (!done) index_free(ix);
    return done;
}

void index_free(struct index *ix)
{
    free(ix->first);
    free(ix->first_wait);
    free(ix->events);
    free(ix->waits);
    free(ix->last_wait);
    for (int k = 0; k < INDEX_LEVELS; k++) free(ix->best[k]), free(ix->strength[k]);
    *ix = (struct index){0};
}

static uint32_t search(const struct timeline *t, const event_id *events, uint32_t low, uint32_t high,
                       int64_t ns)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (t->events[events[middle]].ns < ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t index_at(const struct index *ix, thread_id lane, int64_t ns)
{
    return search(ix->timeline, ix->events, ix->first[lane], ix->first[lane + 1], ns);
}

uint32_t index_next(const struct index *ix, uint32_t from, uint32_t end, int64_t ns)
{
    uint32_t step = 1;
    while (step < end - from && ix->timeline->events[ix->events[from + step]].ns < ns) step *= 2;
    uint32_t high = step < end - from ? from + step : end;
    return search(ix->timeline, ix->events, from + step / 2, high, ns);
}

uint32_t index_of(const struct index *ix, thread_id lane, event_id event)
{
    uint32_t low = ix->first[lane], end = ix->first[lane + 1], high = end;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (ix->events[middle] < event)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && ix->events[low] == event ? low : end;
}

event_id index_strongest(const struct index *ix, uint32_t from, uint32_t to)
{
    struct best best = {NONE, -1};
    uint32_t size = 1; /* of what we step over: 1, 16, 256, ... */
    int k = -1;
    while (from < to) { /* up in steps as large as their alignment, then down again */
        while (k + 1 < INDEX_LEVELS && ix->best[k + 1] && from % (size * INDEX_BLOCK) == 0 &&
               to - from >= size * INDEX_BLOCK) {
            size *= INDEX_BLOCK;
            k++;
        }
        while (k >= 0 && to - from < size) {
            size /= INDEX_BLOCK;
            k--;
        }
        stronger(ix, k, from / size, &best);
        from += size;
    }
    return ix->events[best.position];
}

event_id index_wait_before(const struct index *ix, thread_id lane, int64_t ns)
{
    uint32_t at = search(ix->timeline, ix->waits, ix->first_wait[lane], ix->first_wait[lane + 1], ns);
    return at > ix->first_wait[lane] ? ix->waits[at - 1] : NONE;
}
