/*
 * writer.c: creating, joining and appending to a trace file. See format.h for
 * the layout and writer.h for the promises.
 *
 * Three levels, each rarer than the one before:
 *   ft_begin    one atomic add on the current page
 *   next_page   the page is full: take another from the run (no system call)
 *   next_run    the run is used up: claim, map and back another (system calls)
 *
 * Anything may be interrupted by a signal handler that records too, run in
 * several threads at once, or stop for ever in the middle: every step leaves
 * shared state usable by the others, at worst wasting a page.
 */
#define _GNU_SOURCE
#include "writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mman.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "syscall.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

/* A page that is not in use: given out with a new number, or in somebody's hands (who may have died). */
#define PAGE_FREE 0x46505446u /* "FTPF" */
#define PAGE_BUSY 0x42505446u /* "FTPB" */

#define CLOSED    (1u << 24) /* added to a cursor: nobody can claim here any more */
#define RUN_MASK  (FT_PAGE - 1)
#define MAP_BUSY  1ull        /* added to the address of a later mapping */
#define TRIES     64          /* bounds every loop over shared state */
#define RETRY_NS  50000000ull /* after a run could not be had */
#define FAR_PAGES 16384u      /* 64 MiB: rings smaller than this go round too fast to prefill */

#define load(p)     __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define add(p, v)   __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL)

static bool swap(uint64_t *p, uint64_t old, uint64_t new)
{
    return __atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static bool swap32(uint32_t *p, uint32_t old, uint32_t new)
{
    return __atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static struct ft_page *run_base(uint64_t run)
{
    return (struct ft_page *)(uintptr_t)(run & ~(uint64_t)RUN_MASK);
}
static uint32_t run_pages(uint64_t run) { return run & RUN_MASK; }

#define sys ft_syscall

static bool failed(long r) { return r < 0 && r > -4096; }

/* --- clock ---------------------------------------------------------------------------------- */

static uint64_t monotonic(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t counter(void)
{
#if defined __x86_64__
    return __builtin_ia32_rdtsc();
#elif defined __aarch64__
    uint64_t v;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
    return v;
#else
    return monotonic(CLOCK_MONOTONIC);
#endif
}

uint64_t ft_now(const struct ft_writer *w)
{
    return w->clock == FT_CLOCK_TSC ? counter() : monotonic(CLOCK_MONOTONIC);
}

/* Both clocks at one moment, as nearly as can be had: an interruption in between shows in the counter. */
static void clock_pair(uint32_t clock, uint64_t *count, uint64_t *ns)
{
    *count = *ns = monotonic(CLOCK_MONOTONIC);
    if (clock == FT_CLOCK_MONOTONIC) return;
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 3 && best > 1000; i++) {
        uint64_t before = counter(), now = monotonic(CLOCK_MONOTONIC), took = counter() - before;
        if (took >= best) continue;
        best = took;
        *count = before + took / 2;
        *ns = now;
    }
}

/* The counter is used only where the kernel itself trusts it across CPUs. */
static uint32_t best_clock(void)
{
#if defined __aarch64__
    return FT_CLOCK_TSC;
#elif defined __x86_64__
    char name[16] = "";
    long fd = sys(SYS_openat, AT_FDCWD, "/sys/devices/system/clocksource/clocksource0/current_clocksource",
                  O_RDONLY | O_CLOEXEC);
    if (fd < 0) return FT_CLOCK_MONOTONIC;
    long n = sys(SYS_read, (int)fd, name, sizeof name - 1);
    sys(SYS_close, (int)fd);
    return n >= 4 && !memcmp(name, "tsc\n", 4) ? FT_CLOCK_TSC : FT_CLOCK_MONOTONIC;
#else
    return FT_CLOCK_MONOTONIC;
#endif
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

/* Size, type and state go to memory as one word, so that a reader sees all or nothing. */
static void set_word(struct ft_head *head, uint16_t size, uint8_t type, uint8_t state)
{
    struct {
        uint16_t size;
        uint8_t type, state;
    } parts = {size, type, state};
    uint32_t word;
    memcpy(&word, &parts, 4);
    store((uint32_t *)(void *)head, word);
}

static struct ft_page *next_page(struct ft_writer *w, enum ft_class class, struct ft_page *full);

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
        page = next_page(w, class, page);
        if (!page) break;
    }
    ft_count_lost(w, w->why_not, 1);
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

/* --- pages ---------------------------------------------------------------------------------- */

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
    clock_pair(w->clock, &page->counter, &page->monotonic);
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

static bool next_run(struct ft_writer *w, uint64_t used_up);

static struct ft_page *next_page(struct ft_writer *w, enum ft_class class, struct ft_page *full)
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
        if (!next_run(w, run)) return NULL;
    }
    return NULL;
}

/* --- recycling (flight recorder) ------------------------------------------------------------ */

/* Every record of the page is committed for good; *records counts them. */
static bool settled(const struct ft_page *page, uint32_t used, uint64_t *records)
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
    if (page->class == FT_SLOTS ? !swap(&page->slots, 0, ~0ull) : !settled(page, used % CLOSED, &records))
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
static bool recycle(struct ft_writer *w, struct ft_page *page, uint64_t seq)
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

/* --- runs ----------------------------------------------------------------------------------- */

/* By our own copy of the capacity: the header belongs to everybody, and a store past the file is SIGBUS. */
static uint64_t physical(const struct ft_writer *w, uint64_t seq) { return 1 + (seq - 1) % w->capacity; }

/* Our file, opened for a moment. Never kept: the program owns the descriptor table. */
static int open_file(const struct ft_writer *w)
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
 * Map FT_RUN_MAX pages from `page` on, at `where` if that is not NULL. With
 * the path out of reach (another uid, a chroot): a second mapping of the
 * header page's file needs no fd (mremap with old size 0), and
 * remap_file_pages moves it to any offset.
 */
static uint8_t *map_pages(const struct ft_writer *w, uint64_t page, uint8_t *where)
{
    size_t size = (size_t)FT_RUN_MAX * FT_PAGE;
    int fd = open_file(w);
    if (fd >= 0) {
        long r = sys(SYS_mmap, where, size, PROT_READ | PROT_WRITE, MAP_SHARED | (where ? MAP_FIXED : 0), fd,
                     (off_t)(page * FT_PAGE));
        sys(SYS_close, fd);
        return failed(r) ? NULL : (uint8_t *)r;
    }
    if (!where) {
        long r = sys(SYS_mremap, w->file, (size_t)0, size, MREMAP_MAYMOVE, 0);
        if (failed(r)) return NULL;
        where = (uint8_t *)r;
    }
    return failed(sys(SYS_remap_file_pages, where, size, 0, (size_t)page, 0)) ? NULL : where;
}

/*
 * A later mapping that nobody writes to any more, to be used again in place.
 * (One in the making, or with a run that is not current yet, is MAP_BUSY: see
 * map_run.)
 */
static bool idle(const struct ft_writer *w, uint64_t map)
{
    size_t size = (size_t)FT_RUN_MAX * FT_PAGE;
    for (int c = 0; c < FT_CLASSES; c++)
        if ((uintptr_t)load(&w->current[c]) - map < size) return false;
    if ((load(&w->run) & ~(uint64_t)RUN_MASK) - map < size) return false;
    const struct ft_page *page = (const void *)(uintptr_t)map;
    for (unsigned i = 0; i < FT_RUN_MAX; i++, page++) {
        uint64_t records;
        if (load(&page->magic) != FT_PAGE_MAGIC) continue;
        if (page->class == FT_SLOTS ? load(&page->slots) != 0
                                    : !settled(page, load(&page->cursor) % CLOSED, &records))
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
    uint64_t at = physical(w, seq);
    if (at + pages <= w->window_pages) return (struct ft_page *)w->file + at;
    for (uint32_t i = 0; i < w->map_room; i++) {
        uint64_t *slot = &w->maps[add(&w->map_next, 1) % w->map_room], map = load(slot);
        if (map & MAP_BUSY || (map && !idle(w, map)) || !swap(slot, map, map | MAP_BUSY)) continue;
        uint8_t *made = map_pages(w, at, (uint8_t *)(uintptr_t)map);
        store(slot, made ? (uint64_t)(uintptr_t)made | MAP_BUSY : map);
        if (made) return (struct ft_page *)made;
    }
    w->why_not = FT_LOST_NO_MEMORY;
    return NULL;
}

static void release_map(struct ft_writer *w, const struct ft_page *base)
{
    uint64_t map = (uint64_t)(uintptr_t)base;
    for (uint32_t i = 0; i < FT_MAPS; i++) {
        uint64_t held = load(&w->maps[i]);
        if (held & MAP_BUSY && map - (held & ~MAP_BUSY) < (uint64_t)FT_RUN_MAX * FT_PAGE)
            store(&w->maps[i], held & ~MAP_BUSY);
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
 * Make sure that stores to fresh pages cannot fault. Populating pages that were
 * written before is 3 times cheaper than populating holes (ext4 allocates
 * block by block), but needs an fd for a moment: only worth it for the large
 * runs of a busy process, which nobody else has seen yet.
 */
static bool back(struct ft_writer *w, struct ft_page *base, uint64_t seq, uint32_t pages, bool private)
{
    static char zeros[4 * FT_PAGE]; /* never written: not in the library's file */
    size_t size = (size_t)pages * FT_PAGE;
    off_t at = (off_t)(physical(w, seq) * FT_PAGE);
    struct rlimit limit;
    int fd = -1;
    if (private && far_from_lapping(w) && !sys(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit) &&
        limit.rlim_cur >= (uint64_t)at + size) /* past it: SIGXFSZ */
        fd = open_file(w);
    if (fd >= 0) {
        struct iovec parts[FT_RUN_MAX / 4];
        int n = 0;
        for (uint32_t done = 0; done < pages; done += 4)
            parts[n++] = (struct iovec){zeros, FT_PAGE * (pages - done < 4 ? pages - done : 4)};
        long r = sys(SYS_pwritev, fd, parts, n, (long)at, 0L);
        sys(SYS_close, fd);
        (void)r; /* what it could not write, populating finds out */
    }
    if (!failed(sys(SYS_madvise, base, size, MADV_POPULATE_WRITE))) return true;
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
        release_map(w, mapped);
        return 0;
    }
    if (!fresh) {
        /* overwriting: the head is the first page that may be; others that may not are skipped when opening
         */
        while (pages && !recycle(w, base, seq)) base++, seq++, pages--;
        if (!pages) {
            release_map(w, mapped);
            w->why_not = FT_LOST_OVERWRITTEN;
            return 0;
        }
        for (uint32_t i = 1; i < pages; i++) recycle(w, base + i, seq + i);
    }
    base->seq = seq;
    base->level = level;
    base->run_pages = (uint16_t)pages;
    base->owner_pid = w->pid;
    store(&base->run_next, 0);
    return (uint64_t)(uintptr_t)base | pages;
}

/* The run newcomers share, if it is another than `used_up` and still has pages. */
static uint64_t shared_run(struct ft_writer *w, uint64_t used_up)
{
    uint64_t join = load(&w->file->join);
    uint64_t seq = join >> 16, pages = join & 0xffff;
    struct ft_page *old = run_base(used_up);
    if (!seq || !pages || pages > FT_SHARED_PAGES || (old && old->seq == seq)) return 0;
    if (physical(w, seq) + pages > 1 + w->capacity) return 0;
    struct ft_page *base = map_run(w, seq, (uint32_t)pages);
    if (!base) return 0;
    if (base->seq == seq && load(&base->run_next) < pages) return (uint64_t)(uintptr_t)base | pages;
    release_map(w, base);
    return 0;
}

/*
 * A process that used up a run it claimed itself is busy: its next ones are
 * its own and larger. Everybody else shares small ones, so that ten thousand
 * short processes fill pages together instead of wasting one each.
 */
static bool next_run(struct ft_writer *w, uint64_t used_up)
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
        if (!busy) run = shared_run(w, used_up);
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
        release_map(w, run_base(run));
    } else {
        uint64_t other = __atomic_exchange_n(&w->spare, run, __ATOMIC_ACQ_REL);
        if (other) release_map(w, run_base(other)); /* several threads at once: its pages are wasted */
    }
    return true;
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
        page = next_page(w, FT_SLOTS, page);
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

ft_ref ft_interned_find(struct ft_writer *w, uint64_t hash)
{
    if (!w->interned) return 0;
    struct ft_interned *entry = &w->interned[hash % FT_INTERNED];
    ft_ref ref = load(&entry->ref);
    if (!ref || ref == ~0u || load(&entry->hash) != hash || load(&entry->ref) != ref) return 0;
    return ft_writer_on(w) && !ft_stale(w, ref) ? ref : 0;
}

void ft_interned_keep(struct ft_writer *w, uint64_t hash, ft_ref ref)
{
    if (!w->interned) return;
    struct ft_interned *entry = &w->interned[hash % FT_INTERNED];
    ft_ref old = load(&entry->ref);
    if (!ref || old == ~0u) return;
    /* ~0 keeps others out; they just do not remember theirs */
    if (!__atomic_compare_exchange_n(&entry->ref, &old, ~0u, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return;
    store(&entry->hash, hash);
    store(&entry->ref, ref);
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

/* --- the file ------------------------------------------------------------------------------- */

/*
 * The header and the first window. Under ulimit -v the addresses are the
 * program's: 1 MiB (or the header alone) and few later mappings, used in turn.
 */
static int map_window(struct ft_writer *w, int fd, uint64_t capacity)
{
    struct rlimit limit;
    bool limited = !sys(SYS_prlimit64, 0, RLIMIT_AS, NULL, &limit) && limit.rlim_cur != RLIM_INFINITY;
    uint64_t pages = limited ? FT_RUN_MAX : FT_WINDOW_PAGES;
    if (pages > 1 + capacity) pages = 1 + capacity;
    w->map_room = limited ? FT_MAPS_LIMITED : FT_MAPS;
    for (;; pages = pages > FT_RUN_MAX ? FT_RUN_MAX : 1) {
        long r = sys(SYS_mmap, NULL, pages * FT_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)0);
        if (!failed(r)) {
            w->window_pages = (uint32_t)pages;
            w->capacity = capacity;
            w->file = (struct ft_header *)r;
            store(&w->header, w->file);
            return 0;
        }
        if (pages == 1) return (int)r;
    }
}

static void fill_header(struct ft_header *h, uint64_t capacity, uint32_t clock, uint32_t wait_threshold_ms)
{
    struct utsname name;
    memset(h, 0, sizeof *h);
    memcpy(h->magic, FT_MAGIC, 8);
    h->version = FT_VERSION;
    h->min_reader = FT_MIN_READER;
    h->endian = FT_ENDIAN;
    h->page_size = FT_PAGE;
    h->header_size = FT_PAGE;
    h->capacity = capacity;
    h->clock = clock;
    h->wait_threshold = wait_threshold_ms;
    h->next = 1;
    h->root_pid = (uint32_t)sys(SYS_getpid);
    sys(SYS_getrandom, h->run_id, sizeof h->run_id, GRND_NONBLOCK);
    if (!sys(SYS_uname, &name)) {
        snprintf(h->host, sizeof h->host, "%.63s", name.nodename);
        snprintf(h->kernel, sizeof h->kernel, "%.63s", name.release);
        snprintf(h->arch, sizeof h->arch, "%.15s", name.machine);
    }
    long fd = sys(SYS_openat, AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    char text[37] = "";
    if (fd >= 0) {
        if (sys(SYS_read, (int)fd, text, 36) == 36)
            for (int i = 0, n = 0; i < 36 && n < 32; i++)
                if (text[i] != '-') {
                    int digit = text[i] <= '9' ? text[i] - '0' : (text[i] | 32) - 'a' + 10;
                    h->boot_id[n / 2] = (uint8_t)(h->boot_id[n / 2] << 4 | (digit & 15));
                    n++;
                }
        sys(SYS_close, (int)fd);
    }
    h->realtime0 = monotonic(CLOCK_REALTIME);
    clock_pair(clock, &h->counter0, &h->monotonic0);
}

int ft_writer_create(struct ft_writer *w, const char *path, uint64_t max_bytes, uint32_t wait_threshold_ms)
{
    struct rlimit limit;
    if (strlen(path) >= sizeof w->path) return -ENAMETOOLONG;
    if (!sys(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit) && limit.rlim_cur < max_bytes)
        max_bytes = limit.rlim_cur;                     /* beyond it: SIGXFSZ */
    if (max_bytes > 1ull << 34) max_bytes = 1ull << 34; /* a reference reaches 32 GiB */
    if (max_bytes < 8 * FT_PAGE) return -EFBIG;
    long fd =
        sys(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0) return (int)fd;
    uint64_t capacity = max_bytes / FT_PAGE - 1;
    struct ft_header header;
    strcpy(w->path, path);
    w->clock = best_clock();
    fill_header(&header, capacity, w->clock, wait_threshold_ms);
    long r = sys(SYS_ftruncate, (int)fd, (off_t)((1 + capacity) * FT_PAGE));
    if (!r) r = sys(SYS_pwrite64, (int)fd, &header, sizeof header, (off_t)0);
    if (r == (long)sizeof header) {
        static const char one;
        /* the whole header page on disk now: stores to it must never fault */
        r = sys(SYS_pwrite64, (int)fd, &one, (size_t)1, (off_t)(FT_PAGE - 1));
        r = r == 1 ? map_window(w, (int)fd, capacity) : r < 0 ? r : -ENOSPC;
    } else if (r >= 0)
        r = -ENOSPC;
    sys(SYS_close, (int)fd);
    if (!r && !next_run(w, 0)) {
        ft_writer_stop(w);
        r = -ENOSPC;
    }
    if (r) sys(SYS_unlinkat, AT_FDCWD, path, 0);
    return (int)r;
}

int ft_writer_join(struct ft_writer *w, const char *path)
{
    struct ft_header header;
    if (strlen(path) >= sizeof w->path) return -ENAMETOOLONG;
    strcpy(w->path, path);
    int fd = open_file(w);
    if (fd < 0) return fd == -ESTALE ? -EPROTO : fd;
    struct stat status;
    long r = sys(SYS_pread64, fd, &header, sizeof header, (off_t)0) == (long)sizeof header ? 0 : -EPROTO;
    if (!r && (header.version != FT_VERSION || header.endian != FT_ENDIAN || header.page_size != FT_PAGE ||
               header.capacity < 7 || header.capacity > (1ull << 34) / FT_PAGE))
        r = -EPROTO;
    if (!r && (fstat(fd, &status) || (uint64_t)status.st_size < (1 + header.capacity) * FT_PAGE)) r = -EPROTO;
    if (!r) {
        w->clock = header.clock;
        r = map_window(w, fd, header.capacity);
    }
    sys(SYS_close, fd);
    if (r) return (int)r;
    uint64_t run = shared_run(w, 0);
    if (run) {
        store(&w->run, run);
        release_map(w, run_base(run));
    }
    return 0;
}

void ft_writer_stop(struct ft_writer *w) { store(&w->header, NULL); }

int ft_writer_chown(struct ft_writer *w, unsigned uid, unsigned gid)
{
    if (!ft_writer_on(w)) return -EBADF;
    int fd = open_file(w);
    if (fd < 0) return fd;
    long r = sys(SYS_fchown, fd, uid, gid);
    sys(SYS_close, fd);
    return (int)r;
}
