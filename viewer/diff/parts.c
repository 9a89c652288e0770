/*
 * parts.c: processes are grouped by what they are called without a number, and
 * the groups of two runs brought together:
 *
 *   1. those of the same name;
 *   2. then those at the same place: who binds an address, else the first
 *      process, with its like, and what was forked by one part with what was
 *      forked by it in the other run;
 *   3. then what was forked and has no counterpart goes with its parent:
 *      `flask` alone is what uWSGI's master and its workers are together.
 *
 * Pids and the number of processes play no role.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "diff.h"

#define TRIED 256 /* groups without a namesake that are tried with each other */

struct named_process {
    char *group;
    process_id process;
};

static int by_name(const void *a, const void *b)
{
    const struct named_process *x = a, *y = b;
    int order = strcmp(x->group, y->group);
    return order ? order : x->process < y->process ? -1 : x->process > y->process;
}

static int by_first(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* How many places there are for its processes: a new worker takes that of a dead one, and its name. */
static size_t slots_of(const struct timeline *t, const struct named_process *list, size_t count)
{
    char name[NAMES_TEXT], seen[8][NAMES_TEXT];
    size_t slots = 0;
    for (size_t i = 0; i < count && i < 4096 && slots < 8; i++) {
        size_t k = 0;
        word_process(name, t, list[i].process);
        while (k < slots && strcmp(seen[k], name)) k++;
        if (k == slots) memcpy(seen[slots++], name, sizeof name);
    }
    return slots;
}

static bool fill(struct run *r, struct named_process *list, size_t count)
{
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && !strcmp(list[end].group, list[i].group);) end++;
        struct group *g = &r->groups[r->group_count++];
        *g = (struct group){.name = strdup(list[i].group),
                            .first = list[i].process,
                            .count = end - i,
                            .slots = slots_of(r->t, &list[i], end - i),
                            .part = NONE};
        if (!g->name) return false;
    }
    qsort(r->groups, r->group_count, sizeof *r->groups, by_first);
    return true;
}

static void number(struct run *r, const struct named_process *list, size_t count)
{
    for (size_t i = 0, end; i < count; i = end) {
        uint32_t g = 0;
        for (end = i + 1; end < count && !strcmp(list[end].group, list[i].group);) end++;
        size_t low = 0, high = r->group_count; /* by the first process: it is unique */
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (r->groups[middle].first < list[i].process)
                low = middle + 1;
            else
                high = middle;
        }
        g = (uint32_t)low;
        for (size_t k = i; k < end; k++) r->group_of[list[k].process] = g;
    }
}

bool parts_group(struct run *r)
{
    const struct timeline *t = r->t;
    char name[NAMES_TEXT];
    size_t count = 0;
    struct named_process *list = calloc(t->process_count + 1, sizeof *list);
    r->groups = calloc(t->process_count + 1, sizeof *r->groups);
    r->group_of = calloc(t->process_count + 1, sizeof *r->group_of);
    bool done = list && r->groups && r->group_of;
    for (process_id p = 0; done && p < t->process_count; p++) {
        list[count].process = p;
        done = (list[count++].group = strdup(word_group(name, t, p)));
    }
    if (done) {
        qsort(list, count, sizeof *list, by_name);
        done = fill(r, list, count);
    }
    if (done) number(r, list, count);
    for (size_t i = 0; list && i < count; i++) free(list[i].group);
    free(list);
    return done;
}

/* --- matching --------------------------------------------------------------------------------- */

static int by_group_name(const void *a, const void *b)
{
    return strcmp((*(struct group *const *)a)->name, (*(struct group *const *)b)->name);
}

static struct group **sorted(const struct run *r)
{
    struct group **list = malloc((r->group_count + 1) * sizeof(struct group *));
    for (size_t i = 0; list && i < r->group_count; i++) list[i] = &r->groups[i];
    if (list && r->group_count) qsort(list, r->group_count, sizeof *list, by_group_name);
    return list;
}

static void match(struct diff *d, struct group *a, struct group *b) { a->part = b->part = d->part_count++; }

static bool namesakes(struct diff *d)
{
    struct run *a = &d->runs[0], *b = &d->runs[1];
    struct group **x = sorted(a), **y = sorted(b);
    for (size_t i = 0, k = 0; x && y && i < a->group_count && k < b->group_count;) {
        int order = strcmp(x[i]->name, y[k]->name);
        if (!order) match(d, x[i++], y[k++]);
        if (order < 0) i++;
        if (order > 0) k++;
    }
    bool done = x && y;
    free(x), free(y);
    return done;
}

/* The part it was forked by; NONE: it was not, or executed something else since. */
static uint32_t forked_by(const struct run *r, const struct group *g)
{
    const struct process *p = &r->t->processes[g->first];
    if (!p->image_inherited || p->image_count > 1 || p->parent == NONE) return NONE;
    return part_of(r, p->parent);
}

static bool has_server(const struct run *r, const struct group *g)
{
    return r->t->process_count && &r->groups[r->group_of[r->server]] == g;
}

static bool same_place(const struct diff *d, const struct group *a, const struct group *b)
{
    bool of_a = has_server(&d->runs[0], a), of_b = has_server(&d->runs[1], b);
    if (of_a || of_b) return of_a && of_b;
    if (!a->first || !b->first) return !a->first && !b->first;
    uint32_t parent = forked_by(&d->runs[0], a);
    return parent != NONE && parent == forked_by(&d->runs[1], b);
}

static void places(struct diff *d)
{
    struct run *a = &d->runs[0], *b = &d->runs[1];
    for (size_t i = 0, tried = 0; i < a->group_count && tried < TRIED; i++) {
        if (a->groups[i].part != NONE) continue;
        tried++;
        for (size_t k = 0, others = 0; k < b->group_count && others < TRIED; k++) {
            if (b->groups[k].part != NONE) continue;
            others++;
            if (!same_place(d, &a->groups[i], &b->groups[k])) continue;
            match(d, &a->groups[i], &b->groups[k]);
            break;
        }
    }
}

/* Groups are in the order of their first process: a parent's comes before its child's. */
static void leftovers(struct diff *d, struct run *r)
{
    for (size_t i = 0; i < r->group_count; i++) {
        struct group *g = &r->groups[i];
        if (g->part != NONE) continue;
        g->part = forked_by(r, g);
        g->joined = g->part != NONE;
        if (!g->joined) g->part = d->part_count++;
    }
}

/* "flask / uwsgi master", "uwsgi worker" */
static bool add_name(struct part *p, const char *more)
{
    char *text = NULL;
    if (!p->name) return (p->name = strdup(more));
    if (!strcmp(p->name, more)) return true;
    if (asprintf(&text, "%s / %s", p->name, more) < 0) return false;
    free(p->name);
    p->name = text;
    return p->renamed = true;
}

static bool describe(struct diff *d)
{
    d->parts = calloc(d->part_count + 1, sizeof *d->parts);
    for (int run = 0; d->parts && run < 2; run++)
        for (size_t i = 0; i < d->runs[run].group_count; i++) {
            const struct group *g = &d->runs[run].groups[i];
            d->parts[g->part].groups[run]++;
            if (!g->joined && !add_name(&d->parts[g->part], g->name)) return false;
        }
    for (uint32_t i = 0; d->parts && i < d->part_count; i++) {
        struct part *p = &d->parts[i];
        p->split = p->groups[0] && p->groups[1] && p->groups[0] != p->groups[1];
    }
    return d->parts;
}

bool parts_match(struct diff *d)
{
    if (!namesakes(d)) return false;
    places(d);
    leftovers(d, &d->runs[0]);
    leftovers(d, &d->runs[1]);
    return describe(d);
}

uint32_t part_of(const struct run *r, process_id p) { return r->groups[r->group_of[p]].part; }
