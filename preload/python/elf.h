/* elf.h: exported symbols of a loaded object without the loader's lock. */
#ifndef PYTHON_ELF_H
#define PYTHON_ELF_H

#include <link.h>
#include <stdbool.h>

/* The address of a defined dynamic symbol, or NULL. Async-signal-safe. The object must stay loaded. */
void *elf_symbol(const struct link_map *map, const char *name);

/*
 * What a file uses of an interpreter, by name: `api`, a struct of pointers, and api_find(map), which fills it
 * in; false if one is missing. FUNCTIONS(X) lists X(result, name, parameters), OBJECTS(X) X(name).
 */
#define ELF_API(FUNCTIONS, OBJECTS)                  \
    static struct {                                  \
        FUNCTIONS(ELF_FUNCTION) OBJECTS(ELF_OBJECT)  \
    } api;                                           \
    static bool api_find(const struct link_map *map) \
    {                                                \
        FUNCTIONS(ELF_FIND_FUNCTION)                 \
        OBJECTS(ELF_FIND_OBJECT)                     \
        return true;                                 \
    }
#define ELF_FUNCTION(result, name, parameters) result(*name) parameters;
#define ELF_OBJECT(name)                       void *name;
#define ELF_FIND_FUNCTION(result, name, parameters) \
    if (!(api.name = (result(*) parameters)elf_symbol(map, #name))) return false;
#define ELF_FIND_OBJECT(name) \
    if (!(api.name = elf_symbol(map, #name))) return false;

#endif
