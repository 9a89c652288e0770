/*
 * table.c: the symbols of an object, sorted by address, and the lookups.
 *
 * A stripped library names its exported functions only. What lies between them
 * is found in .eh_frame, which every object keeps: bounds without a name.
 */
#define _GNU_SOURCE
#include "private.h"

#include <stdlib.h>
#include <string.h>

#define ENCLOSING_MAX 1000 /* steps back to an enclosing symbol: a hostile table has no end of them */

struct text {
    struct text *next;
    char bytes[];
};

const char *text_keep(struct symbols *s, const char *name, size_t length, const char *suffix)
{
    size_t tail = strlen(suffix) + 1;
    struct text *text = malloc(sizeof *text + length + tail);
    if (!text) return NULL;
    memcpy(text->bytes, name, length);
    memcpy(text->bytes + length, suffix, tail);
    text->next = s->texts;
    s->texts = text;
    return text->bytes;
}

void entry_add(struct symbols *s, const struct entry *e)
{
    if (s->count == s->room) {
        size_t room = s->room ? s->room * 2 : 256;
        struct entry *grown = realloc(s->entries, room * sizeof *grown);
        if (!grown) return; /* fewer names */
        s->entries = grown;
        s->room = room;
    }
    s->entries[s->count++] = *e;
}

/* --- reading -------------------------------------------------------------------------------- */

static bool wanted(const GElf_Sym *symbol, const char *name)
{
    unsigned type = GELF_ST_TYPE(symbol->st_info);
    return name && *name && *name != '$' && symbol->st_shndx != SHN_UNDEF && symbol->st_shndx != SHN_ABS &&
           symbol->st_shndx != SHN_COMMON &&
           (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_OBJECT || type == STT_NOTYPE);
}

static void read_section(struct symbols *s, Elf *elf, Elf_Scn *section, const GElf_Shdr *header)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = data && header->sh_entsize ? data->d_size / header->sh_entsize : 0;
    bool startup = false; /* local symbols follow the name of their file */
    for (size_t i = 0; i < count && i <= INT32_MAX; i++) {
        GElf_Sym symbol;
        GElf_Shdr home;
        if (!gelf_getsym(data, (int)i, &symbol)) break;
        const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
        if (GELF_ST_TYPE(symbol.st_info) == STT_FILE) startup = name && !strcmp(name, "crtstuff.c");
        if (!wanted(&symbol, name)) continue;
        if (!gelf_getshdr(elf_getscn(elf, symbol.st_shndx), &home) || !(home.sh_flags & SHF_ALLOC) ||
            (home.sh_flags & SHF_TLS) || symbol.st_value - home.sh_addr > home.sh_size)
            continue;
        bool code = home.sh_flags & SHF_EXECINSTR;
        if (GELF_ST_TYPE(symbol.st_info) == STT_NOTYPE && !code) continue; /* _end, __bss_start, ... */
        const char *version = strchr(name, '@');
        if (version && !(name = text_keep(s, name, (size_t)(version - name), ""))) continue;
        struct entry e = {.symbol = {name, symbol.st_value, symbol.st_size, !code, false,
                                     startup && GELF_ST_BIND(symbol.st_info) == STB_LOCAL},
                          .binding = GELF_ST_BIND(symbol.st_info)};
        e.end = symbol.st_size ? symbol.st_value + symbol.st_size : home.sh_addr + home.sh_size;
        if (e.end >= e.symbol.start) entry_add(s, &e);
    }
}

static bool read_tables(struct symbols *s, Elf *elf, GElf_Word type)
{
    size_t before = s->count;
    GElf_Shdr header;
    for (Elf_Scn *section = NULL; elf && (section = elf_nextscn(elf, section));)
        if (gelf_getshdr(section, &header) && header.sh_type == type) read_section(s, elf, section, &header);
    return s->count > before;
}

/* Of several names for one address the one people know: fork, not __libc_fork. */
static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->symbol.start != y->symbol.start) return x->symbol.start < y->symbol.start ? -1 : 1;
    if (!x->symbol.size != !y->symbol.size) return x->symbol.size ? -1 : 1;
    size_t under_x = strspn(x->symbol.name, "_"), under_y = strspn(y->symbol.name, "_");
    if (under_x != under_y) return under_x < under_y ? -1 : 1;
    bool local_x = x->binding == STB_LOCAL, local_y = y->binding == STB_LOCAL;
    if (local_x != local_y) return local_x ? 1 : -1;
    return strcmp(x->symbol.name, y->symbol.name);
}

void table_read(struct symbols *s)
{
    if (s->table_read) return;
    s->table_read = true;
    if (!read_tables(s, s->file.elf, SHT_SYMTAB)) read_tables(s, s->debug.elf, SHT_SYMTAB);
    read_tables(s, s->file.elf, SHT_DYNSYM);
    plt_read(s);
    if (!s->count) return;
    qsort(s->entries, s->count, sizeof *s->entries, compare);
    size_t kept = 0; /* the best name of an address and size stays */
    for (size_t i = 0; i < s->count; i++) {
        struct entry *e = &s->entries[i], *last = kept ? &s->entries[kept - 1] : NULL;
        if (last && last->symbol.start == e->symbol.start && !strcmp(last->symbol.name, e->symbol.name))
            continue;
        s->entries[kept++] = *e;
    }
    s->count = kept;
    uint64_t reach = 0, next = UINT64_MAX;
    for (size_t i = s->count; i--;) { /* one without a size ends where the next begins */
        struct entry *e = &s->entries[i];
        if (!e->symbol.size && next < e->end) e->end = next;
        if (!i || s->entries[i - 1].symbol.start != e->symbol.start) next = e->symbol.start;
    }
    for (size_t i = 0; i < s->count; i++) {
        if (s->entries[i].end > reach) reach = s->entries[i].end;
        s->entries[i].reach = reach;
    }
}

void table_free(struct symbols *s)
{
    for (struct text *text = s->texts, *next; text; text = next) {
        next = text->next;
        free(text);
    }
    free(s->entries);
    free(s->names);
    free(s->ranges);
}

/* --- looking up ----------------------------------------------------------------------------- */

/* The innermost symbol around the address, of several names the best. */
static const struct entry *around(const struct symbols *s, uint64_t address)
{
    size_t low = 0, high = s->count; /* entries[low..] begin after the address */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->entries[middle].symbol.start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    const struct entry *best = NULL;
    for (int steps = 0; low-- && steps < ENCLOSING_MAX && s->entries[low].reach > address; steps++) {
        const struct entry *e = &s->entries[low];
        if (best && e->symbol.start != best->symbol.start) break;
        if (address < e->end) best = e; /* the first of its address is the best */
    }
    return best;
}

bool symbols_find(struct symbols *s, uint64_t address, struct symbol *found)
{
    table_read(s);
    const struct entry *e = around(s, address);
    if (e && (e->symbol.size || e->symbol.data || e->symbol.plt)) {
        *found = e->symbol;
        return true;
    }
    struct symbol function;
    if (bounds_find(s, address, &function) && (!e || function.start > e->symbol.start)) {
        *found = function;
        return true;
    }
    if (e) *found = e->symbol;
    return e;
}

const char *symbols_name(struct symbols *s, uint64_t address, uint64_t *offset)
{
    struct symbol found;
    bool known = symbols_find(s, address, &found);
    *offset = known ? address - found.start : address;
    return known ? found.name : NULL;
}

static int compare_names(const void *a, const void *b)
{
    const struct entry *const *x = a, *const *y = b;
    int order = strcmp((*x)->symbol.name, (*y)->symbol.name);
    if (order) return order;
    if ((*x)->symbol.plt != (*y)->symbol.plt) return (*x)->symbol.plt - (*y)->symbol.plt;
    bool local_x = (*x)->binding == STB_LOCAL, local_y = (*y)->binding == STB_LOCAL;
    return local_x != local_y ? local_x - local_y : *x < *y ? -1 : 1;
}

bool symbols_address(struct symbols *s, const char *name, struct symbol *found)
{
    table_read(s);
    if (!s->names && s->count) {
        s->names = malloc(s->count * sizeof *s->names);
        if (!s->names) return false;
        for (size_t i = 0; i < s->count; i++) s->names[i] = &s->entries[i];
        qsort(s->names, s->count, sizeof *s->names, compare_names);
    }
    size_t low = 0, high = s->count; /* names[low]: the first that is not less */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(s->names[middle]->symbol.name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == s->count || strcmp(s->names[low]->symbol.name, name)) return false;
    *found = s->names[low]->symbol;
    return !found->plt; /* imported, not defined here */
}
