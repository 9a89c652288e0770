/*
 * watch.h: what a WATCH means in a set of loaded objects: which object, where
 * in it, how long, of what type.
 *
 *     counter   libfoo.so:state   pool.size   table[3].count   counter+8/4   0xADDR/LEN
 */
#ifndef SYMBOLS_WATCH_H
#define SYMBOLS_WATCH_H

#include <elfutils/libdw.h>

#include "stores.h"
#include "trace/format.h"

struct watch_object {
    const char *path;
    uint64_t bias, start, end; /* in memory */
    bool program;              /* the program itself, not a library */
};

/* What memory holds, as far as DWARF or a symbol's size tells. */
struct watch_type {
    uint64_t size;
    uint32_t element; /* of an array; 0: it is none */
    uint8_t kind;     /* enum ft_c_kind; of an element if it is an array */
    char *names;      /* of an enumeration: "NAME=number", each ended by a NUL; the caller's to free */
    size_t names_length;
};

struct watch {
    char name[256];             /* what it is called in the trace */
    char symbol[128];           /* the object's own name; "" for an address */
    size_t object;              /* index; SIZE_MAX: none (an address) */
    bool exported;              /* other objects find it by its name */
    struct stores_target where; /* in the object's ELF file; an address: in memory */
    struct watch_type type;
    bool typed;    /* DWARF knows it: */
    Dwarf_Die die; /* the type of the whole object */
};

/*
 * Resolve `expression` (of `length` bytes). `text` gets what helps if it is not
 * found: with `near`, which takes its time, names that are near and the objects
 * searched.
 */
enum ft_c_outcome watch_find(const struct watch_object *objects, size_t count, const char *expression,
                             size_t length, bool near, struct watch *w, char *text, size_t room);

/*
 * The variable, or the part of one, that the byte at an address belongs to: "hits", "pool.size", "pool+8/4".
 * At most 8 bytes, from *start; *whole: where the variable begins. type->names is the caller's to free.
 * False: no symbol covers it. `guess`: how long a part is taken to be where no DWARF tells, 4 or 8.
 */
bool watch_at(struct symbols *s, uint64_t address, unsigned guess, char *name, size_t room,
              struct watch_type *type, uint64_t *start, uint64_t *whole);

/* The name and type of `size` bytes at an offset into w's object: "pool.size" or "pool+8/4". */
void watch_piece(const struct watch *w, uint64_t offset, uint64_t size, char *name, size_t room,
                 struct watch_type *type);

/* How many bytes of what is left the processor can watch at once: 1, 2, 4 or 8, at a multiple of that. */
static inline unsigned watch_slot(uint64_t address, uint64_t left)
{
    unsigned length = 8;
    while (length > left || address % length) length /= 2;
    return length;
}

/* How many such pieces there are, `most` at most. */
static inline unsigned watch_slots(uint64_t address, uint64_t size, unsigned most)
{
    unsigned count = 0;
    for (uint64_t done = 0; done < size && count < most; count++)
        done += watch_slot(address + done, size - done);
    return count;
}

#endif
