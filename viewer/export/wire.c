/* wire.c: the wire format of Protocol Buffers; see wire.h. */
#include "wire.h"

#include <stdlib.h>
#include <string.h>

enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, VARINT_MOST = 10 };

/* Room for so many bytes more, or NULL. */
static unsigned char *more(struct wire *w, size_t count)
{
    if (w->used + count > w->room) {
        size_t room = 2 * w->room + count + 256;
        unsigned char *bytes = realloc(w->bytes, room);
        if (!bytes) {
            w->failed = true;
            return NULL;
        }
        w->bytes = bytes;
        w->room = room;
    }
    return w->bytes + w->used;
}

/* Seven bits a byte, the lowest first; all but the last have their top bit set. */
static size_t varint(unsigned char *at, uint64_t value)
{
    size_t n = 0;
    for (; value >= 0x80; value >>= 7) at[n++] = (unsigned char)(value | 0x80);
    at[n++] = (unsigned char)value;
    return n;
}

static void number(struct wire *w, uint64_t value)
{
    unsigned char *at = more(w, VARINT_MOST);
    if (at) w->used += varint(at, value);
}

static void raw(struct wire *w, const void *bytes, size_t length)
{
    unsigned char *at = more(w, length);
    if (!at || !length) return;
    memcpy(at, bytes, length);
    w->used += length;
}

static void tag(struct wire *w, unsigned field, unsigned type) { number(w, (uint64_t)field << 3 | type); }

void wire_uint(struct wire *w, unsigned field, uint64_t value)
{
    tag(w, field, VARINT);
    number(w, value);
}

void wire_fixed64(struct wire *w, unsigned field, uint64_t value)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(value >> 8 * i);
    tag(w, field, FIXED64);
    raw(w, bytes, sizeof bytes);
}

void wire_double(struct wire *w, unsigned field, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    wire_fixed64(w, field, bits);
}

void wire_bytes(struct wire *w, unsigned field, const void *bytes, size_t length)
{
    tag(w, field, LENGTH);
    number(w, length);
    raw(w, bytes, length);
}

void wire_string(struct wire *w, unsigned field, const char *string)
{
    wire_bytes(w, field, string, strlen(string));
}

size_t wire_open(struct wire *w, unsigned field)
{
    tag(w, field, LENGTH);
    return w->used;
}

/* Most are short: their length takes a byte or two, so they are moved once they are whole. */
void wire_close(struct wire *w, size_t opened)
{
    unsigned char length[VARINT_MOST], *at = more(w, VARINT_MOST);
    if (!at || w->failed) return;
    size_t size = w->used - opened, n = varint(length, size);
    memmove(w->bytes + opened + n, w->bytes + opened, size);
    memcpy(w->bytes + opened, length, n);
    w->used += n;
}

void wire_free(struct wire *w)
{
    free(w->bytes);
    *w = (struct wire){0};
}
