/*
 * write.c: the slow half of recording a write to a C global: a thread's first
 * ones, the one that finds its page full, and the first after a fork.
 *
 * A thread that writes now and then gets a record for each write; one that
 * goes on gets a page of its own, which its trampolines fill without calling
 * anybody. Signal handlers may interrupt this anywhere and write too: each
 * step leaves `place` usable, at worst a page stays half empty.
 */
#include "preload/watch/watch.h"

#include "preload/held.h"

#define SINGLES 8 /* records of their own before a thread gets a page */

__thread struct place place __attribute__((tls_model("initial-exec")));

void watch_leave(bool ours)
{
    struct ft_c_writes *page = place.page;
    place.cursor = 0;
    place.page = NULL;
    place.count = 0;
    if (ours) ft_commit(page);
}

/* --- locks ---------------------------------------------------------------------------------- */

static uint64_t signs(void)
{
    uint16_t sign[HELD_SIGNS];
    held_signs(sign);
    return sign[0] | (uint64_t)sign[1] << 16 | (uint64_t)sign[2] << 32;
}

static struct ft_c_entry *entry_at(uint64_t cursor) { return (struct ft_c_entry *)(uintptr_t)cursor; }

static bool is_full(uint64_t cursor) { return (cursor & (FT_PAGE - 1)) < WATCH_FIRST || !(cursor >> 12); }

/*
 * A thread that locks, writes, unlocks and begins again is in the same state at
 * each write: what was told in between is taken back, and costs no room. A
 * handler that writes in the middle of this leaves a hole, which counts for nothing.
 */
void watch_held(void)
{
    uint64_t now = signs(), cursor = place.cursor;
    if (now == place.held || is_full(cursor)) return;
    if (place.pending == cursor) {
        struct ft_c_entry *last = entry_at(cursor - sizeof *last);
        place.held = now;
        if (now != place.before) {
            __atomic_store_n(&last->value, now, __ATOMIC_RELAXED);
            return;
        }
        place.pending = 0;
        __atomic_store_n(&last->stamp, 0, __ATOMIC_RELAXED);
        __atomic_compare_exchange_n(&place.cursor, &cursor, cursor - sizeof *last, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED);
        return;
    }
    cursor = __atomic_fetch_add(&place.cursor, sizeof(struct ft_c_entry), __ATOMIC_RELAXED);
    if (is_full(cursor))
        return; /* a handler filled it: the next write makes a page, which begins with this */
    place.before = place.held;
    place.held = now;
    entry_at(cursor)->value = now;
    __atomic_store_n(&entry_at(cursor)->stamp, FT_C_STAMP(ft_now(&ft), FT_C_HELD), __ATOMIC_RELEASE);
    place.pending = cursor + sizeof(struct ft_c_entry);
}

/* --- writes --------------------------------------------------------------------------------- */

static bool write_alone(ft_ref task, uint64_t value, uint64_t what)
{
    uint64_t held = signs();
    size_t size = held ? sizeof(struct ft_c_write) : offsetof(struct ft_c_write, held);
    struct ft_c_write *record = ft_begin(&ft, FT_C_WRITE, size, task);
    if (!record) return false;
    record->flags = FT_C_LOCKS;
    if (held) record->held = held;
    record->value = value;
    record->offset = (uint32_t)(what >> 16);
    record->site = (uint16_t)what;
    ft_commit(record);
    return true;
}

/* A page for this thread, with this write as its first. */
static bool write_to_page(ft_ref task, uint64_t value, uint64_t what)
{
    struct ft_c_writes *page = ft_begin(&ft, FT_C_WRITES, sizeof *page, task);
    if (!page) return false;
    uint64_t held = signs();
    unsigned n = held != 0;
    page->flags = FT_C_LOCKS;
    if (held) page->entry[0] = (struct ft_c_entry){FT_C_STAMP(page->head.time, FT_C_HELD), held};
    page->entry[n].value = value;
    __atomic_store_n(&page->entry[n].stamp, FT_C_STAMP(page->head.time, what & 0xffff), __ATOMIC_RELEASE);
    ft_publish(page);
    place.held = held;
    place.pending = 0;
    struct ft_c_writes *before = place.page;
    place.page = page;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    place.cursor = (uint64_t)(uintptr_t)&page->entry[n + 1];
    ft_commit(before);
    return true;
}

/*
 * Called by entry.S. what: id of the site, and above its 16 bits the offset of
 * what was written. The trampoline has counted up the cursor: it is put back,
 * or a few more writes would take it for a page.
 */
void watch_write(uint64_t value, uint64_t what) __attribute__((visibility("hidden")));
void watch_write(uint64_t value, uint64_t what)
{
    ft_ref task = self_identify();
    if (!task) task = self.task; /* a signal handler in the middle of our own code */
    bool full = is_full(place.cursor);
    if (full) place.cursor = 0;
    if (!task) ft_count_lost(&ft, FT_LOST_WATCH, 1);
    if (!task || !ft_writer_on(&ft)) return;
    if (unlikely(!self_alive[SELF_QUICK]) && !self_shared_tls) self_alive[SELF_QUICK] = 1;
    /* an offset has no room in an entry beside a value of 8 bytes; and entries need the counter */
    bool alone = !full || self_shared_tls || what >> 16 || ft.clock != FT_CLOCK_TSC || place.count < SINGLES;
    if (alone) {
        write_alone(task, value, what);
        if (!(what >> 16)) place.count++;
    } else
        write_to_page(task, value, what);
}
