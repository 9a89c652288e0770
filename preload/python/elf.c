/*
 * elf.c: exported symbols of a loaded object, without the loader's lock: the
 * GNU hash table that ld.so itself uses, read where it is mapped.
 */
#include "preload/python/elf.h"

#include <elf.h>
#include <string.h>

static uint32_t gnu_hash(const char *name)
{
    uint32_t h = 5381;
    for (; *name; name++) h = h * 33 + (uint8_t)*name;
    return h;
}

void *elf_symbol(const struct link_map *map, const char *name)
{
    const ElfW(Sym) *symbols = NULL;
    const char *strings = NULL;
    const uint32_t *table = NULL;
    for (const ElfW(Dyn) *d = map->l_ld; d && d->d_tag != DT_NULL; d++) {
        /* ld.so has relocated these pointers already (not in the vdso, which has no business here) */
        if (d->d_un.d_ptr < map->l_addr) continue;
        if (d->d_tag == DT_SYMTAB) symbols = (const void *)d->d_un.d_ptr;
        if (d->d_tag == DT_STRTAB) strings = (const void *)d->d_un.d_ptr;
        if (d->d_tag == DT_GNU_HASH) table = (const void *)d->d_un.d_ptr;
    }
    if (!symbols || !strings || !table || !table[0]) return NULL;
    uint32_t buckets = table[0], first = table[1], words = table[2], hash = gnu_hash(name);
    const uint32_t *bucket = table + 4 + words * (sizeof(ElfW(Addr)) / 4), *chain = bucket + buckets;
    uint32_t i = bucket[hash % buckets];
    if (i < first) return NULL;
    for (;; i++) {
        uint32_t entry = chain[i - first];
        if ((entry | 1) == (hash | 1) && symbols[i].st_shndx != SHN_UNDEF &&
            !strcmp(strings + symbols[i].st_name, name))
            return (void *)(map->l_addr + symbols[i].st_value);
        if (entry & 1) return NULL;
    }
}
