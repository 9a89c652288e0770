/*
 * wire.h: messages of Protocol Buffers, written field by field into memory:
 * https://protobuf.dev/programming-guides/encoding/.
 *
 * What we write needs five kinds of fields and no reading: this much is less
 * than what a library would bring (protobuf-c: a compiler at build time, a
 * shared library at run time, and a .proto of our own to feed it).
 */
#ifndef EXPORT_WIRE_H
#define EXPORT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A message, or some of its fields. Zeroed, it is empty. */
struct wire {
    unsigned char *bytes;
    size_t used, room;
    bool failed; /* memory ran out: what is in it is not whole */
};

void wire_uint(struct wire *w, unsigned field,
               uint64_t value); /* uint32, uint64, bool, enum, int64 as it is */
void wire_fixed64(struct wire *w, unsigned field, uint64_t value);
void wire_double(struct wire *w, unsigned field, double value);
void wire_bytes(struct wire *w, unsigned field, const void *bytes, size_t length); /* string, message */
void wire_string(struct wire *w, unsigned field, const char *string);              /* must be UTF-8 */
/* A message in it: what is written between the two is its fields. */
size_t wire_open(struct wire *w, unsigned field);
void wire_close(struct wire *w, size_t opened);
void wire_free(struct wire *w);

#endif
