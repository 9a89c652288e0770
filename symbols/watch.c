/*
 * watch.c: from a WATCH as a person writes it to an object in memory.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"
#include "spoken.h"
#include "types.h"
#include "watch.h"

#define NEAR_NAMES 3

static const char *base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* --- parts of the expression ---------------------------------------------------------------- */

struct expression {
    char whole[256];
    char object[128]; /* before the colon; "" if none */
    char symbol[128];
    char path[128];          /* ".size", "[3].count" */
    uint64_t offset, length; /* "+8/4"; length 0: not given */
    bool address;            /* 0xADDR/LEN: offset is the address */
};

static bool number(const char **at, uint64_t *value)
{
    char *end;
    if (**at < '0' || **at > '9') return false;
    *value = strtoull(*at, &end, 0);
    *at = end;
    return true;
}

static bool parse(const char *text, size_t length, struct expression *e)
{
    *e = (struct expression){0};
    if (!length || length >= sizeof e->symbol) return false;
    memcpy(e->whole, text, length);
    const char *at = e->whole, *colon = strchr(at, ':');
    if (!strncmp(at, "0x", 2)) {
        e->address = true;
        return number(&at, &e->offset) && *at++ == '/' && number(&at, &e->length) && !*at && e->length;
    }
    if (colon && colon[1] != ':' && colon > at) {
        memcpy(e->object, at, (size_t)(colon - at));
        at = colon + 1;
    }
    size_t part = strcspn(at, ".[+");
    if (!part) return false;
    memcpy(e->symbol, at, part);
    at += part;
    part = strcspn(at, "+");
    memcpy(e->path, at, part);
    at += part;
    if (!*at) return true;
    at++;
    return number(&at, &e->offset) && *at++ == '/' && number(&at, &e->length) && !*at && e->length;
}

/* "libfoo.so" is libfoo.so.1 too. */
static bool is_object(const struct watch_object *o, const char *name)
{
    const char *its = base(o->path);
    size_t length = strlen(name);
    return !*name || !strcmp(o->path, name) ||
           (!strncmp(its, name, length) && (!its[length] || its[length] == '.'));
}

/* --- symbols -------------------------------------------------------------------------------- */

/* Is it in .dynsym: do other objects mean this one when they say its name? */
static bool is_exported(struct symbols *s, const char *name)
{
    GElf_Shdr header;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(s->file.elf, section));) {
        if (!gelf_getshdr(section, &header) || header.sh_type != SHT_DYNSYM || !header.sh_entsize) continue;
        Elf_Data *data = elf_getdata(section, NULL);
        for (size_t i = 0; data && i < data->d_size / header.sh_entsize; i++) {
            GElf_Sym symbol;
            const char *its;
            if (gelf_getsym(data, (int)i, &symbol) && symbol.st_shndx != SHN_UNDEF &&
                (its = elf_strptr(s->file.elf, header.sh_link, symbol.st_name)) && !strcmp(its, name))
                return true;
        }
    }
    return false;
}

static bool is_thread_local(struct symbols *s, const char *name)
{
    GElf_Shdr header;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(s->file.elf, section));) {
        if (!gelf_getshdr(section, &header) || !header.sh_entsize ||
            (header.sh_type != SHT_DYNSYM && header.sh_type != SHT_SYMTAB))
            continue;
        Elf_Data *data = elf_getdata(section, NULL);
        for (size_t i = 0; data && i < data->d_size / header.sh_entsize; i++) {
            GElf_Sym symbol;
            const char *its;
            if (gelf_getsym(data, (int)i, &symbol) && GELF_ST_TYPE(symbol.st_info) == STT_TLS &&
                (its = elf_strptr(s->file.elf, header.sh_link, symbol.st_name)) && !strcmp(its, name))
                return true;
        }
    }
    return false;
}

/* Cannot be written to: not in a writable segment, or in the part that is made read-only after relocation. */
static bool is_constant(struct symbols *s, uint64_t address)
{
    size_t count;
    GElf_Phdr segment;
    bool writable = false;
    if (elf_getphdrnum(s->file.elf, &count)) return false;
    for (size_t i = 0; i < count; i++) {
        if (!gelf_getphdr(s->file.elf, (int)i, &segment) || address - segment.p_vaddr >= segment.p_memsz)
            continue;
        if (segment.p_type == PT_GNU_RELRO) return true;
        writable |= segment.p_type == PT_LOAD && segment.p_flags & PF_W;
    }
    return !writable;
}

static bool has_symtab(struct symbols *s)
{
    GElf_Shdr header;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(s->file.elf, section));)
        if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB) return true;
    return s->debug.elf;
}

/* A name may have been asked for by the symbol of a function's static: "hits" is hits.0; and as it is in C++.
 */
static bool find_symbol(struct symbols *s, const struct expression *e, struct symbol *found)
{
    if (symbols_address(s, e->symbol, found) && found->data) return true;
    table_read(s);
    size_t length = strlen(e->symbol);
    for (size_t i = 0; i < s->count; i++) {
        const struct symbol *symbol = &s->entries[i].symbol;
        if (!symbol->data || strncmp(symbol->name, e->symbol, length) || symbol->name[length] != '.')
            continue;
        if (strspn(symbol->name + length + 1, "0123456789") != strlen(symbol->name + length + 1)) continue;
        *found = *symbol;
        return true;
    }
    for (size_t i = 0; strstr(e->symbol, "::") && i < s->count; i++) {
        char name[sizeof e->symbol];
        const struct symbol *symbol = &s->entries[i].symbol;
        if (!symbol->data || !spoken(symbol->name, name, sizeof name) || strcmp(name, e->symbol)) continue;
        *found = *symbol;
        return true;
    }
    return false;
}

/* --- what helps when there is none ---------------------------------------------------------- */

/* How many letters have to be added, dropped, exchanged; more than `most` is as good as any. */
static unsigned distance(const char *a, const char *b, unsigned most)
{
    unsigned row[128];
    size_t n = strlen(a), m = strlen(b);
    if (n >= 127 || m >= 127 || n > m + most || m > n + most) return most + 1;
    for (size_t j = 0; j <= m; j++) row[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned corner = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned up = row[j], best = corner + (a[i - 1] != b[j - 1]);
            if (up + 1 < best) best = up + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            corner = up;
            row[j] = best;
        }
    }
    return row[m];
}

static void say_near(const struct watch_object *objects, size_t count, const struct expression *e, char *text,
                     size_t room)
{
    unsigned most = (unsigned)strlen(e->symbol) / 3 + 1, best[NEAR_NAMES];
    const char *names[NEAR_NAMES] = {0};
    for (size_t i = 0; i < NEAR_NAMES; i++) best[i] = most + 1;
    for (size_t o = 0; o < count; o++) {
        struct symbols *s = is_object(&objects[o], e->object) ? symbols_open(objects[o].path, NULL, 0) : NULL;
        if (!s) continue;
        table_read(s);
        for (size_t i = 0; i < s->count; i++) {
            const struct symbol *symbol = &s->entries[i].symbol;
            const char *name = symbol->data ? symbols_spoken(symbol->name) : "";
            unsigned d = *name ? distance(e->symbol, name, most) : most + 1;
            for (size_t k = 0; k < NEAR_NAMES; k++) {
                if (d >= best[k] || (names[k] && !strcmp(names[k], name))) continue;
                for (size_t l = NEAR_NAMES - 1; l > k; l--) best[l] = best[l - 1], names[l] = names[l - 1];
                best[k] = d;
                names[k] = name;
                break;
            }
        }
    }
    size_t used = strlen(text);
    for (size_t i = 0; i < NEAR_NAMES && names[i] && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, "%s%s", i ? ", " : "near names: ", names[i]);
    if (used < room) used += (size_t)snprintf(text + used, room - used, "%ssearched: ", used ? "; " : "");
    bool first = true;
    for (size_t o = 0; o < count && used < room; o++) {
        if (!is_object(&objects[o], e->object)) continue;
        struct symbols *s = symbols_open(objects[o].path, NULL, 0);
        used += (size_t)snprintf(text + used, room - used, "%s%s%s", first ? "" : ", ", base(objects[o].path),
                                 s && !has_symtab(s) ? " (stripped: exported names only)" : "");
        first = false;
    }
    if (first && used < room)
        snprintf(text + used, room - used, "nothing: no object of that name was loaded");
}

/* The program itself, or the object that was named, has no names of what it does not export. */
static bool any_stripped(const struct watch_object *objects, size_t count, const struct expression *e)
{
    for (size_t o = 0; o < count; o++) {
        bool meant = *e->object ? is_object(&objects[o], e->object) : objects[o].program;
        struct symbols *s = meant ? symbols_open(objects[o].path, NULL, 0) : NULL;
        if (s && !has_symtab(s)) return true;
    }
    return false;
}

/* --- finding -------------------------------------------------------------------------------- */

/* A symbol's size alone tells little; counters and ids are what people watch: signed. */
static void guess_type(struct watch_type *type, uint64_t size)
{
    bool scalar = size == 1 || size == 2 || size == 4 || size == 8;
    *type = (struct watch_type){.size = size, .kind = scalar ? FT_C_KIND_signed : FT_C_KIND_raw};
}

static enum ft_c_outcome narrow(struct symbols *s, const struct symbol *found, const struct expression *e,
                                struct watch *w, char *text, size_t room)
{
    Dwarf_Die type = {0};
    uint64_t offset = 0;
    bool typed = types_variable(s, found->name, found->start, &type);
    guess_type(&w->type, found->size);
    w->typed = typed;
    w->die = type;
    if (*e->path && !typed) {
        snprintf(text, room, "%s has no DWARF that describes %s: name the part by offset and length, %s+8/4",
                 base(s->path), e->symbol, e->symbol);
        return FT_C_OUTCOME_stripped;
    }
    if (*e->path && !types_member(&type, e->path, &offset)) {
        snprintf(text, room, "%s has no part %s", e->symbol, e->path);
        return FT_C_OUTCOME_unknown;
    }
    if (typed) types_describe(&type, &w->type);
    if (!w->type.size) w->type.size = found->size;
    if (e->length) {
        offset += e->offset;
        if (w->type.size && (e->offset >= w->type.size || e->length > w->type.size - e->offset)) {
            snprintf(text, room, "%s is %llu bytes long", e->symbol, (unsigned long long)w->type.size);
            return FT_C_OUTCOME_invalid;
        }
        guess_type(&w->type, e->length);
    }
    if (!w->type.size) {
        snprintf(text, room, "the length of %s is not known: give it, %s+0/4", e->symbol, e->symbol);
        return FT_C_OUTCOME_invalid;
    }
    w->where = (struct stores_target){.start = found->start + offset,
                                      .size = w->type.size,
                                      .object = found->start,
                                      .object_size = found->size ? found->size : offset + w->type.size,
                                      .here = true};
    return is_constant(s, w->where.start) ? FT_C_OUTCOME_constant : FT_C_OUTCOME_watched;
}

/* A library's global that the program copied into itself (R_X86_64_COPY) lies there. */
static size_t owner(const struct watch_object *objects, size_t count, size_t found, const char *name)
{
    for (size_t o = 0; o < found && o < count; o++) {
        struct symbols *s = objects[o].program ? symbols_open(objects[o].path, NULL, 0) : NULL;
        if (s && is_exported(s, name)) return o;
    }
    return found;
}

enum ft_c_outcome watch_find(const struct watch_object *objects, size_t count, const char *expression,
                             size_t length, bool near, struct watch *w, char *text, size_t room)
{
    struct expression e;
    *w = (struct watch){.object = SIZE_MAX};
    *text = 0;
    if (!parse(expression, length, &e)) {
        snprintf(text, room, "write counter, libfoo.so:state, pool.size, counter+8/4 or 0xADDR/LEN");
        return FT_C_OUTCOME_invalid;
    }
    const char *name = *e.object ? e.whole + strlen(e.object) + 1 : e.whole;
    snprintf(w->name, sizeof w->name, "%s%s", symbols_spoken(e.symbol), name + strlen(e.symbol));
    if (e.address) {
        w->where = (struct stores_target){
            .start = e.offset, .size = e.length, .object = e.offset, .object_size = e.length};
        guess_type(&w->type, e.length);
        /* in memory; or in the program's file, as nm says it: that is loaded somewhere else each time */
        for (int in_file = 0; in_file < 2 && w->object == SIZE_MAX; in_file++)
            for (size_t o = 0; o < count; o++) {
                uint64_t address = e.offset + (in_file ? objects[o].bias : 0);
                if ((in_file && !objects[o].program) ||
                    address - objects[o].start >= objects[o].end - objects[o].start)
                    continue;
                w->object = o;
                w->where.here = true;
                w->where.start = w->where.object = address - objects[o].bias;
            }
        if (w->object != SIZE_MAX) return FT_C_OUTCOME_watched;
        snprintf(text, room, "no object is loaded there");
        return FT_C_OUTCOME_unknown;
    }
    bool tls = false, any = false;
    for (size_t o = 0; o < count; o++) {
        any |= is_object(&objects[o], e.object);
        struct symbols *s = is_object(&objects[o], e.object) ? symbols_open(objects[o].path, NULL, 0) : NULL;
        struct symbol found;
        if (!s) continue;
        if (!find_symbol(s, &e, &found)) {
            tls |= is_thread_local(s, e.symbol);
            continue;
        }
        w->object = o;
        w->exported = is_exported(s, found.name);
        size_t real = w->exported ? owner(objects, count, o, found.name) : o;
        if (real != o) {
            w->object = real;
            s = symbols_open(objects[real].path, NULL, 0);
            if (!s || !find_symbol(s, &e, &found)) continue;
        }
        snprintf(w->symbol, sizeof w->symbol, "%s", found.name);
        return narrow(s, &found, &e, w, text, room);
    }
    if (tls) return FT_C_OUTCOME_thread_local;
    if (!any) return FT_C_OUTCOME_not_loaded;
    if (near) say_near(objects, count, &e, text, room);
    return any_stripped(objects, count, &e) ? FT_C_OUTCOME_stripped : FT_C_OUTCOME_unknown;
}

void watch_piece(const struct watch *w, uint64_t offset, uint64_t size, char *name, size_t room,
                 struct watch_type *type)
{
    uint64_t in_symbol = w->where.start - w->where.object + offset;
    Dwarf_Die die = w->die;
    const char *symbol = *w->symbol ? symbols_spoken(w->symbol) : w->name;
    snprintf(name, room, "%s", symbol);
    if (w->typed && types_at(&die, in_symbol, size, name, room)) {
        *type = (struct watch_type){0};
        types_describe(&die, type);
        return;
    }
    guess_type(type, size);
    snprintf(name, room, "%s+%llu/%llu", symbol, (unsigned long long)(*w->symbol ? in_symbol : offset),
             (unsigned long long)size);
}

bool watch_at(struct symbols *s, uint64_t address, unsigned guess, char *name, size_t room,
              struct watch_type *type, uint64_t *start, uint64_t *whole)
{
    struct symbol found;
    if (!symbols_find(s, address, &found) || !found.data || !found.name || !found.size ||
        address - found.start >= found.size)
        return false;
    const char *symbol = symbols_spoken(found.name);
    uint64_t offset = address - found.start;
    if (!s->last.known || s->last.start != found.start) {
        s->last.known = true;
        s->last.start = found.start;
        s->last.typed = types_variable(s, found.name, found.start, &s->last.type);
    }
    *whole = found.start;
    for (uint64_t size = 8; s->last.typed && size; size /= 2) {
        Dwarf_Die die = s->last.type;
        uint64_t from = offset / size * size;
        snprintf(name, room, "%s", symbol);
        if (!types_at(&die, from, size, name, room)) continue;
        *type = (struct watch_type){0};
        types_describe(&die, type);
        *start = found.start + from;
        return true;
    }
    bool scalar = found.size == 1 || found.size == 2 || found.size == 4 || found.size == 8;
    uint64_t size = scalar ? found.size : guess, from = scalar ? 0 : offset / guess * guess;
    *start = found.start + from;
    guess_type(type, size);
    if (scalar)
        snprintf(name, room, "%s", symbol);
    else
        snprintf(name, room, "%s+%llu/%llu", symbol, (unsigned long long)from, (unsigned long long)size);
    return true;
}
