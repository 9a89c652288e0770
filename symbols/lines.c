/*
 * lines.c: source lines through libdw, where the object or its separate debug
 * file has DWARF.
 */
#define _GNU_SOURCE
#include "private.h"

#include <dwarf.h>

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

static bool line_in(Dwarf *dwarf, uint64_t address, const char **file, int *line)
{
    Dwarf_Die unit;
    if (!dwarf || !unit_of(dwarf, address, &unit)) return false;
    Dwarf_Line *found = dwarf_getsrc_die(&unit, address);
    return found && (*file = dwarf_linesrc(found, NULL, NULL)) && !dwarf_lineno(found, line) && *line > 0;
}

bool symbols_line(struct symbols *s, uint64_t address, const char **file, int *line)
{
    if (!s->lines_read) {
        s->lines_read = true;
        s->dwarf = dwarf_begin_elf(s->file.elf, DWARF_C_READ, NULL);
        if (s->debug.elf) s->debug_dwarf = dwarf_begin_elf(s->debug.elf, DWARF_C_READ, NULL);
    }
    return line_in(s->dwarf, address, file, line) || line_in(s->debug_dwarf, address, file, line);
}
