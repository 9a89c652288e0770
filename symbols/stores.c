/*
 * stores.c: finding the functions that may store to a range, and following
 * the object's address through their registers.
 *
 * A register "holds" the address from the instruction that loads it (lea, a
 * load from the GOT, an absolute immediate) along every path on which it is
 * copied or added to, until it is overwritten. Too many stores found this way
 * are no error: each is checked when it runs.
 */
#define _GNU_SOURCE
#include "stores.h"

#include <stdlib.h>
#include <string.h>

#include "private.h"

#define WIDEST    64 /* bytes a store may begin before the range */
#define FUNCTION  (1u << 20)
#define SLOTS_MAX 64

struct search {
    struct symbols *symbols;
    const struct stores_target *targets;
    size_t target_count;
    struct slot { /* of the GOT: it holds the address of a target's object */
        uint64_t address;
        uint64_t targets;
    } slot[SLOTS_MAX];
    size_t slots;
    bool absolute; /* not position-independent: addresses are immediates */
    bool landings; /* it has exception tables: handlers are entered from anywhere */
    struct stores_counts *counts;
    stores_visit *visit;
    void *context;
    ZydisDecoder decoder;
    uint64_t done; /* end of the function looked at last */
    struct code *code;
    struct flow *flow;
    size_t room;
};

/* What an instruction does to the registers that hold the address; bit n: register n. */
struct flow {
    uint16_t in, out; /* before and after it */
    uint16_t kills;   /* it overwrites */
    uint16_t from;    /* if one of these holds it, `to` does afterwards */
    uint16_t to;
    uint64_t takes;       /* `to` does in any case: whose address it is; bit n: target n */
    uint16_t addressing;  /* registers in the address it stores to */
    bool stops, indirect; /* control does not go on behind it; it may go anywhere */
    uint64_t target;      /* of a branch, or 0 */
};

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

/* The targets whose object this is in, or a little off. */
static uint64_t in_object(const struct search *s, uint64_t address, uint64_t off)
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
        if (constant || s->absolute)
            f->takes = in_object(s, constant ? address : (uint64_t)o->mem.disp.value, 0);
        f->from |= bit(o->mem.base) | bit(o->mem.index);
        return;
    }
    if (o->actions & ZYDIS_OPERAND_ACTION_MASK_READ && constant && i->mnemonic == ZYDIS_MNEMONIC_MOV)
        f->takes = is_slot(s, address);
    if (!(o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)) return;
    c->size = (uint16_t)(o->size / 8);
    if (constant) {
        c->writes = address;
        if (is_watched(s, address, c->size ? c->size : 1)) c->store = STORE_DIRECT;
        return;
    }
    f->addressing = bit(o->mem.base) | bit(o->mem.index);
    /* table(,%reg,4): its displacement is the object's address, or a little off */
    c->targets = s->absolute ? in_object(s, (uint64_t)o->mem.disp.value, WIDEST) : 0;
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
    else if (jump)
        f->indirect = true;
    f->stops = kind == ZYDIS_CATEGORY_UNCOND_BR || kind == ZYDIS_CATEGORY_RET ||
               i->mnemonic == ZYDIS_MNEMONIC_UD2 || i->mnemonic == ZYDIS_MNEMONIC_HLT;
    c->fixed |= jump || kind == ZYDIS_CATEGORY_CALL || kind == ZYDIS_CATEGORY_RET ||
                kind == ZYDIS_CATEGORY_SYSCALL || kind == ZYDIS_CATEGORY_INTERRUPT ||
                kind == ZYDIS_CATEGORY_SYSTEM;
}

/* False: this is no code. */
static bool decode(struct search *s, const uint8_t *bytes, size_t left, uint64_t address, struct code *c,
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
                 i.mnemonic == ZYDIS_MNEMONIC_MOV && !f->takes)
            f->takes = in_object(s, o[n].imm.value.u, 0);
    }
    if (!f->to) f->takes = 0; /* stored or compared, not loaded */
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

/* Branch targets, also those in the middle of an instruction. */
static bool mark_targets(struct code *code, const struct flow *flow, size_t count)
{
    bool indirect = false;
    uint64_t end = code[count - 1].address + code[count - 1].length;
    for (size_t i = 0; i < count; i++) {
        indirect |= flow[i].indirect;
        code[i].follows = i && !flow[i - 1].stops;
        if (!flow[i].target || flow[i].target < code[0].address || flow[i].target >= end) continue;
        size_t to = index_of(code, count, flow[i].target);
        if (to < count && code[to].address == flow[i].target)
            code[to].entered = true;
        else if (to)
            code[to - 1].into = (uint8_t)(flow[i].target - code[to - 1].address);
    }
    return indirect;
}

/* To a fixed point: what holds before an instruction is what holds after any that leads to it. */
static void follow(const struct code *code, struct flow *flow, size_t count)
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

static bool grow(struct search *s)
{
    size_t room = s->room ? s->room * 2 : 4096;
    struct code *code = realloc(s->code, room * sizeof *code);
    if (code) s->code = code;
    struct flow *flow = realloc(s->flow, room * sizeof *flow);
    if (flow) s->flow = flow;
    if (code && flow) s->room = room;
    return code && flow;
}

static void look_at(struct search *s, const uint8_t *bytes, uint64_t address, size_t size)
{
    struct function function = {0};
    size_t n = 0, stores = 0;
    for (size_t at = 0; at < size; n++) {
        if (n == s->room && !grow(s)) return;
        if (!decode(s, bytes + at, size - at, address + at, &s->code[n], &s->flow[n])) break;
        at += s->code[n].length;
    }
    if (!n) return;
    function.indirect = mark_targets(s->code, s->flow, n) || s->landings;
    follow(s->code, s->flow, n);
    uint64_t taken = 0; /* which register holds whose address is not followed: all that are taken here */
    for (size_t i = 0; i < n; i++) taken |= s->flow[i].takes;
    for (size_t i = 0; i < n; i++) {
        struct code *c = &s->code[i];
        for (size_t k = 0; s->flow[i].takes && k < s->target_count; k++)
            s->counts[k].taken += s->flow[i].takes >> k & 1;
        if (c->store != STORE_DIRECT && s->flow[i].in & s->flow[i].addressing) {
            c->store = STORE_FOLLOWED;
            c->targets |= taken;
        }
        stores += c->store != STORE_NONE;
    }
    function.code = s->code;
    function.count = n;
    if (stores) s->visit(s->context, &function);
}

/* --- the search ----------------------------------------------------------------------------- */

static void hit(struct search *s, uint64_t address, const uint8_t *bytes, uint64_t start, size_t size)
{
    struct symbol f;
    if (address < s->done) return;
    if (!bounds_find(s->symbols, address, &f) &&
        !(symbols_find(s->symbols, address, &f) && !f.data && !f.plt && f.size))
        return; /* data between functions, most likely */
    if (f.start < start || f.start + f.size > start + size || f.size > FUNCTION) return;
    look_at(s, bytes + (f.start - start), f.start, f.size);
    s->done = f.start + f.size;
}

/* Where a reference to a target may point, as seen from its displacement: up to 8 bytes may follow that. */
static void span_of(const struct search *s, uint64_t *low, uint64_t *high)
{
    *low = UINT64_MAX, *high = 0;
    for (size_t i = 0; i < s->target_count + s->slots; i++) {
        bool slot = i >= s->target_count;
        const struct stores_target *t = &s->targets[slot ? 0 : i];
        if (!slot && !t->here) continue;
        uint64_t from = slot ? s->slot[i - s->target_count].address : t->object - WIDEST;
        uint64_t to = slot ? from + 1 : t->object + t->object_size;
        if (from - 8 < *low) *low = from - 8;
        if (to > *high) *high = to;
    }
}

/* The address a displacement leads to, not knowing how many bytes follow it. */
static bool leads_to_target(const struct search *s, uint64_t address)
{
    for (size_t i = 0; i < s->slots; i++)
        if (address + 8 - s->slot[i].address <= 8) return true;
    for (size_t i = 0; i < s->target_count; i++) {
        const struct stores_target *t = &s->targets[i];
        if (t->here && address + WIDEST + 8 - t->object < t->object_size + WIDEST + 8) return true;
    }
    return false;
}

/*
 * Most of a section is no reference to a target: 16 positions at a time are
 * passed over. Unsigned numbers are compared by compilers on any x86-64 so.
 */
typedef uint32_t four __attribute__((vector_size(16)));

struct near {
    uint32_t span, base,
        absolute; /* a displacement at `at` is near if base + at + it, or it - absolute, < span */
    bool both;    /* look for the latter, too */
};

static bool any_near(const struct near *n, const uint8_t *bytes, uint32_t at)
{
    const four steps = {0, 4, 8, 12}, span = {n->span, n->span, n->span, n->span};
    four any = {0};
    for (uint32_t k = 0; k < 4; k++) {
        four value;
        memcpy(&value, bytes + at + k, sizeof value);
        any |= (four)(value + (n->base + at + k) + steps < span);
        if (n->both) any |= (four)(value - n->absolute < span);
    }
    uint64_t halves[2];
    memcpy(halves, &any, sizeof halves);
    return halves[0] | halves[1];
}

static void search_section(struct search *s, const uint8_t *bytes, uint64_t start, size_t size)
{
    uint64_t low, high;
    span_of(s, &low, &high);
    const struct near near = {(uint32_t)(high - low), (uint32_t)start + 4 - (uint32_t)low, (uint32_t)low,
                              s->absolute};
    s->done = 0;
    for (size_t at = 0; at + 4 <= size; at++) {
        while (at % 16 == 0 && at + 32 <= size && !any_near(&near, bytes, (uint32_t)at)) at += 16;
        uint32_t value;
        memcpy(&value, bytes + at, 4);
        bool relative = near.base + (uint32_t)at + value < near.span;
        if (!relative && !(s->absolute && value - near.absolute < near.span)) continue;
        uint64_t to = relative ? low + (near.base + (uint32_t)at + value) : value;
        if (leads_to_target(s, to)) hit(s, start + at, bytes, start, size);
    }
}

/* --- relocations ---------------------------------------------------------------------------- */

/* The targets whose object's address this relocation puts into its place. */
static uint64_t leads_to(const struct search *s, const GElf_Rela *r, const GElf_Sym *symbol, const char *name)
{
    uint64_t targets = 0;
    switch (GELF_R_TYPE(r->r_info)) {
    case R_X86_64_RELATIVE: return in_object(s, (uint64_t)r->r_addend, 0);
    case R_X86_64_64:
    case R_X86_64_GLOB_DAT:
        for (size_t i = 0; name && i < s->target_count; i++)
            if (s->targets[i].exported && !strcmp(name, s->targets[i].exported)) targets |= 1ull << i;
        if (!targets && symbol->st_shndx != SHN_UNDEF)
            targets = in_object(s, symbol->st_value + (uint64_t)r->r_addend, 0);
        return targets;
    default: return 0;
    }
}

static void read_relocations(struct search *s, Elf *elf, Elf_Scn *section, const GElf_Shdr *header)
{
    GElf_Shdr symbols = {0};
    Elf_Scn *linked = elf_getscn(elf, header->sh_link);
    Elf_Data *data = elf_getdata(section, NULL), *table = NULL;
    if (linked && gelf_getshdr(linked, &symbols) && symbols.sh_type == SHT_DYNSYM)
        table = elf_getdata(linked, NULL);
    size_t count = data && header->sh_entsize ? data->d_size / header->sh_entsize : 0;
    for (size_t i = 0; i < count && i <= INT32_MAX; i++) {
        GElf_Rela r;
        GElf_Sym symbol = {0};
        if (!gelf_getrela(data, (int)i, &r)) break;
        const char *name = NULL;
        if (GELF_R_SYM(r.r_info) && table && gelf_getsym(table, (int)GELF_R_SYM(r.r_info), &symbol))
            name = elf_strptr(elf, symbols.sh_link, symbol.st_name);
        uint64_t targets = leads_to(s, &r, &symbol, name);
        if (!targets) continue;
        if (GELF_R_TYPE(r.r_info) == R_X86_64_GLOB_DAT && s->slots < SLOTS_MAX)
            s->slot[s->slots++] = (struct slot){r.r_offset, targets};
        else
            for (size_t k = 0; k < s->target_count; k++) s->counts[k].pointers += targets >> k & 1;
    }
}

/* --- sections ------------------------------------------------------------------------------- */

typedef void section_visit(struct search *s, const uint8_t *bytes, uint64_t start, size_t size);

static void each_code(struct search *s, section_visit *visit)
{
    GElf_Shdr header;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(s->symbols->file.elf, section));) {
        if (!gelf_getshdr(section, &header) || header.sh_type != SHT_PROGBITS ||
            !(header.sh_flags & SHF_EXECINSTR))
            continue;
        Elf_Data *data = elf_getdata(section, NULL);
        if (data && data->d_buf && data->d_size) visit(s, data->d_buf, header.sh_addr, data->d_size);
    }
}

bool stores_find(struct symbols *symbols, const struct stores_target *targets, size_t count,
                 struct stores_counts *counts, stores_visit *visit, void *context)
{
    struct search s = {.symbols = symbols,
                       .targets = targets,
                       .target_count = count,
                       .counts = counts,
                       .visit = visit,
                       .context = context};
    bool here = false;
    for (size_t i = 0; i < count; i++) here |= targets[i].here;
    Elf *elf = symbols->file.elf;
    GElf_Ehdr header;
    GElf_Shdr section_header;
    if (!gelf_getehdr(elf, &header) || header.e_machine != EM_X86_64 ||
        !ZYAN_SUCCESS(ZydisDecoderInit(&s.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
        return false;
    s.absolute = header.e_type == ET_EXEC;
    size_t names = 0;
    elf_getshdrstrndx(elf, &names);
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
        if (!gelf_getshdr(section, &section_header)) continue;
        if (section_header.sh_type == SHT_RELA) read_relocations(&s, elf, section, &section_header);
        const char *name = elf_strptr(elf, names, section_header.sh_name);
        s.landings |= name && !strcmp(name, ".gcc_except_table");
    }
    if (here || s.slots) each_code(&s, search_section);
    free(s.code);
    free(s.flow);
    return true;
}

/* --- branches ------------------------------------------------------------------------------- */

struct branches {
    struct search search; /* first: each_code hands it out */
    const uint64_t *addresses;
    size_t count;
    bool *hit;
};

static void search_branches(struct search *s, const uint8_t *bytes, uint64_t start, size_t size)
{
    struct branches *b = (struct branches *)s;
    uint64_t low = b->addresses[0], span = b->addresses[b->count - 1] - low;
    for (size_t at = 0; at + 5 <= size; at++) {
        bool jump = bytes[at] == 0xe9 || ((bytes[at] & 0xf0) == 0x80 && at && bytes[at - 1] == 0x0f);
        if (!jump) continue;
        int32_t distance;
        memcpy(&distance, bytes + at + 1, 4);
        uint64_t to = start + at + 5 + (uint64_t)(int64_t)distance;
        if (to - low > span) continue;
        size_t low_i = 0, high_i = b->count;
        while (low_i < high_i) {
            size_t middle = (low_i + high_i) / 2;
            if (b->addresses[middle] < to)
                low_i = middle + 1;
            else
                high_i = middle;
        }
        if (low_i < b->count && b->addresses[low_i] == to) b->hit[low_i] = true;
    }
}

void stores_branches(struct symbols *s, const uint64_t *addresses, size_t count, bool *hit)
{
    struct branches b = {.search = {.symbols = s}, .addresses = addresses, .count = count, .hit = hit};
    if (count) each_code(&b.search, search_branches);
}
