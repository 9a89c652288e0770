/* types.h: the type of a global, from DWARF. Inside symbols/ only. */
#ifndef SYMBOLS_TYPES_H
#define SYMBOLS_TYPES_H

#include "watch.h"

/* The DIE of the variable `name` at `address`. False: no DWARF, or it is not in it. */
bool types_variable(struct symbols *s, const char *name, uint64_t address, Dwarf_Die *type);

/* ".size", "[3].count": *type becomes the part's, *offset grows by where it lies. False: there is none. */
bool types_member(Dwarf_Die *type, const char *path, uint64_t *offset);

/* The part that lies at `offset` and has `size` bytes: its path is appended to `name`. False: there is none.
 */
bool types_at(Dwarf_Die *type, uint64_t offset, uint64_t size, char *name, size_t room);

/* What it holds. */
void types_describe(Dwarf_Die *type, struct watch_type *described);

#endif
