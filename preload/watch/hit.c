/*
 * hit.c: a thread has hit a breakpoint: what was written, by which instruction,
 * with which locks held. Runs in the handler for SIGTRAP, all signals blocked.
 *
 * One store may hit several places: a vector register's, an unaligned one. The
 * kernel sends one signal then, for a second SIGTRAP is dropped while there is
 * one. What the store reached is told by its instruction (stored.h). Of one we do
 * not know, and of a repeated one, that is taken for written which is another
 * value than when it was looked at last: another thread may have done it.
 */
#define _GNU_SOURCE
#include "preload/watch/slots.h"

#if defined __x86_64__

#include "preload/held.h"
#include "preload/thread.h"
#include "preload/watch/stored.h"
#include "preload/watch/watch.h"

#define PATIENT 1000 /* hits by patched stores, which are recorded anyway */
#define FAR     64   /* bytes that one store may write at most */

uint32_t *hardware_in_vain;

struct hit {
    const struct slot *slot;
    ft_ref task;
    uint16_t flags;
    bool alone;     /* nobody else can have written since */
    uint64_t after; /* as in struct ft_c_trap */
    uint64_t held;
    struct stored stored;
};

/* --- stores that are recorded otherwise --------------------------------------------------------- */

/* May one store hit both? Others are not looked at: their library may be gone. */
static bool neighbours(const struct slot *a, const struct slot *b)
{
    return a->plan.at - b->plan.at + FAR - 1 <= 2 * (FAR - 1);
}

/* Stores that are patched tell of themselves: this one is dear, and adds nothing. */
static void told_already(struct slot *s)
{
    for (unsigned i = 0; i < hardware_slot_count; i++) {
        struct slot *other = &hardware_slots[i];
        if (!other->gone && neighbours(other, s))
            other->seen = slot_value(other->plan.value_at, other->plan.value_size);
    }
    uint32_t *count = &hardware_in_vain[s - hardware_slots];
    if (!s->automatic || __atomic_add_fetch(count, 1, __ATOMIC_RELAXED) != PATIENT) return;
    hardware_end((unsigned)(s - hardware_slots));
    struct ft_c_hardware *r = ft_begin(&ft, FT_C_HARDWARE, sizeof *r, self.task);
    if (!r) return;
    r->watch = s->watch;
    r->slots = r->needed = 1;
    r->flags = FT_C_HW_ENDED;
    ft_commit(r);
}

/* --- what was written --------------------------------------------------------------------------- */

/*
 * The processor stops behind the store, but between two rounds of a repeated
 * one at its beginning: rep movs, rep stos, with rdi just behind what was written.
 */
static bool between_rounds(const uint8_t *rip, uint64_t rdi, const struct plan_slot *p)
{
    const uint8_t *code = rip;
    if (*code == 0x66) code++;
    bool rep = *code == 0xf3 || *code == 0xf2;
    if (rep) code++;
    if ((*code & 0xf0) == 0x40) code++;
    bool string = *code == 0xa4 || *code == 0xa5 || *code == 0xaa || *code == 0xab;
    return rep && string && rdi - p->at <= FAR;
}

static void find_store(struct hit *h, const greg_t *registers)
{
    const struct plan_slot *p = &h->slot->plan;
    uint64_t rip = (uint64_t)registers[REG_RIP], rdi = (uint64_t)registers[REG_RDI];
    h->stored = (struct stored){.at = p->at - FAR + 1, .size = p->length + 2 * (FAR - 1)};
    if (h->flags & FT_C_LATE) return;
    bool inside = between_rounds((const uint8_t *)rip, rdi, p);
    h->after = rip + inside;
    struct stored s;
    if (!inside && stored_before((const uint8_t *)rip, registers, p->at, p->length, &s)) h->stored = s;
}

static uint64_t held(void)
{
    uint16_t sign[HELD_SIGNS];
    held_signs(sign);
    return sign[0] | (uint64_t)sign[1] << 16 | (uint64_t)sign[2] << 32;
}

static void record(const struct hit *h, const struct slot *s, uint64_t value, unsigned offset, unsigned size,
                   bool exact)
{
    size_t length = h->held ? sizeof(struct ft_c_trap) : offsetof(struct ft_c_trap, held);
    struct ft_c_trap *r = ft_begin(&ft, FT_C_TRAP, length, h->task);
    if (!r) return;
    r->value = value;
    r->after = h->after;
    r->global = s->global;
    r->offset = (uint8_t)offset;
    r->size = (uint8_t)size;
    r->flags = (uint16_t)(h->flags | h->stored.flags | (exact || h->alone ? 0 : FT_C_READ_BACK));
    if (h->held) r->held = h->held;
    ft_commit(r);
}

/* The elements of an array that were written, or the one value that is there. */
static bool record_pieces(const struct hit *h, struct slot *s)
{
    const struct plan_slot *p = &s->plan;
    const struct stored *w = &h->stored;
    unsigned each = p->element && p->element < p->value_size ? p->element : p->value_size;
    uint64_t mask = each < 8 ? (1ull << 8 * each) - 1 : ~0ull;
    if (w->at - p->value_at >= p->value_size && p->value_at - w->at >= w->size) return false;
    uint64_t now = slot_value(p->value_at, p->value_size), changed = now ^ s->seen;
    bool any = false;
    s->seen = now;
    for (unsigned i = 0; i < p->value_size; i += each) {
        uint64_t at = p->value_at + i - w->at, value = now >> 8 * i & mask;
        bool exact = w->known && at + each <= w->size && at < w->size;
        if (!(w->whole ? at < w->size || -at < each : changed >> 8 * i & mask)) continue;
        if (exact) value = w->value >> 8 * at & mask;
        record(h, s, value, p->offset + i, each, exact);
        any = true;
    }
    return any;
}

bool hardware_hit(uint64_t data, const ucontext_t *context, bool late)
{
    const greg_t *registers = context->uc_mcontext.gregs;
    uint64_t number = (data - (uintptr_t)hardware_slots) / sizeof *hardware_slots;
    if (number >= hardware_slot_count || data != (uintptr_t)&hardware_slots[number]) return false;
    struct slot *s = &hardware_slots[number];
    if (s->gone) return true;
    if (!late && watch_placed((uint64_t)registers[REG_RIP])) {
        told_already(s);
        return true;
    }
    struct hit h = {.slot = s, .task = self_identify()};
    if (!h.task) h.task = self.task;
    if (!h.task) {
        ft_count_lost(&ft, FT_LOST_WATCH, 1);
        return true;
    }
    h.flags = (uint16_t)(FT_C_BY_HARDWARE | (late ? FT_C_LATE : FT_C_WITH_LOCKS));
    h.alone = !late && thread_known() == 1;
    if (!late) h.held = held();
    find_store(&h, registers);
    bool any = false;
    for (unsigned i = 0; i < hardware_slot_count; i++)
        any |= !hardware_slots[i].gone && record_pieces(&h, &hardware_slots[i]);
    if (!any) /* the same again: it was written all the same */
        record(&h, s, slot_value(s->plan.value_at, s->plan.value_size), s->plan.offset, s->plan.value_size,
               false);
    return true;
}

#else

bool hardware_hit(uint64_t data, const ucontext_t *context, bool late) { return false; }

#endif
