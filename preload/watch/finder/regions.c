/*
 * regions.c: a jump takes 5 bytes. A store that is shorter is moved together
 * with neighbours, if nobody can jump between them; else it stays alone, and
 * the jump's last bytes are those of the instruction that follows, which are
 * not changed (plan.h).
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "finder.h"

#define JUMP 5

/* May these two neighbours be moved as one? The second would lie behind a jump. */
static bool joined(const struct function *f, size_t second)
{
    const struct code *c = &f->code[second];
    return second < f->count && c->follows && !c->entered && !f->indirect;
}

static bool usable(const struct code *c) { return !c->fixed && (!c->store || emit_can(c)); }

static bool moves(const struct job *job, const struct code *c)
{
    return usable(c) || (!c->store && emit_can_leave(c, !job->answer->question->shadow));
}

static bool lock_prefix(const struct code *c) { return c->bytes[0] == 0xf0 && c->into == 1; }

/* The instructions around the store at `i` that make room for a jump; false: there are none. */
static bool widen(const struct job *job, const struct function *f, size_t i, size_t from, size_t *start,
                  size_t *end)
{
    size_t length = f->code[i].length;
    *start = i;
    *end = i + 1;
    while (length < JUMP && joined(f, *end) && moves(job, &f->code[*end])) length += f->code[(*end)++].length;
    while (length<JUMP && * start> from && joined(f, *start) && usable(&f->code[*start - 1]))
        length += f->code[--*start].length;
    if (length < JUMP || length > PLAN_LONGEST || *end - *start > REGION_LONGEST) return false;
    for (size_t k = *start; k < *end; k++)
        if (f->code[k].into && *end - *start > 1) return false;
    return true;
}

/* Alone: nobody may jump into it, but past a lock prefix that leaves room. */
static bool stands_alone(const struct code *c) { return !c->into || (lock_prefix(c) && c->length > JUMP); }

/* Add one to a count of each watch this store concerns. */
static void count(struct job *job, const struct code *c, size_t member, uint32_t by)
{
    for (size_t i = 0; i < job->count; i++)
        if (job_concerns(job, c, i)) *(uint32_t *)(void *)((char *)job->counts[i] + member) += by;
}
#define COUNT(job, code, member)   count(job, code, offsetof(struct plan_watch, member), 1)
#define UNCOUNT(job, code, member) count(job, code, offsetof(struct plan_watch, member), UINT32_MAX)

static void add_region(struct job *job, const struct code *code, size_t size)
{
    struct region region = {.count = (uint8_t)size};
    memcpy(region.code, code, size * sizeof *code);
    list_add(&job->regions, &region);
}

void regions_of(void *context, const struct function *f)
{
    struct job *job = context;
    size_t done = 0; /* instructions before this are in a region */
    for (size_t i = 0; i < f->count; i++) {
        const struct code *c = &f->code[i];
        if (!c->store) continue;
        COUNT(job, c, stores);
        if (c->store == STORE_FOLLOWED) COUNT(job, c, followed);
        size_t start, end;
        if (i < done) {
            COUNT(job, c, patched);
            continue;
        }
        if (!usable(c)) {
            COUNT(job, c, unmovable);
            continue;
        }
        if (c->length >= JUMP || !widen(job, f, i, done, &start, &end)) start = i, end = i + 1;
        if (end - start == 1 && !stands_alone(c)) {
            COUNT(job, c, branched_into);
            continue;
        }
        COUNT(job, c, patched);
        add_region(job, &f->code[start], end - start);
        done = end;
    }
}

/* --- branches from elsewhere ---------------------------------------------------------------- */

struct inside {
    uint64_t address;
    size_t region;
};

static int by_address(const void *x, const void *y)
{
    const struct inside *a = x, *b = y;
    return a->address < b->address ? -1 : a->address > b->address;
}

/* Where nobody may jump to: inside regions of several instructions; sorted. The caller frees them. */
static struct inside *insides(const struct job *job, size_t *count)
{
    const struct region *r = job->regions.items;
    struct inside *inside = calloc(job->regions.count * PLAN_LONGEST + 1, sizeof *inside);
    if (!inside) exit(1);
    *count = 0;
    for (size_t k = 0; k < job->regions.count; k++) {
        if (r[k].dropped || r[k].count < 2) continue; /* into the middle of one: bytes that only look so */
        const struct code *last = &r[k].code[r[k].count - 1];
        uint64_t from = r[k].code[0].address + 1 + lock_prefix(&r[k].code[0]),
                 to = last->address + last->length;
        for (uint64_t at = from; at < to; at++) inside[(*count)++] = (struct inside){at, k};
    }
    qsort(inside, *count, sizeof *inside, by_address);
    return inside;
}

/* Its stores, each for itself. */
static void come_apart(struct job *job, size_t index)
{
    struct region region = ((struct region *)job->regions.items)[index];
    ((struct region *)job->regions.items)[index].dropped = true;
    for (size_t i = 0; i < region.count; i++) {
        const struct code *c = &region.code[i];
        if (!c->store) continue;
        add_region(job, c, 1);
    }
}

/* gcc splits a function in two, far apart, that jump into each other. */
static void check(struct job *job, struct symbols *s)
{
    size_t n, regions = job->regions.count;
    struct inside *inside = insides(job, &n);
    uint64_t *addresses = calloc(n + 1, sizeof *addresses);
    bool *hit = calloc(n + 1, sizeof *hit), *bad = calloc(regions + 1, sizeof *bad);
    if (!addresses || !hit || !bad) exit(1);
    for (size_t i = 0; i < n; i++) addresses[i] = inside[i].address;
    if (n) stores_branches(s, addresses, n, hit);
    for (size_t i = 0; i < n; i++) bad[inside[i].region] |= hit[i];
    for (size_t k = 0; k < regions; k++)
        if (bad[k]) come_apart(job, k);
    free(inside), free(addresses), free(hit), free(bad);
}

/* --- patches -------------------------------------------------------------------------------- */

static void add_patch(struct job *job, const struct region *r)
{
    struct plan_patch patch = {.at = job->object->bias + r->code[0].address,
                               .code = job->code,
                               .skip = lock_prefix(&r->code[0]),
                               .target = (uint32_t)job->bytes.count};
    for (size_t i = 0; i < r->count; i++) {
        const struct code *c = &r->code[i];
        memcpy(patch.original + patch.length, c->bytes, c->length);
        patch.length += c->length;
        for (size_t k = 0; k < job->count; k++)
            if (c->store && job_concerns(job, c, k)) patch.watches |= 1ull << job->counts[k]->number;
    }
    if (emit_region(job, r->code, r->count)) {
        list_add(&job->answer->patches, &patch);
        return;
    }
    for (size_t i = 0; i < r->count; i++)
        if (r->code[i].store) COUNT(job, &r->code[i], unmovable), UNCOUNT(job, &r->code[i], patched);
}

/* The last first: a short one's jump is made of what follows it. */
static int last_first(const void *x, const void *y)
{
    const struct region *a = x, *b = y;
    return a->code[0].address > b->code[0].address ? -1 : a->code[0].address < b->code[0].address;
}

void regions_place(struct job *job, struct symbols *s)
{
    if (!job->regions.count) return;
    check(job, s);
    struct region *r = job->regions.items;
    qsort(r, job->regions.count, sizeof *r, last_first);
    for (size_t i = 0; i < job->regions.count; i++)
        if (!r[i].dropped) add_patch(job, &r[i]);
    free(job->regions.items);
}
