/* index.c: a counting sort by lane, binary searches, and a pyramid of maxima. */
#include "index.h"

#include <stdlib.h>

#include "mark.h"

const struct mark marks[EVENT_TYPE_COUNT] = {
#define X(type, strength, ch, plain, style, legend) \
    [EVENT_##type] = {strength, plain, STYLE_##style, ch, legend},
    MARKS(X)
#undef X
};

thread_id index_lane(const struct timeline *t, thread_id thread, process_id process)
{
    if (thread < t->thread_count && !t->threads[thread].is_main) return thread;
    if (thread < t->thread_count) process = t->threads[thread].process;
    if (process >= t->process_count) return NONE;
    thread_id main = t->processes[process].main;
    return main < t->thread_count ? main : NONE;
}

static event_id *sort(const struct timeline *t, const struct filter *filter, uint32_t *first, bool waits_only)
{
    for (int fill = 0;; fill++) {
        static event_id none;
        event_id *sorted = fill ? malloc((first[t->thread_count] + 1) * sizeof *sorted) : &none;
        if (!sorted) return NULL;
        for (event_id i = 0; i < t->event_count; i++) {
            const struct event *e = &t->events[i];
            thread_id lane =
                waits_only && e->type != EVENT_LOCK_WAIT ? NONE : index_lane(t, e->thread, e->process);
            if (lane == NONE || !filter_event(filter, i)) continue;
            if (fill)
                sorted[first[lane]++] = i;
            else
                first[lane + 1]++;
        }
        if (fill) { /* each lane's start has become its end, which is the next one's start */
            for (size_t l = t->thread_count; l > 0; l--) first[l] = first[l - 1];
            first[0] = 0;
            return sorted;
        }
        for (size_t l = 0; l < t->thread_count; l++) first[l + 1] += first[l];
    }
}

static bool set_strengths(struct index *ix)
{
    uint32_t count = ix->first[ix->timeline->thread_count];
    if (!(ix->strength = malloc(count + 1))) return false;
    for (uint32_t i = 0; i < count; i++)
        ix->strength[i] = mark_of(&ix->timeline->events[ix->events[i]])->strength;
    return true;
}

static void stronger(const struct index *ix, uint32_t position, uint32_t *best)
{
    if (*best == NONE || ix->strength[position] > ix->strength[*best]) *best = position;
}

static bool build_pyramid(struct index *ix)
{
    uint32_t count = ix->first[ix->timeline->thread_count];
    for (int k = 0; k < INDEX_LEVELS && count > INDEX_BLOCK; k++) {
        uint32_t blocks = (count + INDEX_BLOCK - 1) / INDEX_BLOCK;
        if (!(ix->best[k] = malloc(blocks * sizeof **ix->best))) return false;
        for (uint32_t b = 0; b < blocks; b++) {
            ix->best[k][b] = NONE;
            for (uint32_t i = b * INDEX_BLOCK; i < count && i < (b + 1) * INDEX_BLOCK; i++)
                stronger(ix, k ? ix->best[k - 1][i] : i, &ix->best[k][b]);
        }
        count = blocks;
    }
    return true;
}

bool index_build(struct index *ix, const struct timeline *t, const struct filter *filter)
{
    *ix = (struct index){.timeline = t};
    ix->first = calloc(t->thread_count + 1, sizeof *ix->first);
    ix->first_wait = calloc(t->thread_count + 1, sizeof *ix->first_wait);
    if (ix->first && ix->first_wait) {
        ix->events = sort(t, filter, ix->first, false);
        ix->waits = sort(t, filter, ix->first_wait, true);
    }
    if (ix->events && ix->waits && set_strengths(ix) && build_pyramid(ix)) return true;
    index_free(ix);
    return false;
}

void index_free(struct index *ix)
{
    free(ix->first);
    free(ix->first_wait);
    free(ix->events);
    free(ix->strength);
    free(ix->waits);
    for (int k = 0; k < INDEX_LEVELS; k++) free(ix->best[k]);
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
    uint32_t best = NONE;
    uint32_t size = 1; /* of what we step over: 1, 64, 4096, ... */
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
        stronger(ix, k < 0 ? from : ix->best[k][from / size], &best);
        from += size;
    }
    return ix->events[best];
}

event_id index_wait_before(const struct index *ix, thread_id lane, int64_t ns)
{
    uint32_t at = search(ix->timeline, ix->waits, ix->first_wait[lane], ix->first_wait[lane + 1], ns);
    return at > ix->first_wait[lane] ? ix->waits[at - 1] : NONE;
}
