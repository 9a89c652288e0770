/*
 * objects.c: what addresses belong to: ELF objects by process, image and
 * address; stacks; call sites.
 */
#include <stdlib.h>
#include <string.h>

#include "build.h"

#define OVERLAPS 64 /* objects mapped over each other, one after another, that are looked through */

uint32_t build_family(const struct build *b, process_id process, unsigned image)
{
    const struct process *p = &b->t->processes[process];
    return image < p->image_count ? p->images[image].family : b->processes[process].family;
}

void objects_object(struct build *b, const struct item *it)
{
    struct ft_object record = FT_GET(object, it->record);
    const struct task *task = task_of(b, it);
    process_id process = b->t->threads[task->thread].process;
    struct mapped m = {.process = process, .family = build_family(b, process, task->image), .ns = it->ns};
    m.object = (struct object){.start = record.start, .end = record.end, .bias = record.bias};
    m.object.build_id_size =
        record.build_id_size < sizeof record.build_id ? record.build_id_size : sizeof record.build_id;
    memcpy(m.object.build_id, record.build_id, sizeof record.build_id);
    m.object.path = build_string(b, record.path);
    b->objects = build_grow(b, b->objects, b->object_count, sizeof m);
    b->objects[b->object_count++] = m;
}

void objects_site(struct build *b, const struct item *it)
{
    struct ft_site record = FT_GET(site, it->record);
    const struct task *task = task_of(b, it);
    if (!record.origin.stack) return;
    uint32_t where = build_family(b, b->t->threads[task->thread].process, task->image);
    if (!map_get(&b->by_site, where, record.origin.site))
        build_map_put(b, &b->by_site, where, record.origin.site, record.origin.stack);
}

static int by_place(const void *x, const void *y)
{
    const struct mapped *a = x, *b = y;
    if (a->family != b->family) return a->family < b->family ? -1 : 1;
    if (a->object.start != b->object.start) return a->object.start < b->object.start ? -1 : 1;
    return a->ns < b->ns ? -1 : a->ns > b->ns;
}

void objects_finish(struct build *b)
{
    if (b->object_count) qsort(b->objects, b->object_count, sizeof *b->objects, by_place);
}

/* The first object of that family that starts above the address. */
static size_t above(const struct build *b, uint32_t family, uint64_t address)
{
    struct mapped key = {.family = family, .ns = INT64_MAX};
    key.object.start = address;
    size_t low = 0, high = b->object_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_place(&b->objects[middle], &key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/*
 * Is `a` the better answer? An object is described when first referred to, once
 * for all forked processes: one written later, or by a sibling, may have been
 * there already. But what the process itself said last before that time wins.
 */
static bool is_better(const struct mapped *a, const struct mapped *b, process_id process, int64_t ns)
{
    if (!b) return true;
    bool a_before = a->ns <= ns, b_before = b->ns <= ns;
    if ((a->process == process) != (b->process == process)) return a->process == process;
    if (a_before != b_before) return a_before;
    return a_before ? a->ns > b->ns : a->ns < b->ns;
}

unsigned image_at(const struct process *p, int64_t ns)
{
    unsigned low = 0, high = (unsigned)p->image_count;
    while (high - low > 1) {
        unsigned middle = low + (high - low) / 2;
        if (p->images[middle].start <= ns)
            low = middle;
        else
            high = middle;
    }
    return low;
}

const struct object *timeline_object(const struct timeline *t, process_id process, int64_t ns,
                                     uint64_t address)
{
    const struct build *b = build_of(t);
    if (!address || process == NONE) return NULL;
    uint32_t family = build_family(b, process, image_at(&t->processes[process], ns));
    const struct mapped *best = NULL;
    size_t at = above(b, family, address);
    for (int i = 0; i < OVERLAPS && at-- > 0; i++) {
        const struct mapped *m = &b->objects[at];
        if (m->family != family) break;
        if (address >= m->object.end) continue;
        if (is_better(m, best, process, ns)) best = m;
    }
    return best ? &best->object : NULL;
}

/* --- stacks ----------------------------------------------------------------------------------- */

/*
 * Records that begin with their origin or their site: the same field in two
 * clothes. Where the field is in the file's own memory, so that it can be
 * handed out as a stack of one.
 */
static const struct ft_origin *place_of_site(const struct ft_head *record, bool *whole)
{
    *whole = false;
    if (!record || record->size < sizeof *record + sizeof(uint64_t)) return NULL;
    switch (record->type) {
    case FT_FORK:
    case FT_EXEC:
    case FT_EXIT:
    case FT_THREAD_CREATE:
    case FT_WAIT:
    case FT_WAIT_SLOT:
    case FT_UNSAFE_CALL:
    case FT_NO_CHILD:
    case FT_FD_USE:
    case FT_BIND: *whole = record->size >= sizeof *record + sizeof(struct ft_origin); break;
    case FT_REAP:
    case FT_SESSION:
    case FT_CRED:
    case FT_THREAD_OP:
    case FT_SIGACTION:
    case FT_SIGMASK:
    case FT_KILL: break;
    default: return NULL;
    }
    return (const struct ft_origin *)(record + 1);
}

/* The full stack of a call site is kept once for a cheap event. */
static ft_ref stack_of(const struct timeline *t, const struct event *e, uint64_t site)
{
    const struct build *b = build_of(t);
    uint32_t *stack = map_get(&b->by_site, build_family(b, e->process, e->image), site);
    return stack ? *stack : 0;
}

uint64_t timeline_site(const struct event *e)
{
    bool whole;
    const struct ft_origin *origin = place_of_site(e->record, &whole);
    return origin ? origin->site : 0;
}

size_t timeline_stack(const struct timeline *t, const struct event *e, const uint64_t **pcs)
{
    bool whole;
    const struct ft_origin *origin = place_of_site(e->record, &whole);
    *pcs = NULL;
    if (!origin) return e->type == EVENT_WRITE && (*pcs = watched_store(t, e));
    ft_ref ref = whole ? origin->stack : e->record->type == FT_KILL ? FT_GET(kill, e->record).stack : 0;
    if (!ref) ref = stack_of(t, e, origin->site);
    const struct ft_head *stack = ref ? ft_reader_find(t->reader, ref, FT_STACK) : NULL;
    if (stack) {
        size_t length, count = FT_GET(stack, stack).count;
        *pcs = ft_tail(stack, sizeof(struct ft_stack), &length);
        if (count > length / sizeof **pcs) count = length / sizeof **pcs;
        if (count) return count;
    }
    *pcs = &origin->site;
    return origin->site ? 1 : 0;
}
