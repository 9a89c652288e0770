/*
 * plt.c: names for procedure linkage stubs: which imported function they jump
 * to. A caller in a stripped program shows nothing else.
 *
 * A stub is `jmp *slot(%rip)`, with endbr64 or bnd before it, padded to 8 or 16
 * bytes; the relocation of the slot names the function. x86-64 only.
 */
#define _GNU_SOURCE
#include "private.h"

#include <stdlib.h>
#include <string.h>

struct slot {
    uint64_t address;
    const char *name;
};

struct slots {
    struct slot *of;
    size_t count, room;
};

static int compare(const void *a, const void *b)
{
    const struct slot *x = a, *y = b;
    return (x->address > y->address) - (x->address < y->address);
}

static void add_slots(struct slots *slots, Elf *elf, Elf_Scn *section, const GElf_Shdr *header)
{
    GElf_Shdr symbols_header;
    Elf_Scn *symbols = elf_getscn(elf, header->sh_link);
    Elf_Data *data = elf_getdata(section, NULL), *table = symbols ? elf_getdata(symbols, NULL) : NULL;
    if (!data || !table || !header->sh_entsize || !gelf_getshdr(symbols, &symbols_header)) return;
    for (size_t i = 0; i < data->d_size / header->sh_entsize && i <= INT32_MAX; i++) {
        GElf_Rela relocation;
        GElf_Sym symbol;
        if (!gelf_getrela(data, (int)i, &relocation)) break;
        unsigned type = (unsigned)GELF_R_TYPE(relocation.r_info);
        uint64_t index = GELF_R_SYM(relocation.r_info);
        if ((type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) || index > INT32_MAX ||
            !gelf_getsym(table, (int)index, &symbol))
            continue;
        const char *name = elf_strptr(elf, symbols_header.sh_link, symbol.st_name);
        if (!name || !*name) continue;
        if (slots->count == slots->room) {
            size_t room = slots->room ? slots->room * 2 : 256;
            struct slot *grown = realloc(slots->of, room * sizeof *grown);
            if (!grown) return;
            slots->of = grown;
            slots->room = room;
        }
        slots->of[slots->count++] = (struct slot){relocation.r_offset, name};
    }
}

static void add_stubs(struct symbols *s, const struct slots *slots, Elf_Scn *section, const GElf_Shdr *header,
                      size_t stride)
{
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || !data->d_buf) return;
    const uint8_t *code = data->d_buf;
    for (size_t at = 0; at + stride <= data->d_size; at += stride) {
        size_t i = 0;
        while (i + 6 <= stride && !(code[at + i] == 0xff && code[at + i + 1] == 0x25)) i++;
        if (i + 6 > stride) continue;
        int32_t distance;
        memcpy(&distance, code + at + i + 2, 4);
        struct slot key = {header->sh_addr + at + i + 6 + (uint64_t)(int64_t)distance, NULL};
        const struct slot *slot = bsearch(&key, slots->of, slots->count, sizeof key, compare);
        if (!slot) continue;
        struct entry e = {
            .symbol = {.name = slot->name, .start = header->sh_addr + at, .size = stride, .plt = true},
            .end = header->sh_addr + at + stride,
            .binding = STB_LOCAL};
        entry_add(s, &e);
    }
}

void plt_read(struct symbols *s)
{
    Elf *elf = s->file.elf;
    GElf_Ehdr file;
    GElf_Shdr header;
    size_t names;
    if (!gelf_getehdr(elf, &file) || file.e_machine != EM_X86_64 || elf_getshdrstrndx(elf, &names)) return;
    struct slots slots = {0};
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));)
        if (gelf_getshdr(section, &header) && header.sh_type == SHT_RELA)
            add_slots(&slots, elf, section, &header);
    if (slots.count) qsort(slots.of, slots.count, sizeof *slots.of, compare);
    for (Elf_Scn *section = NULL; slots.count && (section = elf_nextscn(elf, section));) {
        const char *name;
        if (!gelf_getshdr(section, &header) || header.sh_type != SHT_PROGBITS ||
            !(name = elf_strptr(elf, names, header.sh_name)) || strncmp(name, ".plt", 4))
            continue;
        add_stubs(s, &slots, section, &header, !strcmp(name, ".plt.got") && header.sh_entsize == 8 ? 8 : 16);
    }
    free(slots.of);
}
