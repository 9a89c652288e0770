/*
 * writer.c: records, slots and definitions: what happens at every event. See
 * format.h for the layout and writer.h for the promises.
 */
#include "writer_inside.h"

uint64_t ft_now(const struct ft_writer *w)
{
    return w->clock == FT_CLOCK_TSC ? ft_counter() : monotonic(CLOCK_MONOTONIC);
}

uint64_t ft_about(const struct ft_writer *w, uint64_t ns)
{
    return w->clock == FT_CLOCK_TSC ? ns / 1000 * (ft_counter_hz() / 1000000) : ns;
}

/* --- records -------------------------------------------------------------------------------- */

/* Computed, not looked up: a table lies on a page that a fork child would have to fault in. */
static enum ft_class class_of(enum ft_type type)
{
#define X(number, NAME, name, class) || (FT_##class == FT_EVENTS && type == (number))
    if (0 FT_TYPES(X)) return FT_EVENTS;
#undef X
#define X(number, NAME, name, class) || (FT_##class == FT_SLOTS && type == (number))
    return 0 FT_TYPES(X) ? FT_SLOTS : FT_LINEAGE;
#undef X
}

void *ft_begin(struct ft_writer *w, enum ft_type type, size_t size, ft_ref task)
{
    if (!ft_writer_on(w)) return NULL;
    if (size > FT_PAGE_ROOM) {
        ft_count_lost(w, FT_LOST_TOO_LONG, 1);
        return NULL;
    }
    size = (size + 7) & ~(size_t)7;
    enum ft_class class = class_of(type);
    struct ft_page *page = __atomic_load_n(&w->current[class], __ATOMIC_ACQUIRE);
    for (int i = 0; i < TRIES; i++) {
        if (page) {
            /* looking first: with no next page to be had, the cursor would grow until it comes round to 0 */
            uint32_t at = __atomic_load_n(&page->cursor, __ATOMIC_RELAXED);
            if (at < FT_PAGE_ROOM) at = __atomic_fetch_add(&page->cursor, (uint32_t)size, __ATOMIC_ACQUIRE);
            if (at <= FT_PAGE_ROOM - size && !(at & 7)) {
                struct ft_head *head = (void *)(page->room + at);
                set_word(head, (uint16_t)size, type, FT_CLAIMED);
                __atomic_thread_fence(__ATOMIC_RELEASE);
                head->task = task;
                head->time = ft_now(w);
                return head;
            }
            /* the first that does not fit fills the rest, so that no zeros stay below the cursor */
            if (at < FT_PAGE_ROOM && !(at & 7))
                set_word((void *)(page->room + at), (uint16_t)(FT_PAGE_ROOM - at), FT_FILLER, FT_DONE);
        }
        page = ftw_next_page(w, class, page);
        if (!page) break;
    }
    ft_count_lost(w, page ? FT_LOST_OVERWRITTEN : w->why_not, 1); /* page: full each time we came to it */
    return NULL;
}

/*
 * The first access of a fork child to the page must be a store: after a load,
 * which ft_begin begins with, the kernel would have to be asked a second time.
 */
void ft_touch(struct ft_writer *w)
{
    struct ft_page *page = __atomic_load_n(&w->current[FT_LINEAGE], __ATOMIC_RELAXED);
    if (page) *(volatile uint64_t *)&page->reserved = 0;
}

void ft_commit(void *record)
{
    struct ft_head *head = record;
    if (head) set_word(head, head->size, head->type, FT_DONE);
}

void ft_publish(void *record)
{
    struct ft_head *head = record;
    if (head) set_word(head, head->size, head->type, FT_OPEN);
}

ft_ref ft_ref_of(const void *record)
{
    if (!record) return 0;
    uintptr_t at = (uintptr_t)record;
    const struct ft_page *page = (const void *)(at & ~(uintptr_t)(FT_PAGE - 1));
    return (ft_ref)((page->seq * FT_PAGE + (at & (FT_PAGE - 1))) / FT_REF_UNIT);
}

void ft_count_lost(struct ft_writer *w, enum ft_lost reason, uint64_t count)
{
    struct ft_header *header = w->header;
    if (header) __atomic_fetch_add(&header->lost[reason], count, __ATOMIC_RELAXED);
}

/* --- slots ---------------------------------------------------------------------------------- */

static struct ft_page *page_of(void *slot) { return (void *)((uintptr_t)slot & ~(uintptr_t)(FT_PAGE - 1)); }

void *ft_slot_new(struct ft_writer *w, ft_ref task)
{
    if (!ft_writer_on(w)) return NULL;
    struct ft_page *page = load(&w->current[FT_SLOTS]);
    for (int i = 0; i < TRIES; i++) {
        for (uint64_t used = page ? load(&page->slots) : ~0ull;;) {
            unsigned bit = ~used ? (unsigned)__builtin_ctzll(~used) : FT_SLOTS_PER_PAGE;
            if (bit >= FT_SLOTS_PER_PAGE) break;
            if (!swap(&page->slots, used, used | 1ull << bit)) {
                used = load(&page->slots);
                continue;
            }
            struct ft_head *slot = (void *)(page->room + bit * FT_SLOT_SIZE);
            memset(slot, 0, FT_SLOT_SIZE);
            slot->task = task;
            return slot;
        }
        page = ftw_next_page(w, FT_SLOTS, page);
        if (!page) break;
    }
    ft_count_lost(w, FT_LOST_NO_SLOT, 1);
    return NULL;
}

void ft_slot_set(void *slot, enum ft_type type, ft_ref task, uint64_t time)
{
    struct ft_head *head = slot;
    head->task = task;
    head->time = time;
    set_word(head, FT_SLOT_SIZE, (uint8_t)type, FT_OPEN);
}

void ft_slot_clear(void *slot) { set_word(slot, 0, 0, 0); }

void ft_slot_free(void *slot)
{
    ft_slot_clear(slot);
    struct ft_page *page = page_of(slot);
    unsigned bit = (unsigned)(((uint8_t *)slot - page->room) / FT_SLOT_SIZE);
    __atomic_fetch_and(&page->slots, ~(1ull << bit), __ATOMIC_ACQ_REL);
}

/* --- definitions ---------------------------------------------------------------------------- */

uint64_t ft_hash(const void *bytes, size_t length)
{
    const uint8_t *p = bytes;
    uint64_t h = 0xcbf29ce484222325u ^ length;
    for (; length >= 8; p += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    for (; length; p++, length--) h = (h ^ *p) * 0x100000001b3u;
    h = (h ^ h >> 32) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* Half a turn of the ring later. Asks the current page, not the header: a fork child has no other page mapped
 * in. */
bool ft_stale(const struct ft_writer *w, ft_ref ref)
{
    const struct ft_page *page = load(&w->current[FT_LINEAGE]);
    if (!page || page->seq <= w->capacity) return false;
    uint64_t seq = (uint64_t)ref * FT_REF_UNIT / FT_PAGE;
    return ((page->seq - seq) & ((1ull << 32) * FT_REF_UNIT / FT_PAGE - 1)) > w->capacity / 2;
}

ft_ref ft_known(const struct ft_writer *w, const struct ft_interned *entry, uint64_t hash)
{
    ft_ref ref = load(&entry->ref);
    if (!ref || ref == ~0u || load(&entry->hash) != hash || load(&entry->ref) != ref) return 0;
    return ft_writer_on(w) && !ft_stale(w, ref) ? ref : 0;
}

ft_ref ft_interned_find(struct ft_writer *w, uint64_t hash)
{
    return w->interned ? ft_known(w, &w->interned[hash % FT_INTERNED], hash) : 0;
}

void ft_remember(struct ft_interned *entry, uint64_t hash, ft_ref ref)
{
    ft_ref old = load(&entry->ref);
    if (!ref || old == ~0u) return;
    /* ~0 keeps others out; they just do not remember theirs */
    if (!__atomic_compare_exchange_n(&entry->ref, &old, ~0u, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return;
    store(&entry->hash, hash);
    store(&entry->ref, ref);
}

void ft_interned_keep(struct ft_writer *w, uint64_t hash, ft_ref ref)
{
    if (w->interned) ft_remember(&w->interned[hash % FT_INTERNED], hash, ref);
}

ft_ref ft_string(struct ft_writer *w, const char *bytes, size_t length, ft_ref task)
{
    if (!bytes || !ft_writer_on(w)) return 0;
    uint64_t hash = ft_hash(bytes, length);
    ft_ref ref = ft_interned_find(w, hash);
    if (ref) return ref;
    size_t fixed = offsetof(struct ft_string, bytes), room = FT_PAGE_ROOM - fixed;
    size_t kept = length < room ? length : room;
    struct ft_string *s = ft_begin(w, FT_STRING, fixed + kept, task);
    if (!s) return 0;
    s->length = length > UINT32_MAX ? UINT32_MAX : (uint32_t)length;
    memcpy(s->bytes, bytes, kept);
    ref = ft_ref_of(s);
    ft_commit(s);
    ft_interned_keep(w, hash, ref);
    return ref;
}
