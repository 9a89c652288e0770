/* private.h: what the parts of symbols/ share: open.c, table.c, bounds.c, plt.c, lines.c. */
#ifndef SYMBOLS_PRIVATE_H
#define SYMBOLS_PRIVATE_H

#include "symbols.h"

#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <gelf.h>
#include <libelf.h>

struct elf_file {
    int fd; /* -1: not open */
    Elf *elf;
};

struct entry {
    struct symbol symbol;
    uint64_t end; /* where it ends at the latest, if its size is not known */
    uint64_t
        reach; /* the largest end of this and all entries before: stops the search for an enclosing one */
    uint8_t binding; /* STB_ */
};

struct symbols {
    struct symbols *next;
    char *path;
    uint8_t build_id[64];
    size_t build_id_size; /* asked for */
    struct elf_file file; /* .elf NULL: could not be opened */
    struct elf_file debug;
    bool table_read, lines_read;
    struct entry *entries; /* by start */
    size_t count, room;
    struct entry **names; /* by name; NULL until asked */
    struct text *texts;   /* names we had to make */
    Dwarf *dwarf, *debug_dwarf;
    struct range *ranges; /* of functions, by start; see bounds.c */
    size_t range_count, range_room;
    bool ranges_read;
    struct { /* the variable that was asked about last: walking through DWARF takes long */
        bool known, typed;
        uint64_t start;
        Dwarf_Die type;
    } last;
};

/* Open PATH if it is an ELF file with that build-id (size 0: any). */
bool elf_file_open(struct elf_file *file, const char *path, const uint8_t *build_id, size_t size);
void elf_file_close(struct elf_file *file);
/* The build-id, or 0 bytes. */
size_t elf_build_id(Elf *elf, const uint8_t **id);

/* A string that lives as long as `s`: `length` bytes of name, then suffix. NULL: no memory. */
const char *text_keep(struct symbols *s, const char *name, size_t length, const char *suffix);
void entry_add(struct symbols *s, const struct entry *e);

/* Fill in the table: symbols, then PLT stubs. */
void table_read(struct symbols *s);
void table_free(struct symbols *s);
void plt_read(struct symbols *s);
/* The bounds of the function around the address; its name is not known here. */
bool bounds_find(struct symbols *s, uint64_t address, struct symbol *found);
/* Has the function that begins there a table of exception handlers, which are entered from anywhere? */
bool bounds_handles(struct symbols *s, uint64_t start);
void lines_free(struct symbols *s);

#endif
