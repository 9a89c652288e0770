/*
 * save.c: what a trampoline saves and restores of the program's registers and
 * flags, and the value that was stored, into rcx.
 */
#include "emit.h"

/* --- saving and restoring ------------------------------------------------------------------- */

void put_before(struct job *job, const struct shape *s)
{
    unsigned reg = s->string ? RDI : s->reg;
    PUT(job, 0x48, 0x8d, 0xa4, 0x24, 0x78, 0xff, 0xff, 0xff); /* lea -136(%rsp), %rsp */
    stack_grows(job, 136);
    PUT(job, (uint8_t)(0x48 | (reg >> 3) << 2), 0x89, (uint8_t)(0x04 | (reg & 7) << 3),
        0x24); /* mov reg, (%rsp) */
}

/* A push or a pop. */
static void put_byte(struct job *job, uint8_t code, int by)
{
    PUT(job, code);
    stack_grows(job, by);
}

void put_push(struct job *job, const struct frame *f)
{
    if (!f->before) {
        PUT(job, 0x48, 0x8d, 0x64, 0x24, 0x80); /* lea -128(%rsp), %rsp */
        stack_grows(job, 128);
    }
    put_byte(job, 0x50, 8); /* push rax, rdx, rcx */
    put_byte(job, 0x52, 8);
    put_byte(job, 0x51, 8);
}

void put_flags(struct job *job)
{
    PUT(job, 0x9f, 0x0f, 0x90, 0xc0); /* lahf; seto al */
    put_byte(job, 0x50, 8);           /* push rax */
}

/* lea of the store's address into rcx: while all registers are still the program's. */
void put_address(struct job *job, const struct shape *s)
{
    const ZydisDecodedOperand *m = s->memory;
    bool base = shape_general(m->mem.base), index = shape_general(m->mem.index);
    unsigned b = base ? shape_number(m->mem.base) : 5, x = index ? shape_number(m->mem.index) : 4;
    unsigned scale = m->mem.scale == 8 ? 3 : m->mem.scale == 4 ? 2 : m->mem.scale == 2 ? 1 : 0;
    PUT(job, (uint8_t)(0x48 | (index && x >= 8) << 1 | (base && b >= 8)), 0x8d, base ? 0x8c : 0x0c,
        (uint8_t)(scale << 6 | (x & 7) << 3 | (b & 7)));
    code_put32(job, (uint32_t)m->mem.disp.value);
}

void put_restore(struct job *job, const struct frame *f)
{
    if (f->address) {
        PUT(job, 0x48, 0x8d, 0x64, 0x24, 0x08); /* lea 8(%rsp), %rsp */
        stack_grows(job, -8);
    }
    put_byte(job, 0x58, -8);    /* pop rax */
    PUT(job, 0x04, 0x7f, 0x9e); /* add $0x7f, al; sahf */
    put_byte(job, 0x59, -8);    /* pop rcx, rdx, rax */
    put_byte(job, 0x5a, -8);
    put_byte(job, 0x58, -8);
    int rest = f->before ? 136 : 128;
    PUT(job, 0x48, 0x8d, 0xa4, 0x24); /* lea ..(%rsp), %rsp */
    code_put32(job, (uint32_t)rest);
    stack_grows(job, -rest);
}

/* --- the value, into rcx -------------------------------------------------------------------- */

void load_slot(struct job *job, const struct frame *f, unsigned n)
{
    PUT(job, 0x48, 0x8b, 0x4c, 0x24, slot(f, n)); /* mov n(%rsp), %rcx */
}

static void load_register(struct job *job, const struct frame *f, unsigned reg)
{
    if (reg == 0)
        load_slot(job, f, SLOT_RAX);
    else if (reg == 1)
        load_slot(job, f, SLOT_RCX);
    else if (reg == 2)
        load_slot(job, f, SLOT_RDX);
    else
        PUT(job, (uint8_t)(0x48 | (reg >> 3) << 2), 0x89,
            (uint8_t)(0xc1 | (reg & 7) << 3)); /* mov reg, %rcx */
}

static void load_high_byte(struct job *job, const struct frame *f, unsigned reg)
{
    static const uint8_t where[] = {SLOT_RAX, SLOT_RCX, SLOT_RDX};
    if (reg < 3)
        PUT(job, 0x0f, 0xb6, 0x4c, 0x24, (uint8_t)(slot(f, where[reg]) + 1)); /* movzbl n+1(%rsp), %ecx */
    else
        PUT(job, 0x0f, 0xb6, 0xcf); /* movzbl %bh, %ecx */
}

static void load_sum(struct job *job, const struct frame *f, unsigned reg)
{
    static const uint8_t where[] = {SLOT_RAX, SLOT_RCX, SLOT_RDX};
    load_slot(job, f, SLOT_BEFORE);
    if (reg < 3)
        PUT(job, 0x48, 0x03, 0x4c, 0x24, slot(f, where[reg])); /* add n(%rsp), %rcx */
    else
        PUT(job, (uint8_t)(0x48 | (reg >> 3) << 2), 0x01,
            (uint8_t)(0xc1 | (reg & 7) << 3)); /* add reg, %rcx */
}

/* From (%rcx), as many bytes as a power of two can have. */
void load_memory(struct job *job, uint64_t size)
{
    if (size >= 8)
        PUT(job, 0x48, 0x8b, 0x09);
    else if (size >= 4)
        PUT(job, 0x8b, 0x09);
    else if (size >= 2)
        PUT(job, 0x0f, 0xb7, 0x09);
    else
        PUT(job, 0x0f, 0xb6, 0x09);
}

void load_constant(struct job *job, uint64_t value)
{
    PUT(job, 0x48, 0xb9); /* movabs $value, %rcx */
    code_put64(job, value);
}

/* Not for FROM_MEMORY. */
void load_source(struct job *job, const struct shape *s, const struct frame *f)
{
    switch (s->source) {
    case FROM_REGISTER: load_register(job, f, s->reg); break;
    case FROM_HIGH_BYTE: load_high_byte(job, f, s->reg); break;
    case FROM_IMMEDIATE:
        PUT(job, 0x48, 0xc7, 0xc1); /* mov $simm32, %rcx */
        code_put32(job, (uint32_t)s->immediate);
        break;
    case FROM_VECTOR: /* movq %xmm, %rcx */
        PUT(job, 0x66, (uint8_t)(0x48 | (s->reg >> 3) << 2), 0x0f, 0x7e, (uint8_t)(0xc1 | (s->reg & 7) << 3));
        break;
    case FROM_BEFORE: load_slot(job, f, SLOT_BEFORE); break;
    case FROM_SUM: load_sum(job, f, s->reg); break;
    case FROM_MEMORY: break;
    }
}
void load_rax(struct job *job, uint64_t value)
{
    PUT(job, 0x48, 0xb8);
    code_put64(job, value);
}
