/*
 * shape.c: what an instruction that stores is, and where its value can be had:
 * in its source, best, for memory is where another thread may have been
 * meanwhile.
 */
#include <string.h>

#include "emit.h"

unsigned shape_number(ZydisRegister r)
{
    ZydisRegister wide = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r);
    return (unsigned)(wide - ZYDIS_REGISTER_RAX);
}

bool shape_general(ZydisRegister r)
{
    ZydisRegister wide = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r);
    return wide >= ZYDIS_REGISTER_RAX && wide <= ZYDIS_REGISTER_R15;
}

static void source_operand(struct shape *s, const ZydisDecodedOperand *o)
{
    if (o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        s->source = FROM_IMMEDIATE;
        s->immediate = o->imm.is_signed ? (uint64_t)o->imm.value.s : o->imm.value.u;
    } else if (o->type == ZYDIS_OPERAND_TYPE_REGISTER && shape_general(o->reg.value) &&
               shape_number(o->reg.value) != RSP) {
        bool high = o->reg.value >= ZYDIS_REGISTER_AH && o->reg.value <= ZYDIS_REGISTER_BH;
        s->source = high ? FROM_HIGH_BYTE : FROM_REGISTER;
        s->reg = high ? (unsigned)(o->reg.value - ZYDIS_REGISTER_AH) : shape_number(o->reg.value);
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

bool shape_of(const struct code *c, struct shape *s)
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
            s->o[n].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE && shape_general(s->o[n].reg.value) &&
            ((shape_general(m->mem.base) && shape_number(s->o[n].reg.value) == shape_number(m->mem.base)) ||
             (shape_general(m->mem.index) && shape_number(s->o[n].reg.value) == shape_number(m->mem.index))))
            return true;
    return false;
}

bool emit_can_leave(const struct code *c, bool calls)
{
    struct shape s;
    if (!shape_of(c, &s)) return false;
    switch (s.i.meta.category) {
    case ZYDIS_CATEGORY_COND_BR: /* not loop and jrcxz: they reach no further than 128 bytes */
        return (c->bytes[0] & 0xf0) == 0x70 || (c->bytes[0] == 0x0f && (c->bytes[1] & 0xf0) == 0x80);
    case ZYDIS_CATEGORY_UNCOND_BR: return c->bytes[0] == 0xeb || c->bytes[0] == 0xe9;
    case ZYDIS_CATEGORY_CALL: return calls && c->bytes[0] == 0xe8;
    case ZYDIS_CATEGORY_RET: return c->bytes[0] == 0xc3 || (c->bytes[0] == 0xf3 && c->bytes[1] == 0xc3);
    default: return false;
    }
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
