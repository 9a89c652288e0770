/*
 * bounds.c: where functions begin and end, from .eh_frame: also in stripped
 * objects, also for functions that have no name there.
 */
#define _GNU_SOURCE
#include "private.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

struct range {
    uint64_t start, end;
    bool handles; /* it has a table of exception handlers, or is not understood */
};

/*
 * How addresses are written in the FDEs of a CIE: its augmentation 'R'. -1: not
 * understood. *handles: they have a pointer to a table of handlers ('L').
 */
static int encoding_of(const Dwarf_CIE *cie, bool *handles)
{
    int encoding = DW_EH_PE_absptr;
    *handles = false;
    const char *augmentation = cie->augmentation;
    if (!augmentation || !*augmentation) return DW_EH_PE_absptr;
    if (*augmentation++ != 'z' || !cie->augmentation_data) return -1;
    const uint8_t *data = cie->augmentation_data, *end = data + cie->augmentation_data_size;
    for (; *augmentation; augmentation++) {
        if (*augmentation == 'S' || *augmentation == 'B') continue;
        if (data >= end) return -1;
        switch (*augmentation) {
        case 'R': encoding = *data++; break;
        case 'L': *handles = *data++ != DW_EH_PE_omit; break;
        case 'P': { /* the personality routine: its encoding, then a pointer */
            unsigned format = *data & 0x07;
            if (format == DW_EH_PE_uleb128) return -1;
            data += 1 + (format == DW_EH_PE_udata2 ? 2 : format == DW_EH_PE_udata4 ? 4 : 8);
            break;
        }
        default: return -1;
        }
    }
    return encoding;
}

/* FDE: encoded start, then the length in the same format. */
static bool decode(const Dwarf_FDE *fde, int encoding, uint64_t section, const uint8_t *base,
                   struct range *range)
{
    unsigned format = (unsigned)encoding & 0x0f, relative = (unsigned)encoding & 0x70;
    bool small = format == DW_EH_PE_udata4 || format == DW_EH_PE_sdata4;
    bool large = format == DW_EH_PE_absptr || format == DW_EH_PE_udata8 || format == DW_EH_PE_sdata8;
    size_t size = small ? 4 : 8;
    if (encoding < 0 || encoding & DW_EH_PE_indirect || (!small && !large) ||
        (relative && relative != DW_EH_PE_pcrel) || (size_t)(fde->end - fde->start) < 2 * size)
        return false;
    uint64_t start = 0, length = 0;
    memcpy(&start, fde->start, size);
    memcpy(&length, fde->start + size, size);
    if (format == DW_EH_PE_sdata4) start = (uint64_t)(int64_t)(int32_t)start;
    if (relative == DW_EH_PE_pcrel) start += section + (uint64_t)(fde->start - base);
    *range = (struct range){.start = start, .end = start + length};
    return length && range->end > start;
}

/* Behind start and length: the length of the augmentation, then the pointer. All zeros: there is no table. */
static bool has_table(const Dwarf_FDE *fde, int encoding)
{
    unsigned format = (unsigned)encoding & 0x0f;
    size_t size = format == DW_EH_PE_udata4 || format == DW_EH_PE_sdata4 ? 4 : 8;
    const uint8_t *at = fde->start + 2 * size;
    if (at >= fde->end || *at & 0x80) return true;
    for (unsigned left = *at++; left && at < fde->end; left--)
        if (*at++) return true;
    return false;
}

static int compare(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

static void add(struct symbols *s, const struct range *range)
{
    if (s->range_count == s->range_room) {
        size_t room = s->range_room ? s->range_room * 2 : 1024;
        struct range *grown = realloc(s->ranges, room * sizeof *grown);
        if (!grown) return;
        s->ranges = grown;
        s->range_room = room;
    }
    s->ranges[s->range_count++] = *range;
}

static void read_frames(struct symbols *s, const char *ident, Elf_Scn *section, const GElf_Shdr *header)
{
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || !data->d_buf) return;
    Dwarf_CFI_Entry entry, cie;
    Dwarf_Off cie_at = (Dwarf_Off)-1, next;
    int encoding = -1;
    bool handles = false;
    for (Dwarf_Off at = 0; at < data->d_size; at = next) {
        next = at;
        int result = dwarf_next_cfi((const unsigned char *)ident, data, true, at, &next, &entry);
        if (result > 0 || next <= at) break;
        if (result < 0 || dwarf_cfi_cie_p(&entry)) continue;
        if (entry.fde.CIE_pointer != cie_at) { /* neighbours mostly share one */
            Dwarf_Off ignored;
            cie_at = entry.fde.CIE_pointer;
            encoding =
                cie_at < data->d_size &&
                        !dwarf_next_cfi((const unsigned char *)ident, data, true, cie_at, &ignored, &cie) &&
                        dwarf_cfi_cie_p(&cie)
                    ? encoding_of(&cie.cie, &handles)
                    : -1;
        }
        struct range range;
        if (!decode(&entry.fde, encoding, header->sh_addr, data->d_buf, &range)) continue;
        range.handles = handles && has_table(&entry.fde, encoding);
        add(s, &range);
    }
}

static void read_all(struct symbols *s)
{
    size_t names;
    GElf_Shdr header;
    const char *ident = elf_getident(s->file.elf, NULL), *name;
    if (!ident || ident[EI_CLASS] != ELFCLASS64 || elf_getshdrstrndx(s->file.elf, &names)) return;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(s->file.elf, section));)
        if (gelf_getshdr(section, &header) && header.sh_type != SHT_NOBITS &&
            (name = elf_strptr(s->file.elf, names, header.sh_name)) && !strcmp(name, ".eh_frame"))
            read_frames(s, ident, section, &header);
    if (s->range_count) qsort(s->ranges, s->range_count, sizeof *s->ranges, compare);
}

/* The range that an address lies in; NULL: none. */
static const struct range *range_of(struct symbols *s, uint64_t address)
{
    if (!s->ranges_read) read_all(s);
    s->ranges_read = true;
    size_t low = 0, high = s->range_count; /* ranges[low..] begin after the address */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->ranges[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low && address < s->ranges[low - 1].end ? &s->ranges[low - 1] : NULL;
}

bool bounds_find(struct symbols *s, uint64_t address, struct symbol *found)
{
    const struct range *range = range_of(s, address);
    if (range) *found = (struct symbol){.start = range->start, .size = range->end - range->start};
    return range;
}

bool bounds_handles(struct symbols *s, uint64_t start)
{
    const struct range *range = range_of(s, start);
    return !range || range->handles;
}
