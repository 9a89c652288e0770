/*
 * writer_pages.c: the pages of a run: opened, shared, and, in a flight
 * recorder, emptied to be used again.
 */
#include "writer_inside.h"

/*
 * Take an unused page of a run into use. False: it is not (or no longer) ours
 * to open; in a flight recorder the run may have been overtaken by a whole turn
 * since, then the page carries another number.
 */
static bool open_page(struct ft_writer *w, struct ft_page *page, enum ft_class class, uint64_t seq)
{
    uint32_t magic = load(&page->magic);
    if ((magic && magic != PAGE_FREE) || !seq || !swap32(&page->magic, magic, PAGE_BUSY)) return false;
    if (page->seq && page->seq != seq) {
        store(&page->magic, magic);
        return false;
    }
    page->class = (uint8_t) class;
    page->seq = seq;
    ftw_clock_pair(w->clock, &page->counter, &page->monotonic);
    if (class == FT_LINEAGE) add(&w->file->lineage_pages, 1);
    if (class == FT_SLOTS) {
        store(&page->cursor, CLOSED);
        store(&page->slots, 0);
    }
    store(&page->magic, FT_PAGE_MAGIC);
    /* only now: what is appended to a page without magic is lost if we die */
    if (class != FT_SLOTS && magic == PAGE_FREE) store(&page->cursor, 0);
    return true;
}

/* Make `page` current unless somebody else replaced `full` first; then theirs will do. */
static struct ft_page *take(struct ft_writer *w, enum ft_class class, struct ft_page *full,
                            struct ft_page *page)
{
    __atomic_compare_exchange_n(&w->current[class], &full, page, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    return page;
}

static bool has_room(const struct ft_page *page, enum ft_class class)
{
    if (load(&page->magic) != FT_PAGE_MAGIC || page->class != class) return false;
    if (class == FT_SLOTS) return ~load(&page->slots) & ((1ull << FT_SLOTS_PER_PAGE) - 1);
    return load(&page->cursor) < FT_PAGE_ROOM;
}

struct ft_page *ftw_next_page(struct ft_writer *w, enum ft_class class, struct ft_page *full)
{
    for (int i = 0; i < TRIES; i++) {
        struct ft_page *now = load(&w->current[class]);
        if (now != full) return now;
        uint64_t run = load(&w->run);
        struct ft_page *head = run_base(run);
        uint32_t pages = run_pages(run);
        if (head) {
            if (pages > head->run_pages) pages = head->run_pages; /* overtaken: another run begins here */
            /* another process of this run may have opened a page already */
            uint32_t open = __atomic_load_n(&head->open[class], __ATOMIC_ACQUIRE);
            if (open && open <= pages && head + open - 1 != full && has_room(head + open - 1, class))
                return take(w, class, full, head + open - 1);
            uint32_t index = add(&head->run_next, 1);
            if (index < pages) {
                struct ft_page *page = head + index;
                if (!open_page(w, page, class, head->seq + index)) continue; /* could not be recycled */
                if (index < 255) __atomic_store_n(&head->open[class], (uint8_t)(index + 1), __ATOMIC_RELEASE);
                return take(w, class, full, page);
            }
        }
        if (!ftw_next_run(w, run)) return NULL;
    }
    /* others write to what is old enough to be overwritten, or were always there first */
    w->why_not = FT_LOST_OVERWRITTEN;
    return NULL;
}

/* --- recycling (flight recorder) ------------------------------------------------------------ */

/* Every record of the page is committed for good; *records counts them. */
bool ftw_settled(const struct ft_page *page, uint32_t used, uint64_t *records)
{
    *records = 0;
    if (used > FT_PAGE_ROOM) used = FT_PAGE_ROOM;
    for (uint32_t at = 0; at < used;) {
        uint32_t word = load((const uint32_t *)(const void *)(page->room + at));
        struct {
            uint16_t size;
            uint8_t type, state;
        } head;
        memcpy(&head, &word, 4);
        if (head.state != FT_DONE || head.size < 8 || head.size % 8) return false;
        at += head.size;
        *records += head.type != FT_FILLER;
    }
    return true;
}

/* Empty a page whose every record is settled. */
static bool empty_page(struct ft_writer *w, struct ft_page *page)
{
    uint64_t records = 0;
    uint32_t used = load(&page->cursor);
    if (used < CLOSED) used = add(&page->cursor, CLOSED);
    /* slots stay all taken, so that nobody who remembers the page takes one before it holds slots again */
    if (page->class == FT_SLOTS ? !swap(&page->slots, 0, ~0ull) : !ftw_settled(page, used % CLOSED, &records))
        return false;
    ft_count_lost(w, FT_LOST_OVERWRITTEN, records);
    if (page->class == FT_LINEAGE) add(&w->file->lineage_pages, -1ull);
    memset(page->room, 0, sizeof page->room);
    return true;
}

/*
 * Prepare a page of an earlier turn for its use as `seq`: what it holds goes.
 * False: leave it alone this time round. It stays closed until it is opened.
 */
bool ftw_recycle(struct ft_writer *w, struct ft_page *page, uint64_t seq)
{
    uint32_t magic = load(&page->magic);
    bool used = magic == FT_PAGE_MAGIC;
    if ((magic && magic != PAGE_FREE && !used) ||
        (used && page->class == FT_LINEAGE && load(&w->file->lineage_pages) < w->capacity / 2) ||
        !swap32(&page->magic, magic, PAGE_BUSY)) /* somebody else is at it */
        return false;
    if (page->seq >= seq ||
        (used && !empty_page(w, page))) { /* we slept for a turn, or it is still written to */
        store(&page->magic, magic);
        return false;
    }
    page->seq = seq;
    page->level = 0;
    page->run_pages = 0;
    memset(page->open, 0, sizeof page->open);
    store(&page->run_next, FT_RUN_MAX); /* not the head of a run, until it is made one */
    store(&page->cursor, CLOSED);
    store(&page->magic, PAGE_FREE);
    return true;
}
