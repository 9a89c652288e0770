/*
 * ranges.c: see ranges.h. The loader's list of what is loaded later is read
 * without its lock, which a fork child may never get: while the loader says
 * that the list is whole, and each entry only if _dl_find_object, which takes
 * no lock, knows it by its address.
 */
#define _GNU_SOURCE
#include "ranges.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/syscall.h>

#include "blocks.h"
#include "fork.h"
#include "object.h"
#include "origin.h"
#include "readable.h"
#include "trace/syscall.h"

#define RANGES    64
#define PAGES_MAX (BLOCKS_MOST / (FT_PAGE / FT_C_BLOCK_SIZE)) /* of all ranges: 4 MiB */
#define LOADED    4096 /* entries of the loader's list that are looked at */

struct range ranges[RANGES];
uint32_t range_count, range_pages;
const struct link_map *ranges_last;

/* --- whose ------------------------------------------------------------------------------------ */

static bool begins(const char *text, const char *with) { return !strncmp(text, with, strlen(with)); }

/* preload/python/ tells of python3.11 and libpython3.11.so.1.0; not so of uWSGI's python3_plugin.so. */
static bool is_pythons(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return begins(name, "libpython") ||
           (begins(name, "python") && !name[6 + strspn(name + 6, "0123456789.")]);
}

/* What was loaded with the program. */
static bool is_own(const char *path, bool program)
{
    if (is_pythons(path)) return false;
    if (program) return true;
    return *path == '/' && !begins(path, "/usr/lib") && !begins(path, "/lib") &&
           !strstr(path, "/lib/python") && !strstr(path, "-packages/") && strcmp(path, self_library());
}

/* Loaded later: all but what lies in the system's own directories for libraries, as
 * /usr/lib/x86_64-linux-gnu. */
static bool is_plugin(const char *path)
{
    const char *rest = begins(path, "/usr/lib") ? path + 8 : begins(path, "/lib") ? path + 4 : NULL;
    if (*path != '/' || is_pythons(path) || strstr(path, "/gconv/") || strstr(path, "/lib-dynload/"))
        return false;
    if (!rest || (*rest != '/' && !begins(rest, "64/"))) return strcmp(path, self_library());
    rest = strchr(rest, '/') + 1;
    const char *slash = strchr(rest, '/'), *triplet = strstr(rest, "-linux-");
    if (slash && triplet && triplet < slash) slash = strchr(slash + 1, '/');
    return slash;
}

/* --- where ------------------------------------------------------------------------------------ */

static bool is_known(uintptr_t start)
{
    for (uint32_t i = 0; i < range_count; i++)
        if (ranges[i].start == start && range_is_there(&ranges[i])) return true;
    return false;
}

static void add_range(uintptr_t start, uintptr_t end, const ElfW(Ehdr) * header)
{
    start &= ~(uintptr_t)(FT_PAGE - 1);
    end = (end + FT_PAGE - 1) & ~(uintptr_t)(FT_PAGE - 1);
    uint32_t room = PAGES_MAX - range_pages;
    if (is_known(start)) return;
    if (range_count == RANGES || (end - start) / FT_PAGE > room) {
        self_note(FT_NOTE_MEMORY_CUT, NULL);
        end = start + (range_count == RANGES ? 0 : (uintptr_t)room * FT_PAGE);
    }
    if (start >= end) return;
    ranges[range_count] = (struct range){start, end, range_pages * (FT_PAGE / FT_C_BLOCK_SIZE), header,
                                         header ? header->e_shoff : 0};
    range_pages += (uint32_t)((end - start) / FT_PAGE);
    object_describe(start); /* here, and no child has to */
    __atomic_store_n(&range_count, range_count + 1, __ATOMIC_RELEASE);
}

/* Its writable segments, without what is made read-only after relocation. */
static void add_segments(uintptr_t bias, const ElfW(Phdr) * segment, unsigned count,
                         const ElfW(Ehdr) * header)
{
    uintptr_t fixed = 0;
    for (unsigned i = 0; i < count; i++)
        if (segment[i].p_type == PT_GNU_RELRO) fixed = bias + segment[i].p_vaddr + segment[i].p_memsz;
    for (unsigned i = 0; i < count; i++) {
        uintptr_t start = bias + segment[i].p_vaddr, end = start + segment[i].p_memsz;
        if (segment[i].p_type == PT_LOAD && segment[i].p_flags & PF_W)
            add_range(fixed > start && fixed < end ? fixed : start, end, header);
    }
}

static int add_first(struct dl_phdr_info *info, size_t size, void *context)
{
    bool program = !info->dlpi_name || !*info->dlpi_name;
    if (is_own(program ? self_program() : info->dlpi_name, program))
        add_segments(info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum, NULL);
    return 0;
}

void ranges_init(void)
{
    dl_iterate_phdr(add_first, NULL);
    for (const struct link_map *l = _r_debug.r_map; l; l = l->l_next) ranges_last = l;
}

/* --- loaded later ----------------------------------------------------------------------------- */

bool range_is_there(const struct range *range)
{
    const ElfW(Ehdr) *header = range->header;
    return !header ||
           (readable(header) && !memcmp(header->e_ident, ELFMAG, SELFMAG) && header->e_shoff == range->mark);
}

static void add_later(const struct link_map *map)
{
    struct dl_find_object object;
    if (_dl_find_object(map->l_ld, &object) || object.dlfo_link_map != map || !is_plugin(map->l_name)) return;
    const ElfW(Ehdr) *elf = object.dlfo_map_start;
    size_t size = (size_t)((const char *)object.dlfo_map_end - (const char *)elf);
    if (size < FT_PAGE || memcmp(elf->e_ident, ELFMAG, SELFMAG) || elf->e_phentsize != sizeof(ElfW(Phdr)) ||
        elf->e_phoff + elf->e_phnum * sizeof(ElfW(Phdr)) > FT_PAGE)
        return;
    add_segments(map->l_addr, (const void *)((const char *)elf + elf->e_phoff), elf->e_phnum, elf);
}

/*
 * The process that looks: another thread of it, or a handler of the same one, does not. Not a flag: a child
 * that another thread forks meanwhile would find it set for ever.
 */
static bool begin(uint32_t *busy)
{
    uint32_t pid = (uint32_t)ft_syscall(SYS_getpid), looks = __atomic_load_n(busy, __ATOMIC_RELAXED);
    return looks != pid &&
           __atomic_compare_exchange_n(busy, &looks, pid, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void ranges_newcomers(void)
{
    static uint32_t busy;
    uint32_t number = fork_count();
    if (number & (number - 1) || !origin_unwinds() || _r_debug.r_state != RT_CONSISTENT) return;
    if (!begin(&busy)) return;
    const struct link_map *map = ranges_last->l_next;
    for (unsigned i = 0; i < LOADED && map && readable(map) && readable(&map->l_next); i++, map = map->l_next)
        if (readable(map->l_name)) add_later(map);
    __atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
}
