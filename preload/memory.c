/*
 * memory.c: pictures of the program's own writable data (memory.h). Which pages
 * of it were ever written to, /proc/self/pagemap tells: those hold what is not
 * in the file any more. Each half of such a page is written once for all
 * processes that have it as it is: a worker's picture mostly says which halves.
 *
 * Text, and what may be a key, stays where it is: an 8-byte word that is neither
 * a number of ordinary size nor an address is masked (FT_C_MASKED).
 */
#define _GNU_SOURCE
#include "memory.h"

#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fork.h"
#include "origin.h"
#include "readable.h"
#include "trace/syscall.h"

#define RANGES     64
#define PAGES_MAX  1024 /* of all ranges: 4 MiB */
#define PAGES_EACH 224  /* of one record: its parts fit into a page */
#define WORDS      (FT_C_BLOCK_SIZE / 8)
#define HALVES     (FT_PAGE / FT_C_BLOCK_SIZE)

#define CHILDREN_ANYWAY 8  /* of one parent: their ends are looked at, however short they lived */
#define CHILDREN_MOST   64 /* and so many in all, if they lived for a millisecond */

/* Bits of a pagemap entry. */
#define MAP_PRESENT (1ull << 63)
#define MAP_SWAPPED (1ull << 62)
#define MAP_FILE    (1ull << 61)
#define MAP_ALONE   (1ull << 56)

bool memory_forks;
static struct range {
    uintptr_t start, end; /* whole pages */
} ranges[RANGES];
static uint32_t range_count;

/* --- which memory --------------------------------------------------------------------------- */

static bool begins(const char *text, const char *with) { return !strncmp(text, with, strlen(with)); }

static bool is_own(const char *path, bool program)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (begins(name, "libpython") || begins(name, "python")) return false; /* preload/python/ tells of it */
    if (program) return true;
    return *path == '/' && !begins(path, "/usr/lib") && !begins(path, "/lib") &&
           !strstr(path, "/lib/python") && !strstr(path, "-packages/") && strcmp(path, self_library());
}

static void add_range(uintptr_t start, uintptr_t end)
{
    static uint32_t pages;
    start &= ~(uintptr_t)(FT_PAGE - 1);
    end = (end + FT_PAGE - 1) & ~(uintptr_t)(FT_PAGE - 1);
    uint32_t room = PAGES_MAX - pages;
    if (range_count == RANGES || (end - start) / FT_PAGE > room) {
        self_note(FT_NOTE_MEMORY_CUT, NULL);
        end = start + (range_count == RANGES ? 0 : (uintptr_t)room * FT_PAGE);
    }
    if (start >= end) return;
    pages += (uint32_t)((end - start) / FT_PAGE);
    ranges[range_count++] = (struct range){start, end};
}

/* Its writable segments, without what is made read-only after relocation. */
static int add_object(struct dl_phdr_info *info, size_t size, void *context)
{
    bool program = !info->dlpi_name || !*info->dlpi_name;
    uintptr_t fixed = 0;
    if (!is_own(program ? self_program() : info->dlpi_name, program)) return 0;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_GNU_RELRO)
            fixed = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + segment->p_vaddr, end = start + segment->p_memsz;
        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_W)) continue;
        add_range(fixed > start && fixed < end ? fixed : start, end);
    }
    return 0;
}

void memory_init(const char *mode)
{
    if (mode && !strcmp(mode, "off")) return;
    dl_iterate_phdr(add_object, NULL);
    memory_forks = mode && !strcmp(mode, "forks");
}

/* --- words ---------------------------------------------------------------------------------- */

/* Of at least four characters, and zeros. */
static bool is_text(uint64_t word)
{
    unsigned characters = 0;
    for (; word; word >>= 8) {
        unsigned byte = word & 0xff;
        if (byte && (byte < 0x20 || byte > 0x7e)) return false;
        characters += byte != 0;
    }
    return characters >= 4;
}

static bool is_small(int32_t half) { return half > -(1 << 24) && half < 1 << 24; }

static uint64_t shown(uint64_t word)
{
    bool number = word >> 32 == 0 || (int64_t)word >> 31 == -1;
    bool address = word >> 47 == 0 && word >> 40;
    bool pair = is_small((int32_t)word) && is_small((int32_t)(word >> 32));
    if ((number || address || pair) && !is_text(word)) return word;
    return FT_C_MASKED | ft_hash(&word, sizeof word) >> 44;
}

/* --- blocks --------------------------------------------------------------------------------- */

/* Reads what other threads may be writing: each word is taken as it is at some moment. */
static uint64_t print_of(const volatile uint64_t *word, uint64_t used[WORDS / 64])
{
    uint64_t lane[4] = {1, 2, 3, 4};
    for (unsigned i = 0; i < WORDS; i += 4)
        for (unsigned k = 0; k < 4; k++) {
            uint64_t w = word[i + k];
            lane[k] = (lane[k] ^ w) * 0x9e3779b97f4a7c15u;
            lane[k] ^= lane[k] >> 29;
            used[i / 64] |= (uint64_t)(w != 0) << (i + k) % 64;
        }
    uint64_t all[5] = {lane[0], lane[1], lane[2], lane[3], (uintptr_t)word};
    return ft_hash(all, sizeof all);
}

/* The record that has this half page as it is now; 0: it could not be written. */
static ft_ref block_of(const volatile uint64_t *word, ft_ref task)
{
    uint64_t used[WORDS / 64] = {0}, hash = print_of(word, used);
    ft_ref ref = ft_interned_find(&ft, hash);
    if (ref) return ref;
    size_t count = 0;
    for (unsigned i = 0; i < WORDS / 64; i++) count += (size_t)__builtin_popcountll(used[i]);
    size_t size = sizeof(struct ft_c_block) + count * 8;
    if (!ft_picture_room(&ft, size)) return 0;
    struct ft_c_block *block = ft_begin(&ft, FT_C_BLOCK, size, task);
    if (!block) return 0;
    block->address = (uintptr_t)word;
    memcpy(block->used, used, sizeof used);
    for (unsigned i = 0, n = 0; i < WORDS; i++)
        if (used[i / 64] >> i % 64 & 1) block->word[n++] = shown(word[i]);
    ref = ft_ref_of(block);
    ft_commit(block);
    ft_interned_keep(&ft, hash, ref);
    return ref;
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
static bool picture(int pagemap, uintptr_t start, uintptr_t end, ft_ref task, ft_ref fork)
{
    uint64_t map[PAGES_EACH];
    size_t pages = (end - start) / FT_PAGE, written = 0;
    if (!read_pagemap(pagemap, start, map, pages)) return false;
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
            ft_ref block = block_of(at, task);
            uint32_t number = (uint32_t)(i * HALVES + half);
            record->part[record->count++] =
                (struct ft_c_part){block, number << 1 | (map[i] & MAP_ALONE ? FT_C_ALONE : 0)};
        }
    ft_commit(record);
    return true;
}

void memory_look(ft_ref task, ft_ref fork)
{
    long fd = ft_syscall(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        self_note(FT_NOTE_MEMORY_UNREADABLE, NULL);
        return;
    }
    bool more = true;
    for (uint32_t i = 0; i < range_count && more; i++) {
        origin_object(ranges[i].start);
        for (uintptr_t at = ranges[i].start; at < ranges[i].end && more; at += PAGES_EACH * FT_PAGE) {
            uintptr_t end = at + PAGES_EACH * FT_PAGE;
            more = picture((int)fd, at, end < ranges[i].end ? end : ranges[i].end, task, fork);
        }
    }
    ft_syscall(SYS_close, (int)fd);
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
    } else if (fork_used() && ft_picture_expected(&ft, self.pid))
        memory_look(task, 0);
}

/* Its children went on with its memory: how it was when it left it. */
void memory_at_exec(ft_ref task)
{
    if (!self.vforked && range_count && fork_used() && ft_picture_expected(&ft, self.pid))
        memory_look(task, 0);
}
