/*
 * placed.c: where code of ours lies, for unwinders, and until the object it is
 * for is unloaded.
 *
 * libgcc (12 and later, as its unwinder is in everything that is compiled with
 * it) asks the loader whose code an address is: _dl_find_object, which glibc has
 * since 2.35. There is no object at our addresses; so we answer. Unwinders that
 * go by dl_iterate_phdr, as libunwind's does, end at such an address.
 */
#define _GNU_SOURCE
#include "preload/watch/patch.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "preload/self.h"
#include "preload/watch/watch.h"
#include "trace/syscall.h"

#if defined __x86_64__

#define PLACED 256

static struct placed {
    uintptr_t start;
    size_t size; /* 0: free */
    uint64_t object;
    const uint8_t *frames;
} placed[PLACED];
static uint32_t count;

void placed_add(uint64_t object, uint8_t *memory, size_t size, const uint8_t *frames)
{
    uint32_t i = 0;
    while (i < count && placed[i].size) i++;
    if (i == PLACED) return; /* it stays, and unwinders end there */
    placed[i] = (struct placed){(uintptr_t)memory, 0, object, frames};
    __atomic_store_n(&placed[i].size, size, __ATOMIC_RELEASE); /* others unwind meanwhile */
    if (i == count) __atomic_store_n(&count, count + 1, __ATOMIC_RELEASE);
}

void placed_forget(bool (*is_loaded)(uint64_t address))
{
    for (uint32_t i = 0; i < count; i++) {
        size_t size = placed[i].size;
        if (!size || is_loaded(placed[i].object)) continue;
        __atomic_store_n(&placed[i].size, 0, __ATOMIC_RELEASE);
        ft_syscall(SYS_munmap, placed[i].start, size);
    }
}

static const uint8_t *frames_at(uintptr_t address)
{
    extern const uint8_t watch_island_frames[] __attribute__((visibility("hidden"))); /* entry.S */
    uint32_t have = __atomic_load_n(&count, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < have; i++)
        if (address - placed[i].start < __atomic_load_n(&placed[i].size, __ATOMIC_ACQUIRE))
            return placed[i].frames;
    return island_at(address) ? watch_island_frames : NULL;
}
#else
void placed_forget(bool (*is_loaded)(uint64_t address)) {}
static const uint8_t *frames_at(uintptr_t address) { return NULL; }
#endif

bool watch_placed(uint64_t address) { return frames_at(address); }

#ifdef DLFO_STRUCT_HAS_EH_DBASE
HOOK(int, _dl_find_object, (void *address, struct dl_find_object *found))
{
    const uint8_t *frames = unlikely(watching) ? frames_at((uintptr_t)address) : NULL;
    if (likely(!frames)) return REAL(_dl_find_object)(address, found);
    memset(found, 0, sizeof *found);
    found->dlfo_map_start = address;
    found->dlfo_map_end = (char *)address + 1;
    found->dlfo_link_map = _r_debug.r_map;
    found->dlfo_eh_frame = (void *)(uintptr_t)frames;
    return 0;
}
#endif
