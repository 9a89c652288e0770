/*
 * slots.c: which watches get the processor's few breakpoints.
 */
#include "finder.h"

#define TOO_MANY 255

/* It asks for hardware, and has it, or gets it now: nothing of it is patched. */
bool slots_only(const struct question *q, size_t i)
{
    const struct plan_watch *p = &q->counts[i];
    return p->asked && (p->slots || q->head->held >> i & 1);
}

/* Those that ask for it, before any store is looked for; and those of whose writes others are not seen,
 * after. */
void slots_share(struct question *q, bool asked)
{
    for (size_t i = 0; i < q->watch_count; i++) {
        struct plan_watch *p = &q->counts[i];
        const struct watch *w = &q->watches[i];
        bool misses = p->taken || p->pointers || p->patched < p->stores || !p->stores;
        if (p->outcome != FT_C_OUTCOME_watched || !q->fresh[w->object] || p->asked != asked) continue;
        if (!asked && !misses) continue;
        p->needed = (uint8_t)watch_slots(q->addresses[i], w->where.size, TOO_MANY);
        p->refused = q->go ? FT_C_HW_GO : 0;
        if (q->go || p->needed > q->slots_left) continue;
        p->slots = p->needed;
        q->slots_left -= p->needed;
    }
}

/* `watch`: its index in the answer. Of an array the elements are told apart as they change. */
void slots_place(struct question *q, struct answer *a, size_t i, uint32_t watch)
{
    const struct watch *w = &q->watches[i];
    struct job job = {.answer = a, .addresses = &q->addresses[i], .watches = &w};
    uint64_t address = q->addresses[i], size = w->where.size;
    bool whole = size <= 8, array = !whole && w->type.element && w->type.element <= 8;
    for (uint64_t done = 0; done < size;) {
        unsigned length = watch_slot(address + done, size - done);
        struct plan_slot slot = {.at = address + done,
                                 .value_at = whole ? address : address + done,
                                 .watch = watch,
                                 .length = (uint8_t)length,
                                 .value_size = (uint8_t)(whole ? size : length),
                                 .offset = (uint8_t)(array ? done : 0),
                                 .element = (uint8_t)(array ? w->type.element : 0)};
        slot.global = whole || array ? job_global(&job, 0, 0, size) : job_global(&job, 0, done, length);
        list_add(&a->slots, &slot);
        done += length;
    }
}
