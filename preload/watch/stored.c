/*
 * stored.c: see stored.h. A breakpoint of the processor tells that its place was
 * written, not how: how far the store went, and what it stored, before others did.
 *
 * Instructions are told from their end: each length is tried, the longest
 * first, for a store that ends there and reaches the place, by the registers
 * as they are. Of those only what could be a prefix is in doubt: it may be the
 * last byte of the instruction before.
 */
#define _GNU_SOURCE
#include "preload/watch/stored.h"

#if defined __x86_64__

#include <string.h>
#include <ucontext.h>

#include "preload/readable.h"
#include "trace/format.h"

#define LONGEST 15

enum source { CHANGED, REGISTER, IMMEDIATE }; /* what is stored: some result, or what is known */

/* What one of the tables below says of an opcode. */
struct form {
    uint32_t size;     /* bytes stored; 0: none */
    uint8_t immediate; /* bytes behind the address */
    uint8_t source;    /* enum source */
    bool lockable, atomic, masked, up;
    bool bits; /* the register is the number of a bit, counted from the address on */
};

/* An instruction as far as it was read. */
struct code {
    const uint8_t *at, *end;
    const long long *registers;
    uint8_t rex, extension; /* W R X B; the middle of ModRM */
    bool narrow, lock, f2, f3, has_rex;
    bool masked;     /* EVEX */
    unsigned vector; /* bytes of its vector registers; 0: no VEX or EVEX */
    unsigned each;   /* what an 8-bit displacement counts; 0: bytes */
    uint64_t address;
};

static bool more(const struct code *c, unsigned bytes) { return c->end - c->at >= (int)bytes; }
static bool wide(const struct code *c) { return c->rex & 8; }
static unsigned word(const struct code *c) { return wide(c) ? 8 : c->narrow ? 2 : 4; }

static uint64_t of_register(const struct code *c, unsigned number)
{
    static const uint8_t place[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                      REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return (uint64_t)c->registers[place[number & 15]];
}

static int64_t number(const struct code *c, unsigned bytes)
{
    int8_t byte;
    int16_t two;
    int32_t four;
    switch (bytes) {
    case 1: return memcpy(&byte, c->at, 1), byte;
    case 2: return memcpy(&two, c->at, 2), two;
    default: return memcpy(&four, c->at, 4), four;
    }
}

/* --- opcodes ------------------------------------------------------------------------------------ */

static struct form arithmetic(const struct code *c, uint8_t op)
{
    unsigned size = op & 1 ? word(c) : 1, immediate = op == 0x81 ? (c->narrow ? 2 : 4) : 1;
    struct form f = {.size = c->extension == 7 ? 0 : size, .immediate = (uint8_t)immediate, .lockable = true};
    if (immediate == 1)
        f.up = (c->extension == 0 && c->end[-1] == 1) || (c->extension == 5 && c->end[-1] == 0xff);
    return f;
}

static struct form x87(const struct code *c, uint8_t op)
{
    static const uint8_t sizes[4][8] = {/* d9, db, dd, df */
                                        {0, 0, 4, 4, 0, 0, 28, 2},
                                        {0, 4, 4, 4, 0, 0, 0, 10},
                                        {0, 8, 8, 8, 0, 0, 108, 2},
                                        {0, 2, 2, 2, 0, 0, 10, 8}};
    return (struct form){.size = sizes[op >> 1 & 3][c->extension]};
}

static struct form one_byte(const struct code *c, uint8_t op)
{
    unsigned size = op & 1 ? word(c) : 1, extension = c->extension;
    switch (op) {
    case 0x88:
    case 0x89: return (struct form){.size = size, .source = REGISTER};
    case 0xc6:
    case 0xc7:
        return (struct form){
            .size = extension ? 0 : size, .immediate = (uint8_t)(size == 8 ? 4 : size), .source = IMMEDIATE};
    case 0x86:
    case 0x87: return (struct form){.size = size, .lockable = true, .atomic = true};
    case 0x80:
    case 0x81:
    case 0x83: return arithmetic(c, op);
    case 0xc0:
    case 0xc1: return (struct form){.size = size, .immediate = 1};
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3: return (struct form){.size = size};
    case 0xf6:
    case 0xf7: return (struct form){.size = extension == 2 || extension == 3 ? size : 0, .lockable = true};
    case 0xfe:
    case 0xff: return (struct form){.size = extension < 2 ? size : 0, .lockable = true, .up = !extension};
    case 0x8c: return (struct form){.size = 2};
    case 0xd9:
    case 0xdb:
    case 0xdd:
    case 0xdf: return x87(c, op);
    default: break;
    }
    if (op < 0x38 && (op & 7) < 2) return (struct form){.size = size, .lockable = true};
    return (struct form){0};
}

/* Stores of a vector register: the same opcodes with SSE, VEX and EVEX. */
static unsigned vector_store(const struct code *c, uint8_t op)
{
    unsigned whole = c->vector ? c->vector : 16;
    bool mmx = !c->vector && !c->narrow && !c->f3 && !c->f2;
    switch (op) {
    case 0x11: return c->f3 ? 4 : c->f2 ? 8 : whole;
    case 0x13:
    case 0x17: return 8;
    case 0x29:
    case 0x2b: return whole;
    case 0x7f:
    case 0xe7: return mmx ? 8 : whole;
    case 0x7e: return c->f3 ? 0 : wide(c) ? 8 : 4;
    case 0xd6: return c->narrow ? 8 : 0;
    default: return 0;
    }
}

static struct form behind_0f(const struct code *c, uint8_t op)
{
    struct form change = {.size = op & 1 ? word(c) : 1, .lockable = true};
    unsigned vector = vector_store(c, op);
    if (vector) return (struct form){.size = vector, .masked = c->masked};
    if (c->vector) return (struct form){0};
    if (op >> 4 == 9) return (struct form){.size = 1};
    switch (op) {
    case 0xc3: return (struct form){.size = word(c), .source = REGISTER};
    case 0xb0:
    case 0xb1:
    case 0xc0:
    case 0xc1: return change;
    case 0xc7: return (struct form){.size = c->extension == 1 ? wide(c) ? 16 : 8 : 0, .lockable = true};
    case 0xab:
    case 0xb3:
    case 0xbb: return (struct form){.size = word(c), .lockable = true, .bits = true};
    case 0xba: return (struct form){.size = c->extension > 4 ? word(c) : 0, .immediate = 1, .lockable = true};
    case 0xa4:
    case 0xac: return (struct form){.size = word(c), .immediate = 1};
    case 0xa5:
    case 0xad: return (struct form){.size = word(c)};
    case 0xae: return (struct form){.size = c->extension == 3 ? 4 : 0};
    default: return (struct form){0};
    }
}

static struct form behind_0f38(const struct code *c, uint8_t op)
{
    bool some = op == 0x2e || op == 0x2f || op == 0x8e; /* vmaskmov, vpmaskmov */
    if (c->vector) return (struct form){.size = some ? c->vector : 0, .masked = true};
    return (struct form){.size = op == 0xf1 && !c->f2 ? word(c) : 0}; /* movbe */
}

static struct form behind_0f3a(const struct code *c, uint8_t op)
{
    unsigned size = 0;
    if (op >= 0x14 && op <= 0x17) size = op == 0x14 ? 1 : op == 0x15 ? 2 : op == 0x16 && wide(c) ? 8 : 4;
    if (c->vector && (op == 0x19 || op == 0x39)) size = 16;
    if (c->vector && (op == 0x1b || op == 0x3b)) size = 32;
    return (struct form){.size = size, .immediate = 1, .masked = c->masked};
}

/* --- an instruction ----------------------------------------------------------------------------- */

static void read_prefixes(struct code *c)
{
    for (; more(c, 1); c->at++) {
        if (*c->at == 0x66)
            c->narrow = true;
        else if (*c->at == 0xf0)
            c->lock = true;
        else if (*c->at == 0xf2)
            c->f2 = true;
        else if (*c->at == 0xf3)
            c->f3 = true;
        else
            break;
    }
    c->has_rex = more(c, 1) && *c->at >> 4 == 4;
    if (c->has_rex) c->rex = *c->at++ & 15;
}

/* The opcode map (0f: 1, 0f38: 2, 0f3a: 3) that a VEX or EVEX prefix names, 0: there is none, or a bad one.
 */
static unsigned read_vex(struct code *c)
{
    const uint8_t *b = c->at;
    unsigned map = 1, kind;
    if (*b == 0xc5 && more(c, 2)) {
        c->rex = ~b[1] >> 5 & 4;
        kind = b[1];
        c->vector = 16u << (kind >> 2 & 1);
        c->at += 2;
    } else if (*b == 0xc4 && more(c, 3)) {
        c->rex = (uint8_t)((~b[1] >> 5 & 7) | (b[2] >> 4 & 8));
        map = b[1] & 31;
        kind = b[2];
        c->vector = 16u << (kind >> 2 & 1);
        c->at += 3;
    } else if (*b == 0x62 && more(c, 4)) {
        c->rex = (uint8_t)((~b[1] >> 5 & 7) | (b[2] >> 4 & 8));
        map = b[1] & 7;
        kind = b[2];
        c->vector = 16u << (b[3] >> 5 & 3);
        c->masked = b[3] & 7;
        c->each = 1;
        c->at += 4;
        if (c->vector > 64) return 0;
    } else
        return 0;
    c->narrow = (kind & 3) == 1;
    c->f3 = (kind & 3) == 2;
    c->f2 = (kind & 3) == 3;
    return map;
}

static struct form read_opcode(struct code *c)
{
    struct form nothing = {0};
    unsigned map = 0;
    if (!more(c, 2)) return nothing;
    if (*c->at == 0xc4 || *c->at == 0xc5 || *c->at == 0x62) {
        if (c->has_rex || c->lock || !(map = read_vex(c)) || map > 3) return nothing;
    } else if (*c->at == 0x0f) {
        c->at++;
        map = *c->at == 0x38 ? 2 : *c->at == 0x3a ? 3 : 1;
        c->at += map > 1;
    }
    if (!more(c, 2) || c->at[1] >> 6 == 3) return nothing; /* between registers */
    uint8_t op = *c->at++;
    c->extension = *c->at >> 3 & 7;
    switch (map) {
    case 0: return one_byte(c, op);
    case 1: return behind_0f(c, op);
    case 2: return behind_0f38(c, op);
    default: return behind_0f3a(c, op);
    }
}

/* From ModRM on. Segment and 32-bit addresses: none of ours. */
static bool read_address(struct code *c)
{
    unsigned mod = *c->at >> 6, base = *c->at & 7, displacement = mod == 1 ? 1 : mod == 2 ? 4 : 0;
    bool at_pc = !mod && base == 5;
    c->at++;
    c->address = 0;
    if (base == 4) {
        if (!more(c, 1)) return false;
        unsigned index = (*c->at >> 3 & 7) | (c->rex & 2) << 2, scale = *c->at >> 6;
        base = *c->at++ & 7;
        if (index != 4) c->address = of_register(c, index) << scale;
        if (!mod && base == 5)
            displacement = 4;
        else
            c->address += of_register(c, base | (c->rex & 1) << 3);
    } else if (at_pc) {
        displacement = 4;
        c->address = (uintptr_t)c->end;
    } else
        c->address = of_register(c, base | (c->rex & 1) << 3);
    if (!displacement) return true;
    if (!more(c, displacement)) return false;
    c->address += (uint64_t)number(c, displacement) * (displacement == 1 && c->each ? c->each : 1);
    c->at += displacement;
    return true;
}

static uint64_t source(const struct code *c, const struct form *f)
{
    unsigned from = c->extension | (c->rex & 4) << 1;
    bool high = f->size == 1 && !c->has_rex && from >= 4 && from < 8; /* ah, ch, dh, bh */
    uint64_t value = f->source == IMMEDIATE ? (uint64_t)number(c, f->immediate)
                     : high                 ? of_register(c, from - 4) >> 8
                                            : of_register(c, from);
    return f->size < 8 ? value & ((1ull << 8 * f->size) - 1) : value;
}

/* What a string instruction wrote last: up to 64 bytes of a repeated one, in one go. */
static struct stored string_store(const struct code *c, unsigned size)
{
    bool down = c->registers[REG_EFL] & 0x400, repeated = c->f2 || c->f3;
    uint64_t rdi = (uint64_t)c->registers[REG_RDI];
    struct stored s = {.size = repeated ? 64 : size, .whole = !repeated};
    s.at = down ? rdi + size : rdi - s.size;
    return s;
}

/* movs and stos, and mov to an address in the instruction. */
static bool without_address(const struct code *c, struct stored *s)
{
    uint8_t op = *c->at;
    unsigned size = op & 1 ? word(c) : 1;
    if (c->lock) return false;
    if (op >> 1 == 0xa2 >> 1 && c->end - c->at == 9) {
        *s = (struct stored){.size = size, .whole = true};
        memcpy(&s->at, c->at + 1, 8);
        return true;
    }
    if (c->end - c->at != 1 || (op >> 1 != 0xa4 >> 1 && op >> 1 != 0xaa >> 1)) return false;
    *s = string_store(c, size);
    return true;
}

/* Is all of [start, end) one store? */
static bool decode(const uint8_t *start, const uint8_t *end, const long long *registers, struct stored *s)
{
    struct code c = {.at = start, .end = end, .registers = registers};
    read_prefixes(&c);
    if (!more(&c, 1)) return false;
    if (without_address(&c, s)) return true;
    struct form f = read_opcode(&c);
    if (!f.size || (c.lock && !f.lockable)) return false;
    if (c.each) c.each = f.size;
    if (!read_address(&c) || end - c.at != f.immediate) return false;
    if (f.bits) {
        int64_t bit = (int64_t)of_register(&c, c.extension | (c.rex & 4) << 1);
        if (f.size < 8) bit = f.size == 4 ? (int32_t)bit : (int16_t)bit;
        c.address += (uint64_t)((bit >> (f.size == 8 ? 6 : f.size == 4 ? 5 : 4)) * (int64_t)f.size);
    }
    *s = (struct stored){.at = c.address, .size = f.size, .whole = !f.masked, .known = f.source != CHANGED};
    if (s->known) s->value = source(&c, &f);
    s->flags = (uint8_t)((c.lock || f.atomic ? FT_C_ATOMIC : 0) | (f.up ? FT_C_UP : 0));
    return true;
}

/* --- from the end ------------------------------------------------------------------------------- */

/* May the byte at `b` be the displacement of a load or the like before it, as in `mov -0x10(%rbp), %eax`? */
static bool may_be_displacement(const uint8_t *b, const uint8_t *first)
{
    static const char loads[] =
        "\x8b\x89\x8d\x03\x01\x2b\x29\x33\x31\x23\x21\x0b\x09\x3b\x39\x63\xb6\xb7\xbe\xbf";
    if (b - first >= 2 && b[-1] >> 6 == 1 && (b[-1] & 7) != 4 && strchr(loads, b[-2]) && b[-2]) return true;
    return b - first >= 3 && b[-2] >> 6 == 1 && (b[-2] & 7) == 4 && b[-3] && strchr(loads, b[-3]);
}

static bool is_prefix(uint8_t byte)
{
    return byte >> 4 == 4 || byte == 0x66 || byte == 0x0f || byte >> 2 == 0xf0 >> 2;
}

/* What is not a store may seem to reach over the end of its page. */
static bool agrees(const struct stored *s)
{
    uint64_t now = 0, last = s->at + s->size - 1;
    if ((s->at ^ last) >> 12 && !(readable((void *)(uintptr_t)s->at) && readable((void *)(uintptr_t)last)))
        return false;
    memcpy(&now, (const void *)(uintptr_t)s->at, s->size);
    return now == s->value;
}

bool stored_before(const uint8_t *end, const long long *registers, uint64_t hit, unsigned length,
                   struct stored *s)
{
    const uint8_t *first = end - LONGEST - 3, *page = (const uint8_t *)((uintptr_t)(end - 1) & ~4095ul);
    bool found = false;
    struct stored one;
    if (first < page && !readable(first)) first = page;
    for (const uint8_t *start = end - LONGEST < first ? first : end - LONGEST; start < end; start++) {
        if (!decode(start, end, registers, &one)) continue;
        if (hit - one.at >= one.size && one.at - hit >= length) continue;
        if (is_prefix(*start) && may_be_displacement(start, first)) continue;
        bool sure = !one.known || agrees(&one);
        if (sure || !found) *s = one;
        found = true;
        if (sure) return true;
    }
    return found;
}

#endif
