/*
 * memory.c: pictures of the program's own writable data (memory.h). Which pages
 * of it were ever written to, /proc/self/pagemap tells: those hold what is not
 * in the file any more. Each half of such a page is written once for all
 * processes that have it as it is: a worker's picture mostly says which halves.
 */
#define _GNU_SOURCE
#include "memory.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "blocks.h"
#include "fork.h"
#include "ranges.h"
#include "readable.h"
#include "trace/syscall.h"

#define PAGES_ANYWAY 256 /* are read without knowing which of them were written to */
#define PAGES_EACH   224 /* of one record: its parts fit into a page */
#define HALVES       (FT_PAGE / FT_C_BLOCK_SIZE)

#define CHILDREN_ANYWAY 8  /* of one parent: their ends are looked at, however short they lived */
#define CHILDREN_MOST   64 /* and so many in all, if they lived for a millisecond */

/* Bits of a pagemap entry. */
#define MAP_PRESENT (1ull << 63)
#define MAP_SWAPPED (1ull << 62)
#define MAP_FILE    (1ull << 61)
#define MAP_ALONE   (1ull << 56)

bool memory_forks;

void memory_init(const char *mode)
{
    if (mode && !strcmp(mode, "off")) return self_note(FT_NOTE_LEFT_OUT, FT_LEFT_OUT_MEMORY);
    ranges_init();
    memory_forks = mode && !strcmp(mode, "forks");
}

/* --- pictures ------------------------------------------------------------------------------- */

static bool is_written(uint64_t entry)
{
    return (entry & (MAP_PRESENT | MAP_SWAPPED)) && !(entry & MAP_FILE);
}

/* Of our pages from `start` on, what the kernel says of the machine's: those may be larger. */
static bool read_pagemap(int pagemap, uintptr_t start, uint64_t *map, size_t pages)
{
    const uintptr_t unit = ft.unit;
    size_t first = start / unit, count = (start + pages * FT_PAGE - 1) / unit - first + 1;
    if (ft_syscall(SYS_pread64, pagemap, map, count * sizeof *map, (long)(first * sizeof *map)) !=
        (long)(count * sizeof *map))
        return false;
    for (size_t i = pages; unit != FT_PAGE && i-- > 0;) map[i] = map[(start + i * FT_PAGE) / unit - first];
    return true;
}

/* The pages of one record. False: enough, or nobody can read this. */
static bool picture(int pagemap, const struct range *range, uintptr_t start, uintptr_t end, ft_ref task,
                    ft_ref fork)
{
    unsigned place = range->place + (unsigned)((start - range->start) / FT_C_BLOCK_SIZE);
    uint64_t map[PAGES_EACH];
    size_t pages = (end - start) / FT_PAGE, written = 0;
    if (pagemap < 0) /* any of them may have been written to; whether it is shared is not known */
        for (size_t i = 0; i < pages; i++) map[i] = MAP_PRESENT | MAP_ALONE;
    else if (!read_pagemap(pagemap, start, map, pages))
        return false;
    for (size_t i = 0; i < pages; i++) {
        if (!is_written(map[i])) continue;
        if (!readable((const void *)(start + i * FT_PAGE))) return false; /* its object was unloaded */
        written++;
    }
    size_t size = sizeof(struct ft_c_picture) + written * HALVES * sizeof(struct ft_c_part);
    if (!ft_picture_room(&ft, size)) {
        self_note(FT_NOTE_MEMORY_ENOUGH, NULL);
        return false;
    }
    struct ft_c_picture *record = ft_begin(&ft, FT_C_PICTURE, size, task);
    if (!record) return false;
    record->fork = fork;
    record->start = start;
    record->end = end;
    for (size_t i = 0; i < pages; i++)
        for (unsigned half = 0; half < HALVES && is_written(map[i]); half++) {
            const void *at = (const void *)(start + i * FT_PAGE + half * FT_C_BLOCK_SIZE);
            uint32_t number = (uint32_t)(i * HALVES + half);
            ft_ref block = blocks_keep(at, place + number, task);
            record->part[record->count++] =
                (struct ft_c_part){block, number << 1 | (map[i] & MAP_ALONE ? FT_C_ALONE : 0)};
        }
    ft_commit(record);
    return true;
}

void memory_look(ft_ref task, ft_ref fork)
{
    long fd = ft_syscall(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    /* not after a setuid(): the process's /proc is root's then */
    if (fd < 0 && range_pages > PAGES_ANYWAY) {
        self_note(FT_NOTE_MEMORY_UNREADABLE, NULL);
        return;
    }
    bool more = true;
    for (const struct range *r = ranges; r < ranges + range_count && more; r++) {
        if (!range_is_there(r)) continue;
        for (uintptr_t at = r->start; at < r->end && more; at += PAGES_EACH * FT_PAGE) {
            uintptr_t end = at + PAGES_EACH * FT_PAGE;
            more = picture((int)fd, r, at, end < r->end ? end : r->end, task, fork);
        }
    }
    if (fd >= 0) ft_syscall(SYS_close, (int)fd);
}

/* --- when ----------------------------------------------------------------------------------- */

/* One of many short-lived children adds nothing to what those before it told, and would pay for it. */
static bool child_tells(void)
{
    if (!fork_born()) return false;
    if (fork_number() <= CHILDREN_ANYWAY) return true;
    if (fork_number() > CHILDREN_MOST) return false;
    return ft_now(&ft) - fork_born() >= ft_about(&ft, 1000000);
}

HOT void memory_at_end(ft_ref task)
{
    if (self.vforked || !range_count) return;
    if (child_tells()) {
        memory_look(task, 0);
        ft_picture_left(&ft, fork_parent());
    } else if (fork_count() && ft_picture_expected(&ft, self.pid))
        memory_look(task, 0);
}

/* Its children went on with its memory: how it was when it left it. */
void memory_at_exec(ft_ref task)
{
    if (!self.vforked && range_count && fork_count() && ft_picture_expected(&ft, self.pid))
        memory_look(task, 0);
}
