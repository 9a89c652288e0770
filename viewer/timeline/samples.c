/*
 * samples.c: looks at watched C globals (FT_C_VALUE, FT_C_SAMPLE) held against
 * the writes that were seen: a value that none of them explains was written by
 * somebody nobody saw.
 *
 * Better silent than wrong: a look is explained by any write of its value since
 * the last look that was over before it began, up to a while after it: a store
 * comes before its stamp, and its thread may lose the processor in between. Or
 * it comes a little after: a processor reads its clock before a store that is
 * still on its way, and stamps are rounded down.
 * Values that were read back may have been another thread's: where they meet
 * those of a second thread, nothing is said.
 */
#include <stdlib.h>
#include <string.h>

#include "build.h"

#define SOON  1000000 /* ns: nearly every stamp is there by then */
#define LATE  1000000000
#define EARLY 2000 /* ns */
#define NEAR                                                                                       \
    512 /* looks that are held against one write: only those nobody has explained so soon are many \
         */

struct look {
    copy_id copy;
    const struct told *told;
    int64_t from;      /* writes since then count */
    struct value then; /* its value then */
    thread_id writer;  /* of a write in between; NONE: there was none */
    bool explained, inexact, several;
};

static bool same(struct value a, struct value b) { return a.bits == b.bits && a.print == b.print; }

static int by_copy_and_time(const void *x, const void *y)
{
    const struct look *a = x, *b = y;
    if (a->copy != b->copy) return a->copy < b->copy ? -1 : 1;
    return a->told->ns < b->told->ns ? -1 : a->told->ns > b->told->ns;
}

static size_t collect(struct build *b, struct look *looks)
{
    struct timeline *t = b->t;
    size_t count = 0;
    for (size_t i = 0; i < b->told_count; i++) {
        const struct told *told = &b->told[i];
        if (!t->globals[told->global].c) continue;
        uint32_t *id =
            map_get(&b->by_copy, told->global, globals_owner(t, told->global, told->process, told->image));
        if (id) looks[count++] = (struct look){.copy = *id, .told = told, .writer = NONE};
    }
    qsort(looks, count, sizeof *looks, by_copy_and_time);
    return count;
}

/* The last look of the same copy that was over when this one began; else the copy's birth. */
static void begin(const struct build *b, struct look *looks, size_t index)
{
    struct look *look = &looks[index];
    const struct copy *copy = &b->t->copies[look->copy];
    look->from = copy->born - EARLY;
    look->then = copy->at_birth;
    for (size_t i = index; i-- > 0 && looks[i].copy == look->copy;) {
        if (looks[i].told->until > look->told->ns) continue;
        look->from = looks[i].told->ns - EARLY;
        look->then = looks[i].told->value;
        break;
    }
    bool last = copy->written >= look->from && copy->written <= look->told->until + LATE &&
                same(copy->last, look->told->value);
    look->explained =
        look->told->explained || !look->then.known || same(look->then, look->told->value) || last;
}

/* The first look of this copy that is not over before `ns`, less the while a stamp may be late. */
static size_t first_look(const struct look *looks, size_t count, copy_id copy, int64_t ns, int64_t late)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct look *l = &looks[middle];
        if (l->copy < copy || (l->copy == copy && l->told->until + late < ns))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void hold_one(const struct timeline *t, struct look *looks, size_t count, copy_id copy,
                     const struct event *e, int64_t late)
{
    size_t i = first_look(looks, count, copy, e->ns, late);
    if (i == count || looks[i].copy != copy || looks[i].from > e->ns) return;
    bool exact;
    timeline_store(t, e, &exact);
    struct value v = timeline_written(t, e);
    for (size_t n = 0; i < count && n < NEAR && looks[i].copy == copy && looks[i].from <= e->ns; i++, n++) {
        struct look *l = &looks[i];
        l->explained |= same(v, l->told->value);
        l->inexact |= !exact;
        l->several |= l->writer != NONE && l->writer != e->thread;
        l->writer = e->thread;
    }
}

static void add_change(struct build *b, const struct look *look)
{
    const struct told *told = look->told;
    struct copy *copy = &b->t->copies[look->copy];
    copy->changed = told->ns;
    copy->changes++;
    event_id e = event_infer(b, told->ns, told->thread, EVENT_CHANGE);
    *event_about(b, e) = (struct event_about){.record = told->record,
                                              .process = told->process,
                                              .thread = told->thread,
                                              .child = told->global,
                                              .image = told->image,
                                              .type = EVENT_CHANGE};
}

/* Leaves those that no write explains. */
static size_t hold_against_writes(const struct timeline *t, struct look *looks, size_t count, int64_t late)
{
    for (event_id i = 0; count && i < t->event_count; i++) {
        const struct event_about *about = timeline_about(t, i);
        if (about->type != EVENT_WRITE || !t->globals[about->child].c) continue;
        if (about->copy != NONE) hold_one(t, looks, count, about->copy, EVENT_AT(t, i), late);
    }
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        if (!looks[i].explained && !(looks[i].inexact && looks[i].several)) looks[left++] = looks[i];
    return left;
}

void samples_finish(struct build *b)
{
    struct look *looks = build_alloc(b, (b->told_count + 1) * sizeof *looks);
    size_t count = collect(b, looks), left = 0;
    for (size_t i = 0; i < count; i++) begin(b, looks, i);
    for (size_t i = 0; i < count; i++) {
        struct copy *copy = &b->t->copies[looks[i].copy];
        copy->sampled = looks[i].told->ns;
        if (copy->written <= looks[i].told->ns) copy->last = looks[i].told->value;
    }
    for (size_t i = 0; i < count; i++)
        if (!looks[i].explained) looks[left++] = looks[i];
    left = hold_against_writes(b->t, looks, left, SOON);
    left = hold_against_writes(b->t, looks, left, LATE);
    for (size_t i = 0; i < left; i++) add_change(b, &looks[i]);
}
