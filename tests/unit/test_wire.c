/* test_wire.c: fields of Protocol Buffers, byte by byte as their encoding guide has them. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/export/wire.h"

static struct wire w;

static void free_it(void) { wire_free(&w); }

TestSuite(wire, .fini = free_it);

static void expect_bytes(const void *bytes, size_t count)
{
    cr_assert(!w.failed);
    cr_assert_eq(w.used, count, "%zu bytes, not %zu", w.used, count);
    cr_expect_eq(memcmp(w.bytes, bytes, count), 0);
    w.used = 0;
}
#define EXPECT(...) \
    expect_bytes((const unsigned char[]){__VA_ARGS__}, sizeof(const unsigned char[]){__VA_ARGS__})

Test(wire, numbers_take_seven_bits_a_byte)
{
    wire_uint(&w, 1, 150), EXPECT(0x08, 0x96, 0x01);
    wire_uint(&w, 1, 0), EXPECT(0x08, 0x00);
    wire_uint(&w, 1, 127), EXPECT(0x08, 0x7f);
    wire_uint(&w, 16, 128), EXPECT(0x80, 0x01, 0x80, 0x01);
    wire_uint(&w, 2, (uint64_t)-2), EXPECT(0x10, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01);
}

Test(wire, eight_bytes_begin_with_the_lowest)
{
    wire_fixed64(&w, 3, 0x0102030405060708), EXPECT(0x19, 8, 7, 6, 5, 4, 3, 2, 1);
    wire_double(&w, 3, 1.0), EXPECT(0x19, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f);
}

Test(wire, texts_and_messages_have_their_length_in_front)
{
    wire_string(&w, 2, "testing"), EXPECT(0x12, 7, 't', 'e', 's', 't', 'i', 'n', 'g');
    size_t outer = wire_open(&w, 3), inner = wire_open(&w, 4);
    wire_uint(&w, 1, 150);
    wire_close(&w, inner), wire_close(&w, outer), EXPECT(0x1a, 5, 0x22, 3, 0x08, 0x96, 0x01);
    wire_close(&w, wire_open(&w, 3)), EXPECT(0x1a, 0);
}

/* The length is written when it is known, and moves what it stands before by as many bytes as it takes. */
Test(wire, long_messages_are_moved_whole)
{
    for (size_t length = 120; length < 40000; length = 2 * length + 1) {
        char *text = malloc(length);
        memset(text, 'x', length);
        size_t opened = wire_open(&w, 1);
        wire_bytes(&w, 2, text, length);
        wire_close(&w, opened);
        size_t of_text = length < 128 ? 1 : length < 16384 ? 2 : 3, size = 1 + of_text + length;
        size_t of_size = size < 128 ? 1 : size < 16384 ? 2 : 3;
        cr_assert(!w.failed);
        cr_expect_eq(w.used, 1 + of_size + size, "%zu", length);
        cr_expect_eq(w.bytes[0], 0x0a);
        cr_expect_eq(w.bytes[1 + of_size], 0x12);
        cr_expect_eq(memcmp(w.bytes + w.used - length, text, length), 0);
        w.used = 0;
        free(text);
    }
}
