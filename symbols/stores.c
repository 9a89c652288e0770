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
#include <stdlib.h>
#include <string.h>

#include "search.h"

#define FUNCTION (1u << 20)

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

/* Only of these it matters what is between them and the next instruction. */
static bool any_short(const struct code *code, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (code[i].store && code[i].length < 5) return true;
    return false;
}

static void look_at(struct search *s, const uint8_t *bytes, uint64_t address, size_t size)
{
    struct function function = {0};
    size_t n = 0, stores = 0;
    for (size_t at = 0; at < size; n++) {
        if (n == s->room && !grow(s)) return;
        if (!flow_decode(s, bytes + at, size - at, address + at, &s->code[n], &s->flow[n])) break;
        at += s->code[n].length;
    }
    if (!n) return;
    function.indirect = flow_targets(s->code, s->flow, n);
    flow_follow(s->code, s->flow, n);
    uint64_t taken = 0; /* which register holds whose address is not followed: all that are taken here */
    for (size_t i = 0; i < n; i++) taken |= s->flow[i].takes;
    for (size_t i = 0; i < n; i++) {
        struct code *c = &s->code[i];
        uint64_t whose = s->flow[i].takes | s->flow[i].escapes;
        for (size_t k = 0; whose && k < s->target_count; k++) s->counts[k].taken += whose >> k & 1;
        if (c->store != STORE_DIRECT && s->flow[i].in & s->flow[i].addressing) {
            c->store = STORE_FOLLOWED;
            c->targets |= taken;
        }
        stores += c->store != STORE_NONE;
    }
    function.code = s->code;
    function.count = n;
    if (!stores) return;
    if (function.indirect && any_short(s->code, n))
        function.indirect = !jumps_targets(s, s->code, s->flow, n);
    function.indirect |= s->landings && bounds_handles(s->symbols, address);
    s->visit(s->context, &function);
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
static bool leads_to_slot(const struct search *s, uint64_t address)
{
    for (size_t i = 0; i < s->slots; i++)
        if (address + 8 - s->slot[i].address <= 8) return true;
    return false;
}

static bool leads_to_target(const struct search *s, uint64_t address)
{
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

/*
 * Is the instruction, whose displacement from rip is at `at`, one that reads what
 * is there? Most are, and decoding a function for each takes long. Only opcodes
 * that nothing else can look like: no prefix of others is before them.
 */
static bool only_reads(const uint8_t *bytes, size_t at)
{
    if (at < 6 || (bytes[at - 1] & 0xc7) != 0x05) return false;
    if (bytes[at - 4] == 0xc5 || bytes[at - 5] == 0xc4 || bytes[at - 6] == 0x62) return false; /* VEX, EVEX */
    unsigned extension = bytes[at - 1] >> 3 & 7;
    bool second = bytes[at - 3] == 0x0f;
    switch (bytes[at - 2]) {
    case 0xb6: /* movzx, movsx, imul */
    case 0xb7:
    case 0xbe:
    case 0xbf:
    case 0xaf: return second;
    case 0x8b: /* mov, cmp, test, movslq, add, sub */
    case 0x8a:
    case 0x3b:
    case 0x3a:
    case 0x39:
    case 0x38:
    case 0x85:
    case 0x84:
    case 0x63:
    case 0x03:
    case 0x2b: return !second;
    case 0x80: /* cmp */
    case 0x81:
    case 0x83: return !second && extension == 7;
    case 0xf6: /* test */
    case 0xf7: return !second && extension == 0;
    case 0xff: return !second && (extension == 2 || extension == 4 || extension == 6); /* call, jmp, push */
    default: return false;
    }
}

static void measure_section(struct search *s, const uint8_t *bytes, uint64_t start, size_t size)
{
    if (start < s->code_start) s->code_start = start;
    if (start + size > s->code_end) s->code_end = start + size;
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
        if (leads_to_slot(s, to) || (leads_to_target(s, to) && !(relative && only_reads(bytes, at))))
            hit(s, start + at, bytes, start, size);
    }
}

/* --- relocations ---------------------------------------------------------------------------- */

/* The targets whose object's address this relocation puts into its place. */
static uint64_t leads_to(const struct search *s, const GElf_Rela *r, const GElf_Sym *symbol, const char *name)
{
    uint64_t targets = 0;
    switch (GELF_R_TYPE(r->r_info)) {
    case R_X86_64_RELATIVE: return flow_in_object(s, (uint64_t)r->r_addend, 0);
    case R_X86_64_64:
    case R_X86_64_GLOB_DAT:
        for (size_t i = 0; name && i < s->target_count; i++)
            if (s->targets[i].exported && !strcmp(name, s->targets[i].exported)) targets |= 1ull << i;
        if (!targets && symbol->st_shndx != SHN_UNDEF)
            targets = flow_in_object(s, symbol->st_value + (uint64_t)r->r_addend, 0);
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

void each_section(struct search *s, bool code, section_visit *visit)
{
    GElf_Shdr header;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(s->symbols->file.elf, section));) {
        if (!gelf_getshdr(section, &header) || header.sh_type != SHT_PROGBITS ||
            !(header.sh_flags & SHF_ALLOC) || !!(header.sh_flags & SHF_EXECINSTR) != code)
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
    s.code_start = UINT64_MAX;
    each_section(&s, true, measure_section);
    if (here || s.slots) each_section(&s, true, search_section);
    free(s.code);
    free(s.flow);
    free(s.words);
    return true;
}
