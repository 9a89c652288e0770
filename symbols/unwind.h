/*
 * unwind.h: the stack of another process, from its registers and a copy of the
 * top of its stack: by the unwind tables of its ELF files, as they are mapped
 * now. For readers: allocates, does I/O.
 *
 * Only x86-64: elsewhere no frame is found.
 */
#ifndef UNWIND_H
#define UNWIND_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct unwind; /* the objects of one process image */

/* Registers at the first instruction of a function, and the memory from sp on. */
struct unwind_state {
    uint64_t ip, sp, bp, bx, r12, r13, r14, r15;
    const void *stack;
    size_t size;
};

/* The objects that are mapped now; NULL: the process is gone, or no memory. */
struct unwind *unwind_open(pid_t pid);
void unwind_close(struct unwind *u);

/* Return addresses, innermost (the caller of that function) first; their number, at most `room`. */
size_t unwind_frames(struct unwind *u, const struct unwind_state *state, uint64_t *pcs, size_t room);

/* The object an address lies in; NULL: in none that was mapped when it was opened. */
struct unwind_object {
    const char *path; /* valid until unwind_close */
    uint64_t start, end, bias;
    const uint8_t *build_id;
    size_t build_id_size;
};
const struct unwind_object *unwind_object(struct unwind *u, uint64_t address, struct unwind_object *found);
/* All of them. */
void unwind_each(struct unwind *u, void (*visit)(void *context, const struct unwind_object *object),
                 void *context);

#endif
