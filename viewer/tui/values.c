/*
 * values.c: counting sort of writes and forks by copy; see values.h.
 *
 * Of a copy to which one in DENSE events of the run belongs, no list is kept,
 * which would be as long as the run: but how many of them there are before
 * each STRIDE-th event, and the rest is counted when it is asked for.
 */
#define _GNU_SOURCE
#include "values.h"

#include <stdlib.h>
#include <string.h>

static bool watched(const struct timeline *t, copy_id c) { return t->globals[t->copies[c].global].watched; }

#define DENSE  64u
#define STRIDE 512u
#define FEW    65536u /* a list of so many is no matter */

static int64_t time_of(const struct values *v, copy_id copy, uint32_t ref)
{
    const struct timeline *t = v->timeline;
    if (ref == NONE) return t->copies[copy].written;
    return watched(t, copy) ? t->events[ref].ns : t->copies[ref].born;
}

struct order {
    const struct values *v;
    copy_id copy;
};

static int by_time(const void *x, const void *y, void *context)
{
    const struct order *o = context;
    int64_t a = time_of(o->v, o->copy, *(const uint32_t *)x),
            b = time_of(o->v, o->copy, *(const uint32_t *)y);
    return a < b ? -1 : a > b;
}

static bool has_writes(const struct timeline *t)
{
    size_t changes, cleared;
    timeline_events_of_type(t, EVENT_CHANGE, &changes), timeline_events_of_type(t, EVENT_TEARDOWN, &cleared);
    return timeline_writes(t) || changes || cleared;
}

/* Each point is given to `put` in a fixed order: writes, then children, then the last. */
static void each(struct values *v, void (*put)(struct values *v, copy_id copy, uint32_t ref))
{
    const struct timeline *t = v->timeline;
    size_t count = has_writes(t) ? t->event_count : 0;
    for (event_id i = 0; i < count; i++) {
        copy_id c = timeline_copy_written(t, i);
        if (c != NONE && watched(t, c)) put(v, c, i);
    }
    for (copy_id c = 0; c < t->copy_count; c++) {
        const struct copy *copy = &t->copies[c];
        if (copy->parent != NONE && !watched(t, copy->parent) && copy->at_birth.known)
            put(v, copy->parent, c);
        if (!watched(t, c) && copy->written != NEVER && copy->last.known) put(v, c, NONE);
    }
}

static void count_point(struct values *v, copy_id copy, uint32_t ref)
{
    (void)ref;
    v->first[copy + 1]++;
}

/* ranks[copy][n]: for now, how many of its points are among the STRIDE events from n * STRIDE on. */
static void fill(struct values *v, copy_id copy, uint32_t ref)
{
    if (v->ranks[copy])
        v->ranks[copy][ref / STRIDE]++;
    else
        v->points[v->first[copy]++] = ref;
}

static size_t strides(const struct timeline *t) { return t->event_count / STRIDE + 2; }

/* A sum of what is before each; the last is the sum of all. */
static void sum_up(uint32_t *rank, size_t count)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t here = rank[i];
        rank[i] = sum;
        sum += here;
    }
}

/* From the number of each copy's points: who keeps a list, and where. False: out of memory. */
static bool make_room(struct values *v)
{
    const struct timeline *t = v->timeline;
    for (copy_id c = 0; c < t->copy_count; c++) {
        uint32_t *count = &v->first[c + 1];
        if (watched(t, c) && *count >= FEW && *count >= t->event_count / DENSE) {
            if (!(v->ranks[c] = calloc(strides(t), sizeof *v->ranks[c]))) return false;
            *count = 0;
        }
        *count += v->first[c];
    }
    return (v->points = malloc((v->first[t->copy_count] + 1) * sizeof *v->points));
}

/* --- ranks ------------------------------------------------------------------------------------ */

/* How many points of the copy come before an event. */
static uint32_t rank_of(const struct values *v, copy_id copy, event_id event)
{
    uint32_t rank = v->ranks[copy][event / STRIDE];
    for (event_id i = event - event % STRIDE; i < event; i++)
        rank += timeline_copy_written(v->timeline, i) == copy;
    return rank;
}

/* The event that is its point number `n`, which there is. */
static event_id event_of_rank(const struct values *v, copy_id copy, uint32_t n)
{
    const uint32_t *rank = v->ranks[copy];
    size_t low = 0, high = strides(v->timeline) - 1; /* rank[low] <= n < rank[high] */
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (rank[middle] <= n)
            low = middle;
        else
            high = middle;
    }
    event_id i = (event_id)(low * STRIDE);
    for (uint32_t before = rank[low];; i++)
        if (timeline_copy_written(v->timeline, i) == copy && before++ == n) return i;
}

/* --- building --------------------------------------------------------------------------------- */

static void find_splits(struct values *v)
{
    const struct timeline *t = v->timeline;
    for (copy_id c = 0; c < t->copy_count; c++) v->split[c] = NEVER;
    for (copy_id c = 0; c < t->copy_count; c++) {
        const struct copy *copy = &t->copies[c];
        if (copy->parent == NONE) continue;
        if (v->split[c] == NEVER || copy->born < v->split[c]) v->split[c] = copy->born;
        if (v->split[copy->parent] == NEVER || copy->born < v->split[copy->parent])
            v->split[copy->parent] = copy->born;
    }
}

static void find_ranges(struct values *v)
{
    const struct timeline *t = v->timeline;
    bool *any = calloc(t->global_count + 1, sizeof *any);
    for (copy_id c = 0; any && c < t->copy_count; c++) {
        global_id g = t->copies[c].global;
        struct value both[] = {t->copies[c].at_birth, t->copies[c].last};
        double n;
        for (int i = 0; i < 2; i++) {
            if (!value_number(both[i], &n)) continue;
            if (!any[g] || n < v->range[g][0]) v->range[g][0] = n;
            if (!any[g] || n > v->range[g][1]) v->range[g][1] = n;
            any[g] = true;
        }
    }
    free(any);
}

bool values_build(struct values *v, const struct timeline *t)
{
    size_t n = t->copy_count;
    *v = (struct values){.timeline = t,
                         .copies = n,
                         .first = calloc(n + 1, sizeof *v->first),
                         .ranks = calloc(n + 1, sizeof *v->ranks),
                         .split = malloc((n + 1) * sizeof *v->split),
                         .range = calloc(t->global_count + 1, sizeof *v->range)};
    bool room = v->first && v->ranks && v->split && v->range;
    if (room) each(v, count_point);
    if (!room || !make_room(v)) {
        values_free(v);
        return false;
    }
    each(v, fill);
    for (size_t c = n; c > 0; c--) v->first[c] = v->first[c - 1]; /* each start has become its end */
    v->first[0] = 0;
    for (copy_id c = 0; c < n; c++) {
        uint32_t points = v->first[c + 1] - v->first[c];
        if (points > 1 && !watched(t, c))
            qsort_r(v->points + v->first[c], points, sizeof *v->points, by_time, &(struct order){v, c});
        if (v->ranks[c]) sum_up(v->ranks[c], strides(t));
    }
    find_splits(v);
    find_ranges(v);
    return true;
}

void values_free(struct values *v)
{
    for (copy_id c = 0; v->ranks && c < v->copies; c++) free(v->ranks[c]);
    free(v->ranks);
    free(v->first);
    free(v->points);
    free(v->split);
    free(v->range);
    *v = (struct values){0};
}

/* --- questions -------------------------------------------------------------------------------- */

uint32_t values_count(const struct values *v, copy_id copy)
{
    return v->ranks[copy] ? v->ranks[copy][strides(v->timeline) - 1] : v->first[copy + 1] - v->first[copy];
}

uint32_t values_before(const struct values *v, copy_id copy, int64_t ns)
{
    if (v->ranks[copy]) return rank_of(v, copy, (event_id)timeline_events_before(v->timeline, ns));
    uint32_t low = v->first[copy], high = v->first[copy + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (time_of(v, copy, v->points[middle]) < ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low - v->first[copy];
}

struct point values_point(const struct values *v, copy_id id, uint32_t i)
{
    const struct timeline *t = v->timeline;
    const struct copy *copy = &t->copies[id];
    bool unseen = !watched(t, id) && copy->writes && copy->written != NEVER;
    if (i >= values_count(v, id)) {
        struct value birth = copy->birth != COPY_BY_IMPORT ? copy->at_birth : (struct value){.known = true};
        return (struct point){copy->born, birth, NONE, POINT_BIRTH, unseen && copy->written > copy->born};
    }
    uint32_t ref = v->ranks[id] ? event_of_rank(v, id, i) : v->points[v->first[id] + i];
    if (ref == NONE) return (struct point){copy->written, copy->last, NONE, POINT_LAST, false};
    if (!watched(t, id)) {
        const struct copy *child = &t->copies[ref];
        return (struct point){child->born, child->at_birth, NONE, POINT_FORK,
                              unseen && copy->written > child->born};
    }
    const struct event *e = EVENT_AT(t, ref);
    return (struct point){e->ns, timeline_written(t, e), ref,
                          e->type == EVENT_TEARDOWN ? POINT_CLEARED : POINT_WRITE, false};
}

bool values_at(const struct values *v, copy_id copy, int64_t ns, struct point *point)
{
    const struct copy *c = &v->timeline->copies[copy];
    if (ns < c->born || (c->end != NEVER && ns > c->end)) return false;
    *point = values_point(v, copy, values_before(v, copy, ns + 1) - 1);
    return true;
}

bool values_apart(const struct values *v, copy_id copy, int64_t ns)
{
    const struct copy *c = &v->timeline->copies[copy];
    int64_t split = v->split[copy];
    if (!v->timeline->globals[c->global].diverged || split == NEVER || ns < split) return false;
    if (!watched(v->timeline, copy)) return c->written != NEVER && c->written > split;
    uint32_t before = values_before(v, copy, ns + 1);
    return before && values_point(v, copy, before - 1).ns > split;
}

bool value_integer(struct value value, int64_t *number)
{
    *number = (int64_t)value.bits;
    switch (value.kind) {
    case FT_PY_KIND_int:
    case FT_PY_KIND_bool:
    case FT_C_KIND_signed:
    case FT_C_KIND_boolean:
    case FT_C_KIND_enumeration: return value.known;
    case FT_C_KIND_unsigned: return value.known && *number >= 0;
    default: return false;
    }
}

bool value_number(struct value value, double *number)
{
    int64_t integer;
    if (value_integer(value, &integer)) {
        *number = (double)integer;
        return true;
    }
    switch (value.kind) {
    case FT_C_KIND_unsigned: *number = (double)value.bits; break;
    case FT_PY_KIND_float:
    case FT_C_KIND_real: memcpy(number, &value.bits, sizeof *number); break;
    default: return false;
    }
    return value.known && *number - *number == 0; /* no NaN, no infinity */
}
