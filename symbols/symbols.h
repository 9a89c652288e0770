/*
 * symbols.h: names, lines and bounds of what lies at an address of an ELF
 * object, and back. For readers of a trace: it trusts no file, but it
 * allocates and does I/O (not for traced processes).
 *
 * Addresses are those of the ELF file: address in memory - bias. A return
 * address may already belong to the next function: ask for address - 1.
 */
#ifndef SYMBOLS_H
#define SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbols; /* of one object */

struct symbol {
    const char
        *name; /* without version, mangled as it is; NULL: the function's bounds are known, its name is not */
    uint64_t start, size; /* size 0: unknown */
    bool data;            /* an object, not a function */
    bool plt;             /* a stub that jumps to `name` of another object */
    bool startup;         /* the compiler's crtstuff.c defines it, in every program: `completed.0` */
};

/* From now on files are mapped, which is quicker: for programs that may die of one that is truncated
 * meanwhile. */
void symbols_map_files(void);

/*
 * The symbols of the object at PATH; NULL if it cannot be read or is no ELF
 * file, or if its build-id is not build_id[size] (it was replaced since; size 0:
 * not checked). Asked again, the answer comes from a cache: it is valid until
 * symbols_close_all. Tables are read when first needed.
 */
struct symbols *symbols_open(const char *path, const uint8_t *build_id, size_t size);
void symbols_close_all(void);

/* What lies at the address: from .symtab (also of a separate debug file), else .dynsym, PLT stubs, .eh_frame.
 */
bool symbols_find(struct symbols *s, uint64_t address, struct symbol *found);

/*
 * The name alone, "fork@plt" for a stub; *offset: how far into it. NULL if there is none; then
 * *offset is how far into the nameless function, or the address itself if not even that is known.
 */
const char *symbols_name(struct symbols *s, uint64_t address, uint64_t *offset);

/*
 * "app::Server::counter" for a mangled name of C++ or Rust, without parameters; any other as it is. Valid as
 * long as `name` and until symbols_close_all.
 */
const char *symbols_spoken(const char *name);

/* Source file and line, if there is DWARF; of what C++'s or Rust's own library inlined, those of the call.
 * The file's name is the compiler's, usually absolute. */
bool symbols_line(struct symbols *s, uint64_t address, const char **file, int *line);

/* Where a function or object of that name is defined. */
bool symbols_address(struct symbols *s, const char *name, struct symbol *found);

/* What the file holds at an address of it: initialised data, code. false: not (all of) it is in the file. */
bool symbols_bytes(struct symbols *s, uint64_t address, void *bytes, size_t size);
/* The same place as an offset in the file. */
bool symbols_file_offset(struct symbols *s, uint64_t address, uint64_t *offset);
/* The lowest address the file is loaded at; false: nothing of it is. */
bool symbols_first_address(struct symbols *s, uint64_t *address);
bool symbols_section(struct symbols *s, const char *name); /* ".note.go.buildid" */
/* Will the loader load a library for it (DT_NEEDED) whose name begins so: "libasan.so". */
bool symbols_needs(struct symbols *s, const char *library);

#endif
