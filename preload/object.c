/*
 * object.c: see object.h.
 */
#define _GNU_SOURCE
#include "object.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

#include "preload/python/python.h"
#include "remember.h"

#define KNOWN 512

static uint64_t *known; /* hashes of objects written, 0 free */

size_t object_room(void) { return KNOWN * sizeof *known; }
void object_init(void *memory) { known = memory; }

/* The build-id note, read from the mapped file header: `start` is where its first page lies. */
static uint32_t build_id(const struct dl_find_object *object, uint8_t *id, uint32_t room)
{
    const uint8_t *start = object->dlfo_map_start;
    const ElfW(Ehdr) *elf = (const void *)start;
    size_t size = (size_t)((const uint8_t *)object->dlfo_map_end - start);
    if (size < sizeof *elf || memcmp(elf->e_ident, ELFMAG, SELFMAG) ||
        elf->e_phentsize != sizeof(ElfW(Phdr)) || elf->e_phoff + elf->e_phnum * sizeof(ElfW(Phdr)) > FT_PAGE)
        return 0;
    const ElfW(Phdr) *segment = (const void *)(start + elf->e_phoff);
    for (unsigned i = 0; i < elf->e_phnum; i++, segment++) {
        if (segment->p_type != PT_NOTE) continue;
        const uint8_t *note = (const uint8_t *)object->dlfo_link_map->l_addr + segment->p_vaddr;
        const uint8_t *end = note + segment->p_memsz;
        if (note < start || end > start + size) continue;
        while (end - note >= (ptrdiff_t)sizeof(ElfW(Nhdr))) {
            const ElfW(Nhdr) *head = (const void *)note;
            const uint8_t *desc = note + sizeof *head + ((head->n_namesz + 3) & ~3u);
            if (desc > end || head->n_descsz > (size_t)(end - desc)) break;
            if (head->n_type == NT_GNU_BUILD_ID && head->n_namesz == 4 && !memcmp(head + 1, "GNU", 4)) {
                uint32_t length = head->n_descsz < room ? head->n_descsz : room;
                memcpy(id, desc, length);
                return length;
            }
            note = desc + ((head->n_descsz + 3) & ~3u);
        }
    }
    return 0;
}

/* Objects a sibling has described already still have to be looked at here, once. */
static void look_for_python(const struct dl_find_object *object)
{
    static uint64_t looked[64];
    uint64_t start = (uint64_t)(uintptr_t)object->dlfo_map_start;
    if (remember(looked, sizeof looked / sizeof *looked, start))
        python_look(object->dlfo_link_map, start, (uint64_t)(uintptr_t)object->dlfo_map_end);
}

static void describe(const struct dl_find_object *object)
{
    const char *path = object->dlfo_link_map->l_name;
    if (!*path) path = self_program(); /* the program itself has no name there */
    size_t length = strlen(path);
    uint64_t hash = ft_hash(path, length) ^ (uint64_t)(uintptr_t)object->dlfo_map_start * 31;
    if (!remember(known, KNOWN, hash | 1)) return;
    ft_ref name = ft_string(&ft, path, length, self.task);
    struct ft_object *record = ft_begin(&ft, FT_OBJECT, sizeof *record, self.task);
    if (!record) return;
    record->start = (uint64_t)(uintptr_t)object->dlfo_map_start;
    record->end = (uint64_t)(uintptr_t)object->dlfo_map_end;
    record->bias = object->dlfo_link_map->l_addr;
    record->path = name;
    record->build_id_size = build_id(object, record->build_id, sizeof record->build_id);
    ft_commit(record);
}

void object_describe(uint64_t address)
{
    struct dl_find_object object;
    if (!known || !address || _dl_find_object((void *)(uintptr_t)address, &object)) return;
    look_for_python(&object);
    describe(&object);
}

/* By the list: the loader does not find it by an address yet. */
void object_loading(uint64_t start, uint64_t end)
{
    struct dl_find_object object = {.dlfo_map_start = (void *)(uintptr_t)start,
                                    .dlfo_map_end = (void *)(uintptr_t)end};
    for (struct link_map *l = _r_debug.r_map; l && known; l = l->l_next) {
        if ((uint64_t)(uintptr_t)l->l_ld - start >= end - start) continue;
        object.dlfo_link_map = l;
        describe(&object);
    }
}
