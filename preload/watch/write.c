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

static bool write_alone(ft_ref task, uint64_t value, uint64_t what)
{
    struct ft_c_write *record = ft_begin(&ft, FT_C_WRITE, sizeof *record, task);
    if (!record) return false;
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
    page->entry[0].value = value;
    __atomic_store_n(&page->entry[0].stamp, FT_C_STAMP(page->head.time, what & 0xffff), __ATOMIC_RELEASE);
    ft_publish(page);
    struct ft_c_writes *before = place.page;
    place.page = page;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    place.cursor = (uint64_t)(uintptr_t)&page->entry[1];
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
    bool full = (place.cursor & (FT_PAGE - 1)) < WATCH_FIRST || !(place.cursor >> 12);
    if (full) place.cursor = 0;
    if (!task) ft_count_lost(&ft, FT_LOST_WATCH, 1);
    if (!task || !ft_writer_on(&ft)) return;
    /* an offset has no room in an entry beside a value of 8 bytes; and entries need the counter */
    bool alone = !full || what >> 16 || ft.clock != FT_CLOCK_TSC || place.count < SINGLES;
    if (alone) {
        write_alone(task, value, what);
        if (!(what >> 16)) place.count++;
    } else
        write_to_page(task, value, what);
}
