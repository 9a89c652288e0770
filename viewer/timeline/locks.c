/*
 * locks.c: the names of Python's locks. A threading.Lock or RLock is a
 * semaphore somewhere on the heap; one that a global is bound to can be named
 * by it, in the process and in what was forked from it.
 */
#include "build.h"

static void note(struct build *b, copy_id copy, struct value v)
{
    if (v.known && v.kind == FT_PY_KIND_lock && v.bits)
        build_map_put(b, &b->by_lock, b->t->copies[copy].process, v.bits, copy);
}

void locks_finish(struct build *b)
{
    struct timeline *t = b->t;
    for (copy_id i = 0; i < t->copy_count; i++) {
        note(b, i, t->copies[i].at_birth);
        note(b, i, t->copies[i].last);
    }
}

copy_id timeline_lock(const struct timeline *t, process_id process, uint64_t address)
{
    while (process != NONE) {
        uint32_t *known = map_get(&build_of(t)->by_lock, process, address);
        if (known) return *known;
        const struct process *p = &t->processes[process];
        process = p->image_inherited && p->image_count == 1 ? p->parent : NONE;
    }
    return NONE;
}
