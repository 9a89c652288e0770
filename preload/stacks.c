/*
 * stacks.c: see stacks.h. An entry that another thread or process is writing
 * is not waited for: it recalls nothing.
 */
#include "stacks.h"

#include <stddef.h>
#include <string.h>

#define REMEMBERED        64
#define REMEMBERED_FRAMES 62 /* a stack remembered takes 1 KiB, and lies on one page */

struct remembered {
    uint32_t version; /* odd: being written */
    uint32_t count;
    ft_ref ref;
    uint64_t site, sp;
    struct {
        uint64_t pc;
        uint32_t slot; /* from sp */
    } frame[REMEMBERED_FRAMES];
} __attribute__((aligned(1024)));

static struct stacks {
    uint32_t changes; /* of remembered */
    struct remembered remembered[REMEMBERED];
} * shared;

size_t stacks_room(void) { return sizeof *shared; }
void stacks_init(void *memory) { shared = memory; }

#ifdef STACKS_CODE
/*
 * To a fork child the shared caches cost a page fault, its own memory nothing:
 * each process has a copy of the stacks of its family, renewed before a fork.
 */
static struct remembered own[REMEMBERED] SPARSE;
static uint32_t own_changes; /* shared->changes then */

static unsigned entry_of(uint64_t site, uint64_t sp)
{
    return (site * 0x9e3779b97f4a7c15u ^ sp * 0xc2b2ae3d27d4eb4fu) >> 58;
}

/*
 * The same call from the same place on the stack, with every return address
 * still where it was: the same stack. The slots lie above sp in live frames:
 * if the inner ones match, so is the next one.
 */
HOT static ft_ref recall(const struct remembered *e, uint64_t site, uint64_t sp)
{
    uint32_t version = __atomic_load_n(&e->version, __ATOMIC_ACQUIRE);
    if (version & 1 || e->site != site || e->sp != sp || !e->count || e->count > REMEMBERED_FRAMES) return 0;
    for (uint32_t i = 0; i < e->count; i++)
        if (STACKS_CODE(*(const uint64_t *)(uintptr_t)(sp + e->frame[i].slot)) != e->frame[i].pc) return 0;
    ft_ref ref = e->ref;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&e->version, __ATOMIC_RELAXED) == version && !ft_stale(&ft, ref) ? ref : 0;
}

HOT ft_ref stacks_recall(uint64_t site, uint64_t sp)
{
    unsigned i = entry_of(site, sp);
    ft_ref ref = recall(&own[i], site, sp);
    return ref ? ref : recall(&shared->remembered[i], site, sp);
}

/* Nobody else writes to it until version + 2 is stored there. */
static bool claim(struct remembered *e, uint32_t version)
{
    return !(version & 1) && __atomic_compare_exchange_n(&e->version, &version, version + 1, false,
                                                         __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void stacks_keep(uint64_t site, uint64_t sp, ft_ref ref, const uint64_t *pc, const uint64_t *slot,
                 unsigned count)
{
    struct remembered *e = &shared->remembered[entry_of(site, sp)];
    uint32_t version = __atomic_load_n(&e->version, __ATOMIC_RELAXED);
    if (count > REMEMBERED_FRAMES) return;
    for (unsigned i = 0; i < count; i++)
        if (slot[i] - sp > 1u << 20) return;
    if (!claim(e, version)) return;
    e->site = site;
    e->sp = sp;
    e->ref = ref;
    e->count = count;
    for (unsigned i = 0; i < count; i++) {
        e->frame[i].pc = pc[i];
        e->frame[i].slot = (uint32_t)(slot[i] - sp);
    }
    __atomic_store_n(&e->version, version + 2, __ATOMIC_RELEASE);
    __atomic_fetch_add(&shared->changes, 1, __ATOMIC_RELEASE);
}

/* A copy torn by a change of `from` gets a count of 0, which recalls nothing. */
static void copy(struct remembered *to, const struct remembered *from)
{
    uint32_t version = __atomic_load_n(&from->version, __ATOMIC_ACQUIRE);
    uint32_t mine = __atomic_load_n(&to->version, __ATOMIC_RELAXED), count = from->count;
    if (version & 1 || count > REMEMBERED_FRAMES || (to->ref == from->ref && to->sp == from->sp)) return;
    if (!claim(to, mine)) return;
    memcpy((char *)to + sizeof to->version, (const char *)from + sizeof from->version,
           offsetof(struct remembered, frame) - sizeof to->version + count * sizeof *to->frame);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    to->count = __atomic_load_n(&from->version, __ATOMIC_RELAXED) == version ? count : 0;
    __atomic_store_n(&to->version, mine + 2, __ATOMIC_RELEASE);
}

void stacks_before_fork(void)
{
    if (!shared) return;
    uint32_t changes = __atomic_load_n(&shared->changes, __ATOMIC_ACQUIRE);
    if (likely(changes == own_changes)) return;
    own_changes = changes;
    for (unsigned i = 0; i < REMEMBERED; i++)
        if (shared->remembered[i].count) copy(&own[i], &shared->remembered[i]);
}
#else
ft_ref stacks_recall(uint64_t site, uint64_t sp) { return 0; }
void stacks_before_fork(void) {}
void stacks_keep(uint64_t site, uint64_t sp, ft_ref ref, const uint64_t *pc, const uint64_t *slot,
                 unsigned count)
{
}
#endif
