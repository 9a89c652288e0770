/*
 * regions.c: a jump takes 5 bytes. A store that is shorter is moved together
 * with neighbours, if nobody can jump between them.
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

/* The instructions around the store at `i` that make room for a jump; false: there is none. */
static bool widen(const struct function *f, size_t i, size_t from, size_t *start, size_t *end)
{
    size_t length = f->code[i].length;
    *start = i;
    *end = i + 1;
    while (length < JUMP && joined(f, *end) && usable(&f->code[*end])) length += f->code[(*end)++].length;
    while (length<JUMP && * start> from && joined(f, *start) && usable(&f->code[*start - 1]))
        length += f->code[--*start].length;
    return length >= JUMP && length <= PLAN_LONGEST;
}

static bool add_patch(struct job *job, const struct function *f, size_t start, size_t end)
{
    const struct code *c = &f->code[start];
    bool lock = c->bytes[0] == 0xf0 && c->into == 1;
    struct plan_patch patch = {.at = job->object->bias + c->address, .code = job->code, .skip = lock};
    for (size_t i = start; i < end; i++) {
        if (f->code[i].into && !(i == start && lock)) return false;
        memcpy(patch.original + patch.length, f->code[i].bytes, f->code[i].length);
        patch.length += f->code[i].length;
    }
    if (lock && c->length < JUMP + 1) return false;
    patch.target = (uint32_t)job->bytes.count;
    patch.pad[0] = end - start > 1; /* more than one instruction: not while others may be among them */
    if (!emit_region(job, c, end - start)) return false;
    list_add(&job->answer->patches, &patch);
    return true;
}

/* Add one to a count of each watch this store concerns. */
static void count(struct job *job, const struct code *c, size_t member)
{
    for (size_t i = 0; i < job->count; i++)
        if (job_concerns(job, c, i)) ++*(uint32_t *)(void *)((char *)job->counts[i] + member);
}
#define COUNT(job, code, member) count(job, code, offsetof(struct plan_watch, member))

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
        if (i < done)
            COUNT(job, c, patched);
        else if (!usable(c))
            COUNT(job, c, unmovable);
        else if (!widen(f, i, done, &start, &end))
            COUNT(job, c, too_short);
        else if (!add_patch(job, f, start, end))
            COUNT(job, c, branched_into);
        else {
            COUNT(job, c, patched);
            done = end;
        }
    }
}

/* --- branches from elsewhere ---------------------------------------------------------------- */

struct inside {
    uint64_t address;
    size_t patch;
};

static int by_address(const void *x, const void *y)
{
    const struct inside *a = x, *b = y;
    return a->address < b->address ? -1 : a->address > b->address;
}

/* gcc splits a function in two, far apart, that jump into each other. */
void regions_check(struct job *job, struct symbols *s, size_t first_patch)
{
    struct plan_patch *patches = job->answer->patches.items;
    size_t count = job->answer->patches.count, n = 0;
    struct inside *inside = calloc((count - first_patch) * PLAN_LONGEST + 1, sizeof *inside);
    uint64_t *addresses = calloc((count - first_patch) * PLAN_LONGEST + 1, sizeof *addresses);
    bool *hit = calloc((count - first_patch) * PLAN_LONGEST + 1, sizeof *hit);
    if (!inside || !addresses || !hit) exit(1);
    for (size_t p = first_patch; p < count; p++)
        for (unsigned i = 1 + patches[p].skip; i < patches[p].length; i++)
            inside[n++] = (struct inside){patches[p].at - job->object->bias + i, p};
    qsort(inside, n, sizeof *inside, by_address);
    for (size_t i = 0; i < n; i++) addresses[i] = inside[i].address;
    stores_branches(s, addresses, n, hit);
    bool *bad = calloc(count + 1, sizeof *bad);
    if (!bad) exit(1);
    for (size_t i = 0; i < n; i++) bad[inside[i].patch] |= hit[i];
    size_t kept = first_patch;
    for (size_t p = first_patch; p < count; p++) {
        if (!bad[p]) patches[kept++] = patches[p];
        for (size_t i = 0; bad[p] && i < job->count; i++)
            job->counts[i]->branched_into++, job->counts[i]->patched -= job->counts[i]->patched > 0;
    }
    job->answer->patches.count = kept;
    free(inside), free(addresses), free(hit), free(bad);
}
