/*
 * lines.c: source lines through libdw, where the object or its separate debug
 * file has DWARF.
 */
#define _GNU_SOURCE
#include "private.h"

#include <dwarf.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

void lines_free(struct symbols *s)
{
    if (s->dwarf) dwarf_end(s->dwarf);
    if (s->debug_dwarf) dwarf_end(s->debug_dwarf);
    s->dwarf = s->debug_dwarf = NULL;
}

/* The compilation unit of an address. clang writes no .debug_aranges: then each unit is asked. */
static bool unit_of(Dwarf *dwarf, uint64_t address, Dwarf_Die *unit)
{
    if (dwarf_addrdie(dwarf, address, unit)) return true;
    Dwarf_CU *cu = NULL;
    uint8_t type;
    while (!dwarf_get_units(dwarf, cu, &cu, NULL, &type, unit, NULL))
        if (type == DW_UT_compile && dwarf_haspc(unit, address) == 1) return true;
    return false;
}

/* The own library of C++ and Rust: "/usr/include/c++/12/mutex",
 * "/rustc/1f2a.../library/std/src/thread/mod.rs". */
static bool is_runtime(const char *file) { return strstr(file, "/c++/") || strstr(file, "/rustc/"); }

/* Most of that library is inlined: then the line that called it is meant. */
static void past_runtime(Dwarf_Die *unit, uint64_t address, const char **file, int *line)
{
    Dwarf_Die *innermost = NULL, *scopes = NULL;
    Dwarf_Files *files;
    Dwarf_Attribute attribute;
    size_t file_count;
    int count =
        0; /* dwarf_getscopes goes on with where an inlined function is defined, this with its caller: */
    if (dwarf_getscopes(unit, address, &innermost) > 0) count = dwarf_getscopes_die(&innermost[0], &scopes);
    if (dwarf_getsrcfiles(unit, &files, &file_count)) count = 0;
    for (int i = 0; i < count; i++) {
        Dwarf_Word from, at;
        if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine ||
            dwarf_formudata(dwarf_attr(&scopes[i], DW_AT_call_file, &attribute), &from) ||
            dwarf_formudata(dwarf_attr(&scopes[i], DW_AT_call_line, &attribute), &at))
            continue;
        const char *caller = dwarf_filesrc(files, from, NULL, NULL);
        if (!caller || is_runtime(caller) || !at || at > INT_MAX) continue;
        *file = caller, *line = (int)at;
        break;
    }
    free(innermost);
    free(scopes);
}

static bool line_in(Dwarf *dwarf, uint64_t address, const char **file, int *line)
{
    Dwarf_Die unit;
    if (!dwarf || !unit_of(dwarf, address, &unit)) return false;
    Dwarf_Line *found = dwarf_getsrc_die(&unit, address);
    if (!found || !(*file = dwarf_linesrc(found, NULL, NULL)) || dwarf_lineno(found, line) || *line <= 0)
        return false;
    if (is_runtime(*file)) past_runtime(&unit, address, file, line);
    return true;
}

/*
 * libdw (seen in 0.188) reads beyond a string section whose last string has no
 * end: an object like that was not made by a compiler, and gets no lines.
 */
static bool strings_end(Elf *elf)
{
    size_t names;
    GElf_Shdr header;
    if (elf_getshdrstrndx(elf, &names)) return false;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
        const char *name = gelf_getshdr(section, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;
        if (!name || header.sh_type == SHT_NOBITS || header.sh_flags & SHF_COMPRESSED ||
            (strcmp(name, ".debug_str") && strcmp(name, ".debug_line_str")))
            continue;
        Elf_Data *data = elf_getdata(section, NULL);
        if (data && data->d_size && (!data->d_buf || ((const char *)data->d_buf)[data->d_size - 1]))
            return false;
    }
    return true;
}

static Dwarf *read_dwarf(Elf *elf)
{
    return elf && strings_end(elf) ? dwarf_begin_elf(elf, DWARF_C_READ, NULL) : NULL;
}

bool symbols_line(struct symbols *s, uint64_t address, const char **file, int *line)
{
    if (!s->lines_read) {
        s->lines_read = true;
        s->dwarf = read_dwarf(s->file.elf);
        s->debug_dwarf = read_dwarf(s->debug.elf);
    }
    return line_in(s->dwarf, address, file, line) || line_in(s->debug_dwarf, address, file, line);
}
