/*
 * reader_map.c: pages looked at in place, in a mapping of the file: a large
 * trace at rest is neither copied nor kept in memory twice. Only where it is as
 * safe as a copy:
 *
 * - the file is ours, nobody else may write it, and nobody has it open for
 *   writing: what was checked does not change. A lease tells that (F_SETLEASE
 *   fails while the file is open for writing, mappings count); it is given back
 *   at once, so that it stops nobody.
 * - the page is full, of events, and all of it is committed for good. Records
 *   that others refer to, and all that is unfinished, are copied as ever.
 * - a file that is cut off nevertheless, or cannot be read, raises SIGBUS: the
 *   page is then replaced by one of zeros, in which there is no record.
 *
 * What has been looked at leaves our memory again after a while (it is the
 * kernel's anyhow): ft_reader_forget, ft_get.
 */
#define _GNU_SOURCE
#include "reader_private.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define REGIONS 8

static struct region {
    _Atomic uintptr_t start; /* 0: free */
    size_t size;
    atomic_bool cut;
} regions[REGIONS];
static bool allowed;
static struct sigaction before;

static struct region *region_of(uintptr_t address)
{
    for (struct region *r = regions; r < regions + REGIONS; r++)
        if (r->start && address - r->start < r->size) return r;
    return NULL;
}

bool ft_reader_mend(const void *address)
{
    struct region *r = region_of((uintptr_t)address);
    if (!r) return false;
    r->cut = true;
    void *page = (void *)((uintptr_t)address & -(uintptr_t)FT_PAGE);
    return mmap(page, FT_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}

static void on_bus(int signal, siginfo_t *info, void *context)
{
    if (!ft_reader_mend(info->si_addr))
        sigaction(signal, &before, NULL); /* it comes again, to who was there */
}

void ft_reader_in_place(void)
{
    struct sigaction action = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    if (!allowed) allowed = sysconf(_SC_PAGESIZE) == FT_PAGE && !sigaction(SIGBUS, &action, &before);
}

static bool at_rest(int fd)
{
    struct stat status;
    if (fstat(fd, &status) || status.st_uid != geteuid() || status.st_mode & (S_IWGRP | S_IWOTH))
        return false;
    if (fcntl(fd, F_SETLEASE, F_RDLCK)) return false;
    fcntl(fd, F_SETLEASE, F_UNLCK);
    return true;
}

void ft_map_open(struct ft_reading *in, uint64_t size)
{
    struct region *r = regions;
    while (r < regions + REGIONS && r->start) r++;
    size_t whole = size / FT_PAGE * FT_PAGE;
    if (!allowed || !whole || r == regions + REGIONS || !at_rest(in->fd)) return;
    void *map = mmap(NULL, whole, PROT_READ, MAP_SHARED, in->fd, 0);
    if (map == MAP_FAILED) return;
    r->size = whole;
    r->cut = false;
    r->start = (uintptr_t)map;
    in->map = map;
    in->map_size = whole;
    in->summaries = ft_reserve(whole / FT_PAGE * sizeof *in->summaries);
    if (!in->summaries) ft_map_close(in);
}

bool ft_map_was_cut(const struct ft_reading *in)
{
    struct region *r = in->map ? region_of((uintptr_t)in->map) : NULL;
    return r && r->cut;
}

void ft_map_close(struct ft_reading *in)
{
    struct region *r = in->map ? region_of((uintptr_t)in->map) : NULL;
    if (!r) return;
    munmap((void *)(uintptr_t)in->map, in->map_size);
    if (in->summaries) munmap(in->summaries, in->map_size / FT_PAGE * sizeof *in->summaries);
    r->start = 0;
    in->map = NULL;
}

static void forget(struct region *r)
{
    /* Pages of zeros are still such pages then. */
    if (r->start) madvise((void *)r->start, r->size, MADV_DONTNEED);
}

void ft_reader_forget(const struct ft_reader *r)
{
    const struct ft_reading *in = r->private;
    struct region *region = in->map ? region_of((uintptr_t)in->map) : NULL;
    if (region) forget(region);
}

void ft_map_crowded(void)
{
    for (struct region *r = regions; r < regions + REGIONS; r++) forget(r);
}
