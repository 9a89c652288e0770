/*
 * globals.c: globals and their copies, one a process (and image): whose copy an
 * address is. What the records of Python say is python_globals.c's, those of C
 * watched.c's and writes.c's; what follows from them copies.c's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "build.h"

/* In that process and image it was shared memory at the fork. */
static bool is_common(const struct build *b, uint64_t whole, uint64_t whose, const struct event *fork)
{
    uint32_t *index = map_get(&b->by_common, whole, whose);
    return index && (b->commons[*index].ns <= fork->ns || b->commons[*index].fork == fork->record);
}

/*
 * Each image of a process has its own copy. But a child in its
 * parent's memory writes to that one's until it executes; and in shared memory those that were forked have
 * that of the first who shared it.
 */
uint64_t globals_owner_of(const struct timeline *t, uint64_t whole, process_id process, unsigned image)
{
    const struct build *b = build_of(t);
    uint64_t owner = (uint64_t)image << 32 | process;
    bool shared = b->common_count && map_get(&b->by_common, whole, UINT64_MAX);
    for (bool lent = true; process < t->process_count && !image;) {
        const struct process *p = &t->processes[process];
        if (p->parent >= process || p->fork >= t->event_count) break;
        const struct event *fork = EVENT_AT(t, p->fork);
        lent &= p->borrows_memory;
        if (!lent && (!shared || !p->image_inherited)) break;
        image = fork->image;
        process = p->parent;
        uint64_t its = (uint64_t)image << 32 | process;
        if (lent || is_common(b, whole, its, fork)) owner = its;
    }
    return owner;
}

uint64_t globals_owner(const struct timeline *t, global_id global, process_id process, unsigned image)
{
    return globals_owner_of(t, t->globals[global].whole, process, image);
}

copy_id globals_copy(struct build *b, global_id global, process_id process, unsigned image)
{
    struct timeline *t = b->t;
    uint64_t owner = globals_owner(t, global, process, image);
    uint32_t *known = map_get(&b->by_copy, global, owner);
    if (known) return *known;
    process = (process_id)owner, image = (unsigned)(owner >> 32);
    t->copies = build_grow(b, t->copies, t->copy_count, sizeof *t->copies);
    t->copies[t->copy_count] = (struct copy){.global = global,
                                             .process = process,
                                             .image = (uint16_t)image,
                                             .parent = NONE,
                                             .born = NEVER,
                                             .end = NEVER,
                                             .written = NEVER,
                                             .changed = NEVER,
                                             .sampled = NEVER,
                                             .writer = NONE};
    build_map_put(b, &b->by_copy, global, owner, (uint32_t)t->copy_count);
    return (copy_id)t->copy_count++;
}

/* When the process's memory went away: at its first exec after being forked, or its end. */
static int64_t memory_end(const struct timeline *t, const struct process *p, int64_t from)
{
    for (size_t i = p->image_inherited ? 1 : 0; i < p->image_count; i++)
        if (p->images[i].start > from) return p->images[i].start;
    return p->end;
}

/* Shared memory lives as long as one of those who have it. */
static void outlive(struct build *b, global_id global)
{
    struct timeline *t = b->t;
    for (process_id p = 0; t->globals[global].shared && p < t->process_count; p++) {
        uint32_t *id = map_get(&b->by_copy, global, globals_owner(t, global, p, 0));
        if (!id || t->copies[*id].process == p) continue;
        struct copy *copy = &t->copies[*id];
        int64_t end = memory_end(t, &t->processes[p], t->processes[p].start);
        if (end == NEVER || (copy->end != NEVER && end > copy->end)) copy->end = end;
    }
}

static copy_id copy_of(const struct timeline *t, const struct event_about *e)
{
    if (e->child >= t->global_count) return NONE;
    uint32_t *known =
        map_get(&build_of(t)->by_copy, e->child, globals_owner(t, e->child, e->process, e->image));
    return known ? *known : NONE;
}

/* Those that wrote are alike if they wrote the same copy. */
static void find_written(struct build *b)
{
    for (size_t i = 0; i < b->alike_count; i++) {
        struct event_about *about = &b->t->abouts[b->alike[i]];
        if (about->type != EVENT_SIGMASK) about->copy = copy_of(b->t, about);
    }
}

void globals_finish(struct build *b)
{
    struct timeline *t = b->t;
    wholes_finish(b);
    copies_inherit(b);
    find_written(b);
    samples_finish(b);
    for (copy_id c = 0; c < t->copy_count; c++) {
        struct copy *copy = &t->copies[c];
        if (copy->born == NEVER) copy->born = copy->written == NEVER ? 0 : t->processes[copy->process].start;
        int64_t looked = b->processes[copy->process].looked;
        if (looked > copy->sampled) copy->sampled = looked;
        if (copy->written > copy->sampled) copy->sampled = copy->written;
        copy->end = memory_end(t, &t->processes[copy->process], copy->born);
        if (copies_went_apart(b, copy)) t->globals[copy->global].diverged = true;
    }
    for (global_id g = 0; g < t->global_count; g++) {
        struct global *global = &t->globals[g];
        global->shared = global->watched && global->c && map_get(&b->by_common, global->whole, UINT64_MAX);
        outlive(b, g);
    }
    discovered_finish(b);
    copies_arrange(b);
    find_written(b);
    copies_count_writers(b);
}

copy_id timeline_copy(const struct timeline *t, global_id global, process_id process)
{
    uint32_t *known = NULL;
    unsigned images = process < t->process_count ? (unsigned)t->processes[process].image_count : 0;
    for (unsigned image = 0; !known && image <= images; image++)
        known = map_get(&build_of(t)->by_copy, global, globals_owner(t, global, process, image));
    return known ? *known : NONE;
}

copy_id timeline_copy_written(const struct timeline *t, event_id e)
{
    const struct event_about *about = timeline_about(t, e);
    if (t->events[e].place) return about->type == EVENT_SIGMASK ? NONE : about->copy;
    return about->type == EVENT_CHANGE ? copy_of(t, about) : NONE;
}

struct value timeline_written(const struct timeline *t, const struct event *e)
{
    if (e->record && e->type == EVENT_CHANGE) {
        if (e->record->type == FT_C_VALUE || e->record->type == FT_C_SAMPLE) return watched_looked(t, e);
        struct ft_py_change c = FT_GET(py_change, e->record);
        return value_python(build_of(t), c.kind, c.value);
    }
    if ((e->type != EVENT_WRITE && e->type != EVENT_TEARDOWN) || !e->record) return (struct value){0};
    struct ft_py_write w;
    if (!timeline_python_write(t, e, &w)) return watched_written(t, e);
    return value_python(build_of(t), w.kind, w.value);
}
int global_format(const struct global *g, char *buffer, size_t size)
{
    if (!g->c) return snprintf(buffer, size, "%s.%s", g->module, g->name);
    return g->library ? snprintf(buffer, size, "%s:%s", g->module, g->name)
                      : snprintf(buffer, size, "%s", g->name);
}

void globals_free(struct build *b)
{
    for (copy_id c = 0; c < b->t->copy_count; c++) free(b->t->copies[c].writers);
    free(b->t->globals), free(b->t->copies), free(b->told), free(b->pictured);
    map_free(&b->by_name), map_free(&b->by_copy), map_free(&b->by_writer);
    watched_free(b);
}
