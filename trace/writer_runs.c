/*
 * writer_runs.c: runs of pages: claimed in the file, mapped, and backed, so
 * that no store to them can fault. The only system calls while recording.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/mman.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "writer_inside.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#define MAP_BUSY  1ull        /* added to the address of a later mapping */
#define RETRY_NS  50000000ull /* after a run could not be had */
#define FOLIO     (128u << 10)
#define FAR_PAGES 16384u /* 64 MiB: rings smaller than this go round too fast to prefill */

/* By our own copy of the capacity: the header belongs to everybody, and a store past the file is SIGBUS. */
static uint64_t physical(const struct ft_writer *w, uint64_t seq) { return 1 + (seq - 1) % w->capacity; }

/* Our file, opened for a moment. Never kept: the program owns the descriptor table. */
int ftw_open_file(const struct ft_writer *w)
{
    long fd = sys(SYS_openat, AT_FDCWD, w->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    if (fd < 0) return (int)fd;
    struct ft_header header; /* the path may mean another file by now */
    if (sys(SYS_pread64, (int)fd, &header, sizeof header, (off_t)0) == (long)sizeof header &&
        !memcmp(header.magic, FT_MAGIC, 8) &&
        (!w->file || !memcmp(header.run_id, w->file->run_id, sizeof header.run_id)))
        return (int)fd;
    sys(SYS_close, (int)fd);
    return -ESTALE;
}

/*
 * Populating what is in memory already starts readahead of what lies behind it (Linux 6.18): holes, which it
 * fills with single pages in the place of the folios that write_zeros would have made, at twice the cost.
 */
void ftw_no_readahead(void *base, size_t size) { sys(SYS_madvise, base, size, MADV_RANDOM); }

/*
 * A later mapping holds a run of any length, wherever in the machine's page it begins (aarch64: of 16 or 64
 * KiB), and pages of other runs. All of it lies in the file: idle() looks at every page.
 */
static uint64_t map_pages(const struct ft_writer *w)
{
    uint64_t pages = FT_RUN_MAX + (w->unit > FT_PAGE ? w->unit / FT_PAGE : 0);
    return pages < 1 + w->capacity ? pages : 1 + w->capacity;
}
static size_t map_size(const struct ft_writer *w) { return map_pages(w) * FT_PAGE; }

/* The first page of a mapping that holds the run at `page`: that of a machine's page. */
static uint64_t map_start(const struct ft_writer *w, uint64_t page)
{
    uint64_t mask = w->unit / FT_PAGE - 1, last = (1 + w->capacity - map_pages(w) + mask) & ~mask;
    return page < last ? page & ~mask : last;
}

/*
 * Map the file from `page` on, at `where` if that is not NULL. With
 * the path out of reach (another uid, a chroot): a second mapping of the
 * header page's file needs no fd (mremap with old size 0), and
 * remap_file_pages moves it to any offset.
 */
static uint8_t *map_file(const struct ft_writer *w, uint64_t page, uint8_t *where)
{
    const size_t size = map_size(w);
    int fd = ftw_open_file(w);
    if (fd >= 0) {
        long r = sys(SYS_mmap, where, size, PROT_READ | PROT_WRITE, MAP_SHARED | (where ? MAP_FIXED : 0), fd,
                     (off_t)(page * FT_PAGE));
        sys(SYS_close, fd);
        if (failed(r)) return NULL;
        ftw_no_readahead((void *)r, size);
        return (uint8_t *)r;
    }
    if (!where) {
        long r = sys(SYS_mremap, w->file, (size_t)0, size, MREMAP_MAYMOVE, 0);
        if (failed(r)) return NULL;
        where = (uint8_t *)r;
    }
    return failed(sys(SYS_remap_file_pages, where, size, 0, (size_t)(page * FT_PAGE / w->unit), 0)) ? NULL
                                                                                                    : where;
}

/*
 * A later mapping that nobody writes to any more, to be used again in place.
 * (One in the making, or with a run that is not current yet, is MAP_BUSY: see
 * map_run.)
 */
static bool idle(const struct ft_writer *w, uint64_t map)
{
    const size_t size = map_size(w);
    for (int c = 0; c < FT_CLASSES; c++)
        if ((uintptr_t)load(&w->current[c]) - map < size) return false;
    if ((load(&w->run) & ~(uint64_t)RUN_MASK) - map < size) return false;
    const struct ft_page *page = (const void *)(uintptr_t)map;
    for (uint64_t i = map_pages(w); i-- > 0; page++) {
        uint64_t records;
        if (load(&page->magic) != FT_PAGE_MAGIC) continue;
        if (page->class == FT_SLOTS ? load(&page->slots) != 0
                                    : !ftw_settled(page, load(&page->cursor) % CLOSED, &records))
            return false;
    }
    return true;
}

/*
 * The pages of a run, mapped. A mapping behind the window stays MAP_BUSY, so
 * that no other thread reuses it, until release_map: the run in it has become
 * current, or will not be used.
 */
static struct ft_page *map_run(struct ft_writer *w, uint64_t seq, uint32_t pages)
{
    uint64_t at = physical(w, seq), start = map_start(w, at);
    if (at + pages <= w->window_pages) return (struct ft_page *)w->file + at;
    for (uint32_t i = 0; i < w->map_room; i++) {
        uint64_t *slot = &w->maps[add(&w->map_next, 1) % w->map_room], map = load(slot);
        if (map & MAP_BUSY || (map && !idle(w, map)) || !swap(slot, map, map | MAP_BUSY)) continue;
        uint8_t *made = map_file(w, start, (uint8_t *)(uintptr_t)map);
        store(slot, made ? (uint64_t)(uintptr_t)made | MAP_BUSY : map);
        if (made) return (struct ft_page *)made + (at - start);
    }
    w->why_not = FT_LOST_NO_MEMORY;
    return NULL;
}

void ftw_release_map(struct ft_writer *w, const struct ft_page *base)
{
    uint64_t map = (uint64_t)(uintptr_t)base;
    for (uint32_t i = 0; i < FT_MAPS; i++) {
        uint64_t held = load(&w->maps[i]);
        if (held & MAP_BUSY && map - (held & ~MAP_BUSY) < map_size(w)) store(&w->maps[i], held & ~MAP_BUSY);
    }
}

/*
 * Zeros written to a fresh run wipe what others put there if they went round
 * the whole ring since we claimed it: only while that would take them long.
 */
static bool far_from_lapping(const struct ft_writer *w)
{
    return w->capacity >= FAR_PAGES && load(&w->file->next) <= w->capacity / 2;
}

/*
 * In parts of 128 KiB, each aligned in the file: the page cache makes a folio of each, which is populated for
 * less than half of what its pages would cost one by one. One write of it all makes larger ones, when it
 * finds memory for them, and else small ones (Linux 6.18). What could not be written, populating finds out.
 */
static void write_zeros(int fd, off_t at, uint32_t pages)
{
    static char zeros[4 * FT_PAGE]; /* never written: not in the library's file */
    const off_t end = at + (off_t)pages * FT_PAGE;
    while (at < end) {
        struct iovec parts[FOLIO / sizeof zeros];
        size_t size = FOLIO - (size_t)at % FOLIO,
               left = size < (size_t)(end - at) ? size : (size_t)(end - at);
        off_t from = at;
        int n = 0;
        at += (off_t)left;
        for (; left; left -= parts[n++].iov_len)
            parts[n] = (struct iovec){zeros, left < sizeof zeros ? left : sizeof zeros};
        sys(SYS_pwritev, fd, parts, n, (long)from, 0L);
    }
}

/*
 * Make sure that stores to fresh pages cannot fault. Populating pages that were
 * written before is 3 times cheaper than populating holes (ext4 allocates
 * block by block), but needs an fd for a moment: only worth it for the large
 * runs of a busy process, which nobody else has seen yet.
 */
static bool back(struct ft_writer *w, struct ft_page *base, uint64_t seq, uint32_t pages, bool private)
{
    size_t size = (size_t)pages * FT_PAGE;
    off_t at = (off_t)(physical(w, seq) * FT_PAGE);
    struct rlimit limit;
    int fd = -1;
    if (private && far_from_lapping(w) && !sys(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit) &&
        limit.rlim_cur >= (uint64_t)at + size) /* past it: SIGXFSZ */
        fd = ftw_open_file(w);
    if (fd >= 0) {
        write_zeros(fd, at, pages);
        sys(SYS_close, fd);
    }
    size_t before = (size_t)at % w->unit; /* from the beginning of the machine's page */
    if (!failed(sys(SYS_madvise, (char *)base - before, before + size, MADV_POPULATE_WRITE))) return true;
    w->why_not = FT_LOST_DISK_FULL;
    return false;
}

/* Prepare a claimed run. Its length may shrink to what could be recycled; 0: nothing. */
static uint64_t make_run(struct ft_writer *w, uint64_t seq, uint32_t pages, uint8_t level)
{
    uint64_t at = physical(w, seq);
    if (at + pages > 1 + w->capacity) pages = (uint32_t)(1 + w->capacity - at);
    struct ft_page *base = map_run(w, seq, pages);
    if (!base) return 0;
    bool fresh = seq + pages - 1 <= w->capacity;
    struct ft_page *mapped = base;
    if (!back(w, base, seq, pages, fresh && level > 0)) {
        ftw_release_map(w, mapped);
        return 0;
    }
    if (!fresh) {
        /* overwriting: the head is the first page that may be; others that may not are skipped when opening
         */
        while (pages && !ftw_recycle(w, base, seq)) base++, seq++, pages--;
        if (!pages) {
            ftw_release_map(w, mapped);
            w->why_not = FT_LOST_OVERWRITTEN;
            return 0;
        }
        for (uint32_t i = 1; i < pages; i++) ftw_recycle(w, base + i, seq + i);
    }
    base->seq = seq;
    base->level = level;
    base->run_pages = (uint16_t)pages;
    base->owner_pid = w->pid;
    store(&base->run_next, 0);
    return (uint64_t)(uintptr_t)base | pages;
}

/* The run newcomers share, if it is another than `used_up` and still has pages. */
uint64_t ftw_shared_run(struct ft_writer *w, uint64_t used_up)
{
    uint64_t join = load(&w->file->join);
    uint64_t seq = join >> 16, pages = join & 0xffff;
    struct ft_page *old = run_base(used_up);
    if (!seq || !pages || pages > FT_SHARED_PAGES || (old && old->seq == seq)) return 0;
    if (physical(w, seq) + pages > 1 + w->capacity) return 0;
    struct ft_page *base = map_run(w, seq, (uint32_t)pages);
    if (!base) return 0;
    if (base->seq == seq && load(&base->run_next) < pages) return (uint64_t)(uintptr_t)base | pages;
    ftw_release_map(w, base);
    return 0;
}

/*
 * A process that used up a run it claimed itself is busy: its next ones are
 * its own and larger. Everybody else shares small ones, so that ten thousand
 * short processes fill pages together instead of wasting one each.
 */
bool ftw_next_run(struct ft_writer *w, uint64_t used_up)
{
    if (load(&w->run) != used_up) return true;
    uint64_t run = __atomic_exchange_n(&w->spare, 0, __ATOMIC_ACQ_REL);
    if (!run) {
        uint64_t now = monotonic(CLOCK_MONOTONIC);
        if (now < load(&w->retry_at)) return false;
        uint32_t pid = (uint32_t)sys(SYS_getpid);
        struct ft_page *old = run_base(used_up);
        bool busy = old && old->owner_pid == pid;
        uint8_t level = busy ? (uint8_t)(old->level < 2 ? old->level + 1 : 2) : 0;
        if (!busy) run = ftw_shared_run(w, used_up);
        w->pid = pid;
        for (int i = 0; !run && i < TRIES; i++) {
            uint32_t pages = level == 2 ? FT_RUN_MAX : level == 1 ? 64 : FT_SHARED_PAGES;
            while (pages > 1 && pages > w->capacity / 8) pages /= 2;
            uint64_t join = load(&w->file->join);
            uint64_t seq = add(&w->file->next, pages);
            run = make_run(w, seq, pages, level);
            if (run && !level) swap(&w->file->join, join, run_base(run)->seq << 16 | run_pages(run));
            /* further on there may be pages to recycle */
            if (run || (seq > w->capacity && w->why_not != FT_LOST_NO_MEMORY)) continue;
            swap(&w->file->next, seq + pages, seq); /* not claimed after all, if nobody came after us */
            if (!level) break;                      /* no room */
            level = 0;                              /* there may be some for less */
        }
        if (!run) {
            store(&w->retry_at, now + (w->why_not == FT_LOST_OVERWRITTEN ? RETRY_NS / 50 : RETRY_NS));
            return false;
        }
    }
    if (swap(&w->run, used_up, run)) {
        ftw_release_map(w, run_base(run));
    } else {
        uint64_t other = __atomic_exchange_n(&w->spare, run, __ATOMIC_ACQ_REL);
        if (other) ftw_release_map(w, run_base(other)); /* several threads at once: its pages are wasted */
    }
    return true;
}
