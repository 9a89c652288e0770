/*
 * emit.c: the code of a trampoline. For each moved instruction: itself, with
 * its rip-relative displacement corrected; and after a store
 *
 *     lea -128(%rsp), %rsp                 the red zone is the program's
 *     push %rax; push %rdx; push %rcx
 *     lahf; seto %al; push %rax            flags: 2 ns, pushf would take 6
 *     ... the value, into %rcx ...
 *     mov alive, %eax; test; jz slow       a fork nobody noticed: not this thread's page any more
 *     mov $16, %eax
 *     xadd %rax, %fs:cursor                one instruction: a signal handler gets its own entry
 *     test $0xf80, %eax; jz slow           no page yet, or it is full
 *     mov %rcx, 8(%rax)
 *     rdtsc, made into a stamp; mov into (entry): the entry counts
 *     pop %rax; add $0x7f, %al; sahf; pop %rcx; pop %rdx; pop %rax
 *     lea 128(%rsp), %rsp
 *
 * Values come from the store's source, not from memory, where another thread
 * may have been meanwhile; a store through a register is compared with the
 * watched address first.
 */
#include <stdlib.h>
#include <string.h>

#include "finder.h"

/* --- bytes ---------------------------------------------------------------------------------- */

static void put(struct job *job, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) list_add(&job->bytes, (const uint8_t *)bytes + i);
}
#define PUT(job, ...)                           \
    do {                                        \
        const uint8_t bytes_[] = {__VA_ARGS__}; \
        put(job, bytes_, sizeof bytes_);        \
    } while (0)

static void put32(struct job *job, uint32_t value) { put(job, &value, 4); }
static void put64(struct job *job, uint64_t value) { put(job, &value, 8); }

static uint32_t here(const struct job *job) { return (uint32_t)job->bytes.count; }

/* A jump or call inside this code whose 32-bit distance ends here leads to `to`. */
static void lead(struct job *job, uint32_t from, uint32_t to)
{
    uint32_t distance = to - from;
    memcpy((uint8_t *)job->bytes.items + from - 4, &distance, 4);
}

static void fix(struct job *job, enum plan_fix_kind kind, uint32_t at, uint64_t target)
{
    struct plan_fix f = {.target = target, .code = job->code, .at = at, .kind = kind};
    list_add(&job->answer->fixes, &f);
}

/* --- what a store stores -------------------------------------------------------------------- */

enum source {
    FROM_REGISTER,
    FROM_HIGH_BYTE,
    FROM_IMMEDIATE,
    FROM_VECTOR,
    FROM_BEFORE,
    FROM_SUM,
    FROM_MEMORY
};

struct shape {
    ZydisDecodedInstruction i;
    ZydisDecodedOperand o[ZYDIS_MAX_OPERAND_COUNT];
    const ZydisDecodedOperand *memory;
    enum source source;
    unsigned reg; /* 0..15 */
    uint64_t immediate;
    bool before;      /* `reg` has to be saved before it is executed */
    bool conditional; /* it has stored only if ZF is set afterwards */
    bool string;      /* it stores from (rdi before) up to (rdi after) */
    bool locked;      /* done as xadd, to know the sum */
};

static unsigned number(ZydisRegister r)
{
    ZydisRegister wide = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r);
    return (unsigned)(wide - ZYDIS_REGISTER_RAX);
}

static bool general(ZydisRegister r)
{
    ZydisRegister wide = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r);
    return wide >= ZYDIS_REGISTER_RAX && wide <= ZYDIS_REGISTER_R15;
}

#define RSP 4
#define RDI 7

static void source_operand(struct shape *s, const ZydisDecodedOperand *o)
{
    if (o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        s->source = FROM_IMMEDIATE;
        s->immediate = o->imm.is_signed ? (uint64_t)o->imm.value.s : o->imm.value.u;
    } else if (o->type == ZYDIS_OPERAND_TYPE_REGISTER && general(o->reg.value) &&
               number(o->reg.value) != RSP) {
        bool high = o->reg.value >= ZYDIS_REGISTER_AH && o->reg.value <= ZYDIS_REGISTER_BH;
        s->source = high ? FROM_HIGH_BYTE : FROM_REGISTER;
        s->reg = high ? (unsigned)(o->reg.value - ZYDIS_REGISTER_AH) : number(o->reg.value);
    }
}

/* The low 8 bytes of a vector register that legacy instructions can name. */
static void vector_operand(struct shape *s, const ZydisDecodedOperand *o)
{
    ZydisRegister r = o->type == ZYDIS_OPERAND_TYPE_REGISTER ? o->reg.value : ZYDIS_REGISTER_NONE;
    if (r >= ZYDIS_REGISTER_XMM0 && r <= ZYDIS_REGISTER_XMM15)
        s->reg = (unsigned)(r - ZYDIS_REGISTER_XMM0);
    else if (r >= ZYDIS_REGISTER_YMM0 && r <= ZYDIS_REGISTER_YMM15)
        s->reg = (unsigned)(r - ZYDIS_REGISTER_YMM0);
    else
        return source_operand(s, o); /* movd, movq of a general register's kind */
    s->source = FROM_VECTOR;
}

static void find_source(struct shape *s)
{
    switch (s->i.mnemonic) {
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_MOVNTI: source_operand(s, &s->o[1]); break;
    case ZYDIS_MNEMONIC_XCHG:
    case ZYDIS_MNEMONIC_XADD:
        source_operand(s, s->memory == &s->o[0] ? &s->o[1] : &s->o[0]);
        s->before = s->source == FROM_REGISTER;
        s->source = !s->before ? FROM_MEMORY : s->i.mnemonic == ZYDIS_MNEMONIC_XADD ? FROM_SUM : FROM_BEFORE;
        break;
    case ZYDIS_MNEMONIC_CMPXCHG:
        source_operand(s, &s->o[1]);
        s->conditional = true;
        break;
    case ZYDIS_MNEMONIC_CMPXCHG8B:
    case ZYDIS_MNEMONIC_CMPXCHG16B: s->conditional = true; break;
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_SUB:
        if (!(s->i.attributes & ZYDIS_ATTRIB_HAS_LOCK)) break;
        source_operand(s, &s->o[1]);
        s->locked = s->source == FROM_REGISTER || s->source == FROM_IMMEDIATE;
        s->source = FROM_MEMORY;
        break;
    case ZYDIS_MNEMONIC_INC:
    case ZYDIS_MNEMONIC_DEC: s->locked = s->i.attributes & ZYDIS_ATTRIB_HAS_LOCK; break;
    case ZYDIS_MNEMONIC_STOSB:
    case ZYDIS_MNEMONIC_STOSW:
    case ZYDIS_MNEMONIC_STOSD:
    case ZYDIS_MNEMONIC_STOSQ:
    case ZYDIS_MNEMONIC_MOVSB:
    case ZYDIS_MNEMONIC_MOVSW:
    case ZYDIS_MNEMONIC_MOVSQ: s->string = s->before = true; break;
    case ZYDIS_MNEMONIC_MOVSD:
        if (s->i.meta.category == ZYDIS_CATEGORY_STRINGOP)
            s->string = s->before = true;
        else
            vector_operand(s, &s->o[1]);
        break;
/* clang-format off */
#define VECTOR(name) case ZYDIS_MNEMONIC_##name: case ZYDIS_MNEMONIC_V##name:
    VECTOR(MOVSS) VECTOR(MOVD) VECTOR(MOVQ) VECTOR(MOVUPS) VECTOR(MOVAPS) VECTOR(MOVUPD) VECTOR(MOVAPD)
    VECTOR(MOVDQU) VECTOR(MOVDQA) VECTOR(MOVLPS) VECTOR(MOVLPD) VECTOR(MOVNTPS) VECTOR(MOVNTPD)
    VECTOR(MOVNTDQ) case ZYDIS_MNEMONIC_VMOVSD:
/* clang-format on */
        vector_operand(s, &s->o[1]);
        break;
    default: break; /* read back */
    }
}

static bool shape_of(const struct code *c, struct shape *s)
{
    static ZydisDecoder decoder;
    static bool ready;
    if (!ready)
        ready = ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64));
    memset(s, 0, sizeof *s);
    s->source = FROM_MEMORY;
    if (!ready || !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, c->bytes, c->length, &s->i, s->o)))
        return false;
    unsigned writes = 0;
    for (unsigned n = 0; n < s->i.operand_count; n++)
        if (s->o[n].type == ZYDIS_OPERAND_TYPE_MEMORY && s->o[n].mem.type == ZYDIS_MEMOP_TYPE_MEM &&
            s->o[n].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) {
            s->memory = &s->o[n];
            writes++;
        }
    if (!c->store) return true;
    if (writes != 1) return false;
    find_source(s);
    return true;
}

/* An instruction that changes the registers its address is made of: that address cannot be had afterwards. */
static bool changes_address(const struct shape *s)
{
    const ZydisDecodedOperand *m = s->memory;
    for (unsigned n = 0; n < s->i.operand_count; n++)
        if (s->o[n].type == ZYDIS_OPERAND_TYPE_REGISTER &&
            s->o[n].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE && general(s->o[n].reg.value) &&
            ((general(m->mem.base) && number(s->o[n].reg.value) == number(m->mem.base)) ||
             (general(m->mem.index) && number(s->o[n].reg.value) == number(m->mem.index))))
            return true;
    return false;
}

bool emit_can(const struct code *c)
{
    struct shape s;
    if (!shape_of(c, &s) || !c->size || c->size > 64 || s.i.address_width != 64) return false;
    if (s.i.meta.category == ZYDIS_CATEGORY_PUSH || s.i.meta.category == ZYDIS_CATEGORY_CALL) return false;
    bool stack = s.memory->mem.base == ZYDIS_REGISTER_RSP || s.memory->mem.base == ZYDIS_REGISTER_ESP;
    if (s.string) return s.memory->mem.base == ZYDIS_REGISTER_RDI;
    if (s.i.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPNE)) return false;
    return c->store == STORE_DIRECT || (!stack && !changes_address(&s));
}

/* --- an instruction as it was --------------------------------------------------------------- */

static void put_original(struct job *job, const struct code *c, const struct shape *s)
{
    uint32_t at = here(job);
    put(job, c->bytes, c->length);
    for (unsigned n = 0; n < s->i.operand_count; n++) {
        if (s->o[n].type != ZYDIS_OPERAND_TYPE_MEMORY || s->o[n].mem.base != ZYDIS_REGISTER_RIP) continue;
        uint64_t to = job->object->bias + c->address + c->length + (uint64_t)s->o[n].mem.disp.value;
        uint32_t behind = c->length - (s->i.raw.disp.offset + 4u); /* an immediate follows the displacement */
        fix(job, PLAN_RELATIVE, at + s->i.raw.disp.offset, to - behind);
        break;
    }
}

/* --- saving and restoring ------------------------------------------------------------------- */

/* Where things are on the stack, from rsp. */
struct frame {
    bool address; /* the store's address was pushed last */
    bool before;  /* what `reg` was before the instruction lies above all */
};
static uint8_t slot(const struct frame *f, unsigned n) { return (uint8_t)((f->address ? 8 : 0) + 8 * n); }
enum { SLOT_FLAGS, SLOT_RCX, SLOT_RDX, SLOT_RAX, SLOT_BEFORE };

static void put_before(struct job *job, const struct shape *s)
{
    unsigned reg = s->string ? RDI : s->reg;
    PUT(job, 0x48, 0x8d, 0xa4, 0x24, 0x78, 0xff, 0xff, 0xff); /* lea -136(%rsp), %rsp */
    PUT(job, (uint8_t)(0x48 | (reg >> 3) << 2), 0x89, (uint8_t)(0x04 | (reg & 7) << 3),
        0x24); /* mov reg, (%rsp) */
}

static void put_push(struct job *job, const struct frame *f)
{
    if (!f->before) PUT(job, 0x48, 0x8d, 0x64, 0x24, 0x80); /* lea -128(%rsp), %rsp */
    PUT(job, 0x50, 0x52, 0x51);                             /* push rax, rdx, rcx */
}

static void put_flags(struct job *job)
{
    PUT(job, 0x9f, 0x0f, 0x90, 0xc0, 0x50);
} /* lahf; seto al; push rax */

/* lea of the store's address into rcx: while all registers are still the program's. */
static void put_address(struct job *job, const struct shape *s)
{
    const ZydisDecodedOperand *m = s->memory;
    bool base = general(m->mem.base), index = general(m->mem.index);
    unsigned b = base ? number(m->mem.base) : 5, x = index ? number(m->mem.index) : 4;
    unsigned scale = m->mem.scale == 8 ? 3 : m->mem.scale == 4 ? 2 : m->mem.scale == 2 ? 1 : 0;
    PUT(job, (uint8_t)(0x48 | (index && x >= 8) << 1 | (base && b >= 8)), 0x8d, base ? 0x8c : 0x0c,
        (uint8_t)(scale << 6 | (x & 7) << 3 | (b & 7)));
    put32(job, (uint32_t)m->mem.disp.value);
}

static void put_restore(struct job *job, const struct frame *f)
{
    if (f->address) PUT(job, 0x48, 0x8d, 0x64, 0x24, 0x08); /* lea 8(%rsp), %rsp */
    PUT(job, 0x58, 0x04, 0x7f, 0x9e);                       /* pop rax; add $0x7f, al; sahf */
    PUT(job, 0x59, 0x5a, 0x58);                             /* pop rcx, rdx, rax */
    PUT(job, 0x48, 0x8d, 0xa4, 0x24);                       /* lea ..(%rsp), %rsp */
    put32(job, f->before ? 136 : 128);
}

/* --- the value, into rcx -------------------------------------------------------------------- */

static void load_slot(struct job *job, const struct frame *f, unsigned n)
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
static void load_memory(struct job *job, uint64_t size)
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

static void load_constant(struct job *job, uint64_t value)
{
    PUT(job, 0x48, 0xb9); /* movabs $value, %rcx */
    put64(job, value);
}

/* Not for FROM_MEMORY. */
static void load_source(struct job *job, const struct shape *s, const struct frame *f)
{
    switch (s->source) {
    case FROM_REGISTER: load_register(job, f, s->reg); break;
    case FROM_HIGH_BYTE: load_high_byte(job, f, s->reg); break;
    case FROM_IMMEDIATE:
        PUT(job, 0x48, 0xc7, 0xc1); /* mov $simm32, %rcx */
        put32(job, (uint32_t)s->immediate);
        break;
    case FROM_VECTOR: /* movq %xmm, %rcx */
        PUT(job, 0x66, (uint8_t)(0x48 | (s->reg >> 3) << 2), 0x0f, 0x7e, (uint8_t)(0xc1 | (s->reg & 7) << 3));
        break;
    case FROM_BEFORE: load_slot(job, f, SLOT_BEFORE); break;
    case FROM_SUM: load_sum(job, f, s->reg); break;
    case FROM_MEMORY: break;
    }
}

/* --- recording rcx -------------------------------------------------------------------------- */

/* What the instruction is, beyond a store: its opcode, behind the prefixes. */
static uint8_t nature(const struct code *c)
{
    bool locked = false;
    const uint8_t *b = c->bytes, *end = b + c->length;
    for (; b < end && (strchr("\xf0\xf2\xf3\x66\x2e\x36\x3e\x26\x64\x65", *b) || *b >> 4 == 4); b++)
        locked |= *b == 0xf0;
    if (end - b < 2) return 0;
    unsigned opcode = b[0], extension = b[1] >> 3 & 7;
    if (opcode == 0x86 || opcode == 0x87) locked = true; /* xchg */
    bool inc = (opcode == 0xfe || opcode == 0xff) && extension == 0;
    bool add = (opcode == 0x80 || opcode == 0x83) && extension == 0 && end[-1] == 1;
    bool subtract = (opcode == 0x80 || opcode == 0x83) && extension == 5 && end[-1] == 0xff;
    return (uint8_t)((locked ? FT_C_ATOMIC : 0) | (inc || add || subtract ? FT_C_UP : 0));
}

static uint32_t add_site(struct job *job, const struct code *c, uint32_t global, uint64_t size, uint8_t flags)
{
    struct plan_site site = {.pc = job->object->bias + c->address,
                             .global = global,
                             .size = (uint8_t)(size < 255 ? size : 0),
                             .flags = (uint8_t)(flags | nature(c))};
    list_add(&job->answer->sites, &site);
    return (uint32_t)job->answer->sites.count - 1;
}

/* Slow paths lie behind the code: jumps to them wait for it. */
#define WAITING 64
struct waiting {
    size_t count;
    struct {
        uint32_t from[2], back;
        uint32_t site;
    } slow[WAITING];
};

static void put_call(struct job *job)
{
    PUT(job, 0xe8, 0, 0, 0, 0); /* call the jump to watch_entry at the beginning of this code */
    lead(job, here(job), 0);
}

static bool put_record(struct job *job, uint32_t site, struct waiting *w)
{
    if (w->count == WAITING) return false;
    PUT(job, 0xa1); /* mov alive, %eax */
    put64(job, job->answer->question->alive);
    PUT(job, 0x85, 0xc0, 0x0f, 0x84, 0, 0, 0, 0); /* test %eax, %eax; jz slow */
    w->slow[w->count].from[0] = here(job);
    PUT(job, 0xb8, 16, 0, 0, 0, 0x64, 0x48, 0x0f, 0xc1, 0x04, 0x25); /* xadd %rax, %fs:cursor */
    put32(job, (uint32_t)job->answer->question->cursor);
    PUT(job, 0xa9, 0x80, 0x0f, 0, 0, 0x0f, 0x84, 0, 0, 0, 0); /* test $0xf80, %eax; jz slow */
    w->slow[w->count].from[1] = here(job);
    PUT(job, 0x48, 0x89, 0x48, 0x08, 0x48, 0x89, 0xc1, 0x0f,
        0x31); /* mov %rcx, 8(%rax); mov %rax, %rcx; rdtsc */
    PUT(job, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0, 0x48, 0xc1, 0xe0, 0x0c, 0x66, 0xb8, 0, 0);
    fix(job, PLAN_ID, here(job) - 2, site);
    PUT(job, 0x48, 0x89, 0x01); /* mov %rax, (%rcx) */
    w->slow[w->count].back = here(job);
    w->slow[w->count++].site = site;
    return true;
}

static void put_slow(struct job *job, const struct waiting *w)
{
    for (size_t i = 0; i < w->count; i++) {
        for (int k = 0; k < 2; k++) lead(job, w->slow[i].from[k], here(job));
        PUT(job, 0xba, 0, 0, 0, 0); /* mov $id, %edx */
        fix(job, PLAN_ID, here(job) - 4, w->slow[i].site);
        put_call(job);
        PUT(job, 0xe9, 0, 0, 0, 0);
        lead(job, here(job), w->slow[i].back);
    }
}

/* --- one store, one watch ------------------------------------------------------------------- */

static bool scalar(const struct job *job, size_t watch) { return job->targets[watch].size <= 8; }

/* Its operand names the address. */
static bool put_direct(struct job *job, const struct code *c, const struct shape *s, const struct frame *f,
                       size_t watch, struct waiting *w)
{
    const struct stores_target *t = &job->targets[watch];
    uint64_t start = c->writes < t->start ? t->start : c->writes,
             end = c->writes + c->size < t->start + t->size ? c->writes + c->size : t->start + t->size;
    if (scalar(job, watch)) {
        bool whole = c->writes == t->start && c->size >= t->size && s->source != FROM_MEMORY;
        uint32_t site =
            add_site(job, c, job_global(job, watch, 0, t->size), t->size, whole ? 0 : FT_C_READ_BACK);
        if (!whole) {
            load_constant(job, job->addresses[watch]);
            load_memory(job, t->size);
        } else
            load_source(job, s, f);
        return put_record(job, site, w);
    }
    for (uint64_t at = start; at < end; at += 8) { /* in pieces of 8 bytes */
        uint64_t size = end - at < 8 ? end - at : 8, offset = at - t->start;
        bool first = at == c->writes && s->source != FROM_MEMORY && (size == c->size || size == 8);
        uint32_t site =
            add_site(job, c, job_global(job, watch, offset, size), size, first ? 0 : FT_C_READ_BACK);
        if (!first) {
            load_constant(job, job->addresses[watch] + offset);
            load_memory(job, size);
        } else
            load_source(job, s, f);
        if (!put_record(job, site, w)) return false;
    }
    return true;
}

/* Jump over what follows; returns where its distance ends. */
static uint32_t skip_if(struct job *job, uint8_t condition)
{
    PUT(job, 0x0f, condition, 0, 0, 0, 0);
    return here(job);
}
enum { NOT_EQUAL = 0x85, EQUAL = 0x84, AT_LEAST = 0x83, AT_MOST = 0x86, BELOW = 0x82 };

static void load_rax(struct job *job, uint64_t value)
{
    PUT(job, 0x48, 0xb8);
    put64(job, value);
}

/* rdx is the offset, rcx the value: one word if both fit, else a record of its own. */
static bool put_with_offset(struct job *job, uint32_t site, uint64_t size, struct waiting *w)
{
    if (size <= 4) {
        PUT(job, 0x89, 0xc9, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09,
            0xd1); /* mov ecx,ecx; shl $32,rdx; or rdx,rcx */
        return put_record(job, site, w);
    }
    PUT(job, 0x48, 0xc1, 0xe2, 0x10, 0x66, 0xba, 0, 0); /* shl $16, %rdx; mov $id, %dx */
    fix(job, PLAN_ID, here(job) - 2, site);
    put_call(job);
    return true;
}

/* Through registers: its address is the last thing pushed. */
static bool put_followed(struct job *job, const struct code *c, const struct shape *s, const struct frame *f,
                         size_t watch, struct waiting *w)
{
    const struct stores_target *t = &job->targets[watch];
    uint64_t address = job->addresses[watch];
    bool exact = s->source != FROM_MEMORY && (scalar(job, watch) ? c->size == t->size : c->size <= 8), done;
    uint32_t site =
        add_site(job, c, job_global(job, watch, 0, t->size), c->size < 8 ? c->size : 8,
                 (uint8_t)((exact ? 0 : FT_C_READ_BACK) | (scalar(job, watch) ? 0 : FT_C_OFFSET)));
    uint32_t from;
    PUT(job, 0x48, 0x8b, 0x0c, 0x24); /* mov (%rsp), %rcx */
    if (scalar(job, watch) && exact) {
        load_rax(job, address);
        PUT(job, 0x48, 0x39, 0xc1); /* cmp %rax, %rcx */
        from = skip_if(job, NOT_EQUAL);
        load_source(job, s, f);
        done = put_record(job, site, w);
    } else if (scalar(job, watch)) {
        load_rax(job, address - (c->size - 1u));
        PUT(job, 0x48, 0x29, 0xc1, 0x48, 0x81, 0xf9); /* sub %rax, %rcx; cmp $.., %rcx */
        put32(job, (uint32_t)t->size + c->size - 1);
        from = skip_if(job, AT_LEAST);
        load_constant(job, address);
        load_memory(job, t->size);
        done = put_record(job, site, w);
    } else {
        load_rax(job, address);
        PUT(job, 0x48, 0x29, 0xc1, 0x48, 0x81, 0xf9);
        put32(job, (uint32_t)t->size);
        from = skip_if(job, AT_LEAST);
        PUT(job, 0x48, 0x89, 0xca); /* mov %rcx, %rdx */
        if (exact)
            load_source(job, s, f);
        else {
            PUT(job, 0x48, 0x8b, 0x0c, 0x24);
            load_memory(job, c->size);
        }
        done = put_with_offset(job, site, c->size, w);
    }
    lead(job, from, here(job));
    return done;
}

/* Each element from rcx, or the object's first, up to rdi, or the object's end; rax is the object's address.
 */
static bool put_elements(struct job *job, const struct code *c, size_t watch, uint32_t site)
{
    PUT(job, 0x48, 0x39, 0xc1, 0x73, 0x03, 0x48, 0x89, 0xc1); /* cmp rax, rcx; jae +3; mov rax, rcx */
    PUT(job, 0x51);                                           /* push rcx: where we are */
    uint32_t loop = here(job);
    load_rax(job, job->addresses[watch]);
    PUT(job, 0x48, 0x89, 0xca, 0x48, 0x29, 0xc2);       /* rdx = rcx - rax */
    PUT(job, 0x48, 0xc1, 0xe2, 0x10, 0x66, 0xba, 0, 0); /* shl $16, rdx; mov $id, dx */
    fix(job, PLAN_ID, here(job) - 2, site);
    load_memory(job, c->size);
    put_call(job);
    PUT(job, 0x48, 0x8b, 0x0c, 0x24, 0x48, 0x83, 0xc1, (uint8_t)c->size); /* mov (rsp), rcx; add $size, rcx */
    PUT(job, 0x48, 0x89, 0x0c, 0x24, 0x48, 0x39, 0xf9);                   /* mov rcx, (rsp); cmp rdi, rcx */
    uint32_t end = skip_if(job, AT_LEAST);
    load_rax(job, job->addresses[watch] + job->targets[watch].size);
    PUT(job, 0x48, 0x39, 0xc1); /* cmp rax, rcx */
    lead(job, skip_if(job, BELOW), loop);
    lead(job, end, here(job));
    PUT(job, 0x59); /* pop rcx */
    return true;
}

/* From where rdi was up to where it is. */
static bool put_string(struct job *job, const struct code *c, const struct frame *f, size_t watch,
                       struct waiting *w)
{
    const struct stores_target *t = &job->targets[watch];
    uint64_t address = job->addresses[watch];
    bool whole = scalar(job, watch), done;
    uint32_t site = add_site(job, c, job_global(job, watch, 0, t->size), c->size,
                             (uint8_t)(FT_C_READ_BACK | (whole ? 0 : FT_C_OFFSET)));
    uint32_t skips[3];
    load_slot(job, f, SLOT_BEFORE);
    PUT(job, 0x48, 0x39, 0xf9); /* cmp %rdi, %rcx: rep with a count of 0 stores nothing */
    skips[0] = skip_if(job, EQUAL);
    load_rax(job, address + t->size);
    PUT(job, 0x48, 0x39, 0xc1); /* cmp %rax, %rcx */
    skips[1] = skip_if(job, AT_LEAST);
    load_rax(job, address);
    PUT(job, 0x48, 0x39, 0xc7); /* cmp %rax, %rdi */
    skips[2] = skip_if(job, AT_MOST);
    if (whole) {
        load_constant(job, address);
        load_memory(job, t->size);
        done = put_record(job, site, w);
    } else
        done = put_elements(job, c, watch, site);
    for (int i = 0; i < 3; i++) lead(job, skips[i], here(job));
    return done;
}

/* --- lock add, sub, inc, dec ---------------------------------------------------------------- */

/*
 * As lock xadd, which tells what was there before; then the same operation on
 * registers, for its flags (inc and dec leave CF as it was) and the result.
 */
static bool put_locked(struct job *job, const struct code *c, const struct shape *s, size_t watch,
                       struct waiting *w)
{
    const struct frame f = {0};
    ZydisMnemonic m = s->i.mnemonic;
    bool one = m == ZYDIS_MNEMONIC_INC || m == ZYDIS_MNEMONIC_DEC,
         down = m == ZYDIS_MNEMONIC_SUB || m == ZYDIS_MNEMONIC_DEC;
    uint8_t wide = c->size == 1 ? 0 : 1;
    put_push(job, &f);
    if (one) PUT(job, 0x0f, 0x92, 0xc2, 0xb9, 1, 0, 0, 0); /* setb %dl; mov $1, %ecx */
    if (!one && s->o[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        PUT(job, 0x48, 0xc7, 0xc1);
        put32(job, (uint32_t)s->o[1].imm.value.u);
    } else if (!one) /* mov reg, %rcx: nothing has been overwritten yet */
        PUT(job, (uint8_t)(0x48 | (s->reg >> 3) << 2), 0x89, (uint8_t)(0xc1 | (s->reg & 7) << 3));
    if (down) PUT(job, 0x48, 0xf7, 0xd9); /* neg %rcx */
    PUT(job, 0x48, 0x89, 0xc8, 0xf0);     /* mov %rcx, %rax; lock */
    if (c->size == 2) PUT(job, 0x66);
    if (c->size == 8) PUT(job, 0x48);
    PUT(job, 0x0f, (uint8_t)(0xc0 | wide), 0x05, 0, 0, 0, 0); /* xadd %rax, address(%rip) */
    fix(job, PLAN_RELATIVE, here(job) - 4, job->object->bias + c->writes);
    if (down) PUT(job, 0x48, 0xf7, 0xd9);
    if (one) PUT(job, 0x0f, 0xba, 0xe2, 0x00); /* bt $0, %edx: CF */
    if (c->size == 2) PUT(job, 0x66);
    if (c->size == 8) PUT(job, 0x48);
    if (one)
        PUT(job, (uint8_t)(0xfe | wide), down ? 0xc8 : 0xc0);
    else
        PUT(job, (uint8_t)((down ? 0x28 : 0x00) | wide), 0xc8); /* op %rcx, %rax */
    PUT(job, 0x48, 0x89, 0xc1);                                 /* mov %rax, %rcx */
    put_flags(job);
    const struct stores_target *t = &job->targets[watch];
    uint64_t offset = scalar(job, watch) ? 0 : c->writes - t->start;
    uint32_t site = add_site(job, c, job_global(job, watch, offset, c->size), c->size, 0);
    bool done = put_record(job, site, w);
    put_restore(job, &f);
    return done;
}

/* The one watch whose value the sum is; SIZE_MAX: there is none, or more than one. */
static size_t locked_watch(const struct job *job, const struct code *c, const struct shape *s)
{
    size_t found = SIZE_MAX;
    if (!s->locked || c->store != STORE_DIRECT || c->size > 8) return SIZE_MAX;
    for (size_t i = 0; i < job->count; i++) {
        const struct stores_target *t = &job->targets[i];
        if (!job_concerns(job, c, i)) continue;
        bool fits = scalar(job, i) ? c->writes == t->start && c->size == t->size
                                   : c->writes >= t->start && c->writes + c->size <= t->start + t->size;
        if (found != SIZE_MAX || !fits) return SIZE_MAX;
        found = i;
    }
    return found;
}

/* --- a region ------------------------------------------------------------------------------- */

static bool put_store(struct job *job, const struct code *c, const struct shape *s, struct waiting *w)
{
    struct frame f = {.before = s->before};
    bool done = true;
    size_t locked = locked_watch(job, c, s);
    if (locked != SIZE_MAX) return put_locked(job, c, s, locked, w);
    if (s->before) put_before(job, s);
    put_original(job, c, s);
    uint32_t unless = s->conditional ? skip_if(job, NOT_EQUAL) : 0;
    put_push(job, &f);
    if (c->store == STORE_FOLLOWED && !s->string) put_address(job, s);
    put_flags(job);
    if (c->store == STORE_FOLLOWED && !s->string) {
        PUT(job, 0x51); /* push %rcx */
        f.address = true;
    }
    for (size_t i = 0; i < job->count && done; i++) {
        if (!job_concerns(job, c, i)) continue;
        done = s->string                  ? put_string(job, c, &f, i, w)
               : c->store == STORE_DIRECT ? put_direct(job, c, s, &f, i, w)
                                          : put_followed(job, c, s, &f, i, w);
    }
    put_restore(job, &f);
    if (unless) lead(job, unless, here(job));
    return done;
}

bool emit_region(struct job *job, const struct code *code, size_t count)
{
    static struct waiting w; /* large */
    struct answer *a = job->answer;
    size_t bytes = job->bytes.count, fixes = a->fixes.count, sites = a->sites.count;
    bool done = true;
    w.count = 0;
    for (size_t i = 0; i < count && done; i++) {
        struct shape s;
        done = shape_of(&code[i], &s);
        if (done && code[i].store)
            done = put_store(job, &code[i], &s, &w);
        else if (done)
            put_original(job, &code[i], &s);
    }
    const struct code *last = &code[count - 1];
    PUT(job, 0xe9, 0, 0, 0, 0); /* back */
    fix(job, PLAN_RELATIVE, here(job) - 4, job->object->bias + last->address + last->length);
    put_slow(job, &w);
    if (!done) job->bytes.count = bytes, a->fixes.count = fixes, a->sites.count = sites;
    return done;
}
