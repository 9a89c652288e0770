/* elf.h: exported symbols of a loaded object without the loader's lock. */
#ifndef PYTHON_ELF_H
#define PYTHON_ELF_H

#include <link.h>

/* The address of a defined dynamic symbol, or NULL. Async-signal-safe. The object must stay loaded. */
void *elf_symbol(const struct link_map *map, const char *name);

#endif
