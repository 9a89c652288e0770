/*
 * types.c: walking the DWARF types of a global, with libdw.
 */
#define _GNU_SOURCE
#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"
#include "types.h"

#define DEEP  16   /* typedefs, members in members: no end of them in a hostile file */
#define NAMES 3800 /* bytes of enumerators: a record's worth */

/* --- finding -------------------------------------------------------------------------------- */

static bool lies_at(Dwarf_Die *variable, uint64_t address)
{
    Dwarf_Attribute attribute, indexed;
    Dwarf_Op *op;
    Dwarf_Addr found;
    size_t count;
    if (!dwarf_attr_integrate(variable, DW_AT_location, &attribute) ||
        dwarf_getlocation(&attribute, &op, &count) || count != 1)
        return false;
    if (op->atom == DW_OP_addr) return op->number == address;
    return op->atom == DW_OP_addrx && /* DWARF 5, clang: a number in .debug_addr */
           !dwarf_getlocation_attr(&attribute, op, &indexed) && !dwarf_formaddr(&indexed, &found) &&
           found == address;
}

static bool in_unit(Dwarf_Die *unit, const char *name, uint64_t address, Dwarf_Die *type)
{
    Dwarf_Die child;
    Dwarf_Attribute attribute;
    if (dwarf_child(unit, &child)) return false;
    do {
        const char *its;
        int tag = dwarf_tag(&child);
        if (tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block || tag == DW_TAG_namespace) {
            if (in_unit(&child, name, address, type)) return true; /* static inside a function */
            continue;
        }
        if (tag != DW_TAG_variable || !(its = dwarf_diename(&child))) continue;
        size_t length = strlen(its);            /* the symbol of a function's static is name.123 */
        bool mangled = !strncmp(name, "_Z", 2); /* C++: its place says it */
        if (!mangled && (strncmp(its, name, length) || (name[length] && name[length] != '.'))) continue;
        if (lies_at(&child, address) && dwarf_attr_integrate(&child, DW_AT_type, &attribute) &&
            dwarf_formref_die(&attribute, type))
            return true;
    } while (!dwarf_siblingof(&child, &child));
    return false;
}

static bool in_dwarf(Dwarf *dwarf, const char *name, uint64_t address, Dwarf_Die *type)
{
    Dwarf_CU *cu = NULL;
    Dwarf_Die unit;
    uint8_t kind;
    while (dwarf && !dwarf_get_units(dwarf, cu, &cu, NULL, &kind, &unit, NULL))
        if (kind == DW_UT_compile && in_unit(&unit, name, address, type)) return true;
    return false;
}

bool types_variable(struct symbols *s, const char *name, uint64_t address, Dwarf_Die *type)
{
    const char *file;
    int line;
    symbols_line(s, 0, &file, &line); /* opens the DWARF */
    return in_dwarf(s->dwarf, name, address, type) || in_dwarf(s->debug_dwarf, name, address, type);
}

/* --- walking -------------------------------------------------------------------------------- */

/* Past typedef, const, volatile. */
static bool peel(Dwarf_Die *type)
{
    Dwarf_Attribute attribute;
    for (int i = 0; i < DEEP; i++) {
        switch (dwarf_tag(type)) {
        case DW_TAG_typedef:
        case DW_TAG_const_type:
        case DW_TAG_volatile_type:
        case DW_TAG_atomic_type:
            if (!dwarf_attr_integrate(type, DW_AT_type, &attribute) || !dwarf_formref_die(&attribute, type))
                return false;
            break;
        default: return true;
        }
    }
    return false;
}

static uint64_t size_of(Dwarf_Die *type)
{
    Dwarf_Word size;
    return dwarf_aggregate_size(type, &size) ? 0 : size;
}

static bool type_of(Dwarf_Die *die, Dwarf_Die *type)
{
    Dwarf_Attribute attribute;
    return dwarf_attr_integrate(die, DW_AT_type, &attribute) && dwarf_formref_die(&attribute, type) &&
           peel(type);
}

static uint64_t member_offset(Dwarf_Die *member)
{
    Dwarf_Attribute attribute;
    Dwarf_Word offset;
    return dwarf_attr_integrate(member, DW_AT_data_member_location, &attribute) &&
                   !dwarf_formudata(&attribute, &offset)
               ? offset
               : 0;
}

static bool is_record(Dwarf_Die *type)
{
    int tag = dwarf_tag(type);
    return tag == DW_TAG_structure_type || tag == DW_TAG_union_type || tag == DW_TAG_class_type;
}

/* A member by name, also of the nameless structs and unions in it. */
static bool member(Dwarf_Die *type, const char *name, size_t length, uint64_t *offset, int depth)
{
    Dwarf_Die child;
    if (depth > DEEP || !is_record(type) || dwarf_child(type, &child)) return false;
    do {
        Dwarf_Die inner;
        if (dwarf_tag(&child) != DW_TAG_member || !type_of(&child, &inner)) continue;
        const char *its = dwarf_diename(&child);
        if (its && strlen(its) == length && !memcmp(its, name, length)) {
            *offset += member_offset(&child);
            *type = inner;
            return true;
        }
        uint64_t deeper = *offset + member_offset(&child);
        if (!its && member(&inner, name, length, &deeper, depth + 1)) {
            *offset = deeper;
            *type = inner;
            return true;
        }
    } while (!dwarf_siblingof(&child, &child));
    return false;
}

bool types_member(Dwarf_Die *type, const char *path, uint64_t *offset)
{
    for (int i = 0; *path; i++) {
        if (i > DEEP || !peel(type)) return false;
        if (*path == '.') {
            size_t length = strcspn(++path, ".[");
            if (!member(type, path, length, offset, 0)) return false;
            path += length;
        } else if (*path == '[') {
            char *end;
            uint64_t index = strtoull(path + 1, &end, 0), whole = size_of(type);
            if (*end != ']' || dwarf_tag(type) != DW_TAG_array_type || !type_of(type, type)) return false;
            uint64_t each = size_of(type);
            if (!each || index >= whole / each) return false;
            *offset += index * each;
            path = end + 1;
        } else
            return false;
    }
    return peel(type);
}

static bool part_at(Dwarf_Die *type, uint64_t offset, uint64_t size, char *name, size_t room, int depth)
{
    size_t used = strlen(name);
    if (depth > DEEP || !peel(type)) return false;
    uint64_t whole = size_of(type);
    if (dwarf_tag(type) == DW_TAG_array_type) {
        Dwarf_Die element;
        uint64_t each;
        if (!type_of(type, &element) || !(each = size_of(&element)) || offset >= whole) return false;
        snprintf(name + used, room - used, "[%llu]", (unsigned long long)(offset / each));
        *type = element;
        return part_at(type, offset % each, size, name, room, depth + 1);
    }
    if (!is_record(type)) return !offset && whole == size;
    Dwarf_Die child;
    if (dwarf_child(type, &child)) return false;
    do {
        Dwarf_Die inner;
        if (dwarf_tag(&child) != DW_TAG_member || !type_of(&child, &inner)) continue;
        uint64_t start = member_offset(&child), its = size_of(&inner);
        if (offset < start || offset + size > start + its) continue;
        const char *called = dwarf_diename(&child);
        if (called) snprintf(name + used, room - used, ".%s", called);
        if (part_at(&inner, offset - start, size, name, room, depth + 1)) {
            *type = inner;
            return true;
        }
        name[used] = 0;
    } while (!dwarf_siblingof(&child, &child));
    return false;
}

bool types_at(Dwarf_Die *type, uint64_t offset, uint64_t size, char *name, size_t room)
{
    return part_at(type, offset, size, name, room, 0);
}

/* --- describing ----------------------------------------------------------------------------- */

static void enumerators(Dwarf_Die *type, struct watch_type *d)
{
    Dwarf_Die child;
    size_t length;
    FILE *out = open_memstream(&d->names, &length);
    if (!out) return;
    if (!dwarf_child(type, &child)) do {
            Dwarf_Attribute attribute;
            Dwarf_Sword number;
            const char *name = dwarf_diename(&child);
            if (name && dwarf_attr_integrate(&child, DW_AT_const_value, &attribute) &&
                !dwarf_formsdata(&attribute, &number) && ftell(out) < NAMES)
                fprintf(out, "%.200s=%lld%c", name, (long long)number, 0);
        } while (!dwarf_siblingof(&child, &child));
    fclose(out);
    d->names_length = length;
}

static uint8_t kind_of(Dwarf_Die *type)
{
    Dwarf_Attribute attribute;
    Dwarf_Word encoding = 0;
    switch (dwarf_tag(type)) {
    case DW_TAG_pointer_type:
    case DW_TAG_reference_type: return FT_C_KIND_pointer;
    case DW_TAG_enumeration_type: return FT_C_KIND_enumeration;
    case DW_TAG_base_type:
        if (!dwarf_attr_integrate(type, DW_AT_encoding, &attribute) || dwarf_formudata(&attribute, &encoding))
            return FT_C_KIND_raw;
        switch (encoding) {
        case DW_ATE_boolean: return FT_C_KIND_boolean;
        case DW_ATE_float: return size_of(type) <= 8 ? FT_C_KIND_real : FT_C_KIND_raw;
        case DW_ATE_signed:
        case DW_ATE_signed_char: return FT_C_KIND_signed;
        case DW_ATE_unsigned:
        case DW_ATE_unsigned_char: return FT_C_KIND_unsigned;
        default: return FT_C_KIND_raw;
        }
    default: return FT_C_KIND_raw;
    }
}

void types_describe(Dwarf_Die *type, struct watch_type *d)
{
    Dwarf_Die element;
    if (!peel(type)) return;
    d->size = size_of(type);
    if (dwarf_tag(type) == DW_TAG_array_type) {
        for (int i = 0; i < DEEP && dwarf_tag(type) == DW_TAG_array_type && type_of(type, &element); i++)
            *type = element;
        d->element = (uint32_t)size_of(type);
        d->kind = kind_of(type);
        const char *name = dwarf_diename(type);
        if (d->element == 1 && name && strstr(name, "char")) d->kind = FT_C_KIND_chars;
    } else
        d->kind = kind_of(type);
    if (d->kind == FT_C_KIND_enumeration) enumerators(type, d);
}
