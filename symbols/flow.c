/*
 * flow.c: what the instructions of a function do to the registers that may
 * hold a watched object's address, and which of them are entered by branches.
 */
#include "search.h"

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

/* --- one instruction ------------------------------------------------------------------------ */

static uint16_t bit(ZydisRegister r)
{
    ZydisRegister wide = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r);
    return wide >= ZYDIS_REGISTER_RAX && wide <= ZYDIS_REGISTER_R15
               ? (uint16_t)(1u << (wide - ZYDIS_REGISTER_RAX))
               : 0;
}

uint64_t flow_in_object(const struct search *s, uint64_t address, uint64_t off)
{
    uint64_t targets = 0;
    for (size_t i = 0; i < s->target_count; i++) {
        const struct stores_target *t = &s->targets[i];
        if (t->here && address - (t->object - off) < t->object_size + 2 * off) targets |= 1ull << i;
    }
    return targets;
}

static uint64_t is_slot(const struct search *s, uint64_t address)
{
    for (size_t i = 0; i < s->slots; i++)
        if (s->slot[i].address == address) return s->slot[i].targets;
    return 0;
}

static bool is_watched(const struct search *s, uint64_t address, uint64_t size)
{
    for (size_t i = 0; i < s->target_count; i++)
        if (s->targets[i].here && overlaps(address, size, s->targets[i].start, s->targets[i].size))
            return true;
    return false;
}

/* The address of a memory operand that does not depend on registers. */
static bool constant_address(const ZydisDecodedInstruction *i, const ZydisDecodedOperand *o, uint64_t at,
                             uint64_t *address)
{
    bool rip = o->mem.base == ZYDIS_REGISTER_RIP;
    if ((!rip && o->mem.base != ZYDIS_REGISTER_NONE) || o->mem.index != ZYDIS_REGISTER_NONE) return false;
    *address = (uint64_t)o->mem.disp.value + (rip ? at + i->length : 0);
    return true;
}

static void memory_operand(const struct search *s, const ZydisDecodedInstruction *i,
                           const ZydisDecodedOperand *o, struct code *c, struct flow *f)
{
    uint64_t address = 0;
    bool constant = constant_address(i, o, c->address, &address);
    if (o->mem.segment == ZYDIS_REGISTER_FS || o->mem.segment == ZYDIS_REGISTER_GS) return;
    if (o->mem.type == ZYDIS_MEMOP_TYPE_AGEN) { /* lea */
        if (constant) f->constant = address;
        if (constant || s->absolute)
            f->takes = flow_in_object(s, constant ? address : (uint64_t)o->mem.disp.value, 0);
        f->from |= bit(o->mem.base) | bit(o->mem.index);
        return;
    }
    if (o->actions & ZYDIS_OPERAND_ACTION_MASK_READ && constant && i->mnemonic == ZYDIS_MNEMONIC_MOV)
        f->takes = is_slot(s, address);
    if (o->actions & ZYDIS_OPERAND_ACTION_MASK_READ && i->mnemonic == ZYDIS_MNEMONIC_MOV && o->size == 64)
        f->loads = true;
    if (!(o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)) return;
    c->size = (uint16_t)(o->size / 8);
    if (constant) {
        c->writes = address;
        if (is_watched(s, address, c->size ? c->size : 1)) c->store = STORE_DIRECT;
        return;
    }
    f->addressing = bit(o->mem.base) | bit(o->mem.index);
    /* table(,%reg,4): its displacement is the object's address, or a little off */
    c->targets = s->absolute ? flow_in_object(s, (uint64_t)o->mem.disp.value, WIDEST) : 0;
    if (c->targets) c->store = STORE_FOLLOWED;
}

static void register_operand(const ZydisDecodedInstruction *i, const ZydisDecodedOperand *o, struct flow *f)
{
    uint16_t r = bit(o->reg.value);
    if (o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) {
        if (o->actions & ZYDIS_OPERAND_ACTION_WRITE) f->kills |= r; /* cmov may leave it as it is */
        if (o->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT) f->to |= r;
    }
    bool keeps = i->mnemonic == ZYDIS_MNEMONIC_MOV || i->mnemonic == ZYDIS_MNEMONIC_ADD ||
                 i->mnemonic == ZYDIS_MNEMONIC_SUB || i->mnemonic == ZYDIS_MNEMONIC_XCHG ||
                 (i->mnemonic >= ZYDIS_MNEMONIC_CMOVB && i->mnemonic <= ZYDIS_MNEMONIC_CMOVZ) ||
                 i->mnemonic == ZYDIS_MNEMONIC_INC || i->mnemonic == ZYDIS_MNEMONIC_DEC ||
                 i->meta.category == ZYDIS_CATEGORY_STRINGOP;
    if (keeps && o->actions & ZYDIS_OPERAND_ACTION_MASK_READ) f->from |= r;
    if (i->meta.category == ZYDIS_CATEGORY_STRINGOP && r == 1u << 7 /* rdi goes on */) f->to |= r;
}

#define CALLER_SAVED 0x0fc7 /* rax rcx rdx rsi rdi r8-r11 */

static void branch(const ZydisDecodedInstruction *i, const ZydisDecodedOperand *o, struct code *c,
                   struct flow *f)
{
    ZydisInstructionCategory kind = i->meta.category;
    bool jump = kind == ZYDIS_CATEGORY_UNCOND_BR || kind == ZYDIS_CATEGORY_COND_BR;
    if (kind == ZYDIS_CATEGORY_CALL) f->kills |= CALLER_SAVED, f->to = f->takes = 0;
    if (jump && o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
        f->target = c->address + i->length + o->imm.value.u;
    else if (jump) {
        f->indirect = true;
        f->through = o->type == ZYDIS_OPERAND_TYPE_REGISTER ? bit(o->reg.value) : 0;
    }
    f->stops = kind == ZYDIS_CATEGORY_UNCOND_BR || kind == ZYDIS_CATEGORY_RET ||
               i->mnemonic == ZYDIS_MNEMONIC_UD2 || i->mnemonic == ZYDIS_MNEMONIC_HLT;
    c->fixed |= jump || kind == ZYDIS_CATEGORY_CALL || kind == ZYDIS_CATEGORY_RET ||
                kind == ZYDIS_CATEGORY_SYSCALL || kind == ZYDIS_CATEGORY_INTERRUPT ||
                kind == ZYDIS_CATEGORY_SYSTEM ||
                i->mnemonic == ZYDIS_MNEMONIC_ENDBR64; /* has to be where indirect calls lead */
}

bool flow_decode(struct search *s, const uint8_t *bytes, size_t left, uint64_t address, struct code *c,
                 struct flow *f)
{
    ZydisDecodedInstruction i;
    ZydisDecodedOperand o[ZYDIS_MAX_OPERAND_COUNT];
    *c = (struct code){.address = address, .bytes = bytes};
    *f = (struct flow){0};
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&s->decoder, bytes, left, &i, o))) return false;
    c->length = i.length;
    for (unsigned n = 0; n < i.operand_count; n++) {
        if (o[n].type == ZYDIS_OPERAND_TYPE_MEMORY)
            memory_operand(s, &i, &o[n], c, f);
        else if (o[n].type == ZYDIS_OPERAND_TYPE_REGISTER)
            register_operand(&i, &o[n], f);
        else if (o[n].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && s->absolute &&
                 i.mnemonic == ZYDIS_MNEMONIC_MOV && !f->takes) {
            f->takes = flow_in_object(s, o[n].imm.value.u, 0);
            f->constant = o[n].imm.value.u;
        }
    }
    if (!f->to && i.mnemonic == ZYDIS_MNEMONIC_MOV) f->escapes = f->takes; /* put into memory */
    if (!f->to) f->takes = 0;
    branch(&i, o, c, f);
    return true;
}

/* --- one function --------------------------------------------------------------------------- */

static size_t index_of(const struct code *code, size_t count, uint64_t address)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (code[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void flow_target(struct code *code, size_t count, uint64_t address)
{
    uint64_t end = code[count - 1].address + code[count - 1].length;
    if (address < code[0].address || address >= end) return;
    size_t to = index_of(code, count, address);
    if (to < count && code[to].address == address)
        code[to].entered = true;
    else if (to)
        code[to - 1].into = (uint8_t)(address - code[to - 1].address);
}

bool flow_targets(struct code *code, const struct flow *flow, size_t count)
{
    bool indirect = false;
    for (size_t i = 0; i < count; i++) {
        indirect |= flow[i].indirect;
        code[i].follows = i && !flow[i - 1].stops;
        if (flow[i].target) flow_target(code, count, flow[i].target);
    }
    return indirect;
}

void flow_follow(const struct code *code, struct flow *flow, size_t count)
{
    bool changed = true;
    for (int pass = 0; changed && pass < 16; pass++) {
        changed = false;
        uint16_t anywhere = 0;
        for (size_t i = 0; i < count; i++)
            if (flow[i].indirect) anywhere |= flow[i].out;
        for (size_t i = 0; i < count; i++) {
            struct flow *f = &flow[i];
            if (i && !flow[i - 1].stops) f->in |= flow[i - 1].out;
            if (i && flow[i - 1].stops && !code[i].entered) f->in |= anywhere; /* a case of a switch */
            uint16_t out = (f->in & (uint16_t)~f->kills) | (f->takes || f->in & f->from ? f->to : 0);
            changed |= out != f->out;
            f->out = out;
            size_t to = f->target ? index_of(code, count, f->target) : count;
            if (to < count && code[to].address == f->target && (flow[to].in | out) != flow[to].in) {
                flow[to].in |= out;
                changed = true;
            }
        }
    }
}
