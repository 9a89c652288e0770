/*
 * test_stored.c: what the library reads out of the instruction before a breakpoint, beside a real
 * disassembler's word: for every store of libc, and of the others loaded here.
 */
#include "preload/watch/stored.c" /* first: it chooses what libc shows */

#if defined __x86_64__

#include <Zydis/Zydis.h>
#include <criterion/criterion.h>
#include <link.h>
#include <stdio.h>
#include <sys/mman.h>

#define ROOM   4096
#define TARGET 2048

static _Alignas(64) uint8_t memory[ROOM];

static struct tally {
    unsigned long stores, known, missed, wrong;
    char first[400]; /* of the wrong ones */
} tally;

static int number_of(ZydisRegister r)
{
    static const uint8_t place[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                      REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    if (r == ZYDIS_REGISTER_NONE) return -1;
    return place[ZydisRegisterGetId(ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r)) & 15];
}

/* Registers such that the operand lies in `memory`; its address, or 0: it cannot. */
static uint64_t aim(const ZydisDecodedOperandMem *m, long long *registers)
{
    int base = number_of(m->base), index = number_of(m->index);
    uint64_t target = (uintptr_t)&memory[TARGET],
             displacement = m->disp.has_displacement ? (uint64_t)m->disp.value : 0;
    if (m->segment == ZYDIS_REGISTER_FS || m->segment == ZYDIS_REGISTER_GS || m->base == ZYDIS_REGISTER_RIP)
        return 0;
    for (int i = 0; i < 16; i++) registers[i] = (long long)(0x1122334455667788u * (unsigned)(i + 1));
    if (base == index) return 0;
    if (index < 0 && base >= 0) {
        registers[base] = (long long)(target - displacement);
        return target;
    }
    if (base < 0) {
        target += (m->scale - (target - displacement) % m->scale) % m->scale;
        registers[index] = (long long)((target - displacement) / m->scale);
        return target;
    }
    registers[index] = -3;
    registers[base] = (long long)(target - displacement - (uint64_t)(-3 * m->scale));
    return target;
}

static bool is_mov(const ZydisDecodedInstruction *i)
{
    return i->mnemonic == ZYDIS_MNEMONIC_MOV || i->mnemonic == ZYDIS_MNEMONIC_MOVNTI;
}

/* What a mov stores, written to where it goes: as the processor would have. */
static bool put(const ZydisDecodedInstruction *i, const ZydisDecodedOperand *from, const long long *registers,
                uint64_t at, uint64_t *value)
{
    unsigned size = i->operand_width / 8;
    if (!is_mov(i)) return false;
    if (from->type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
        *value = from->imm.value.u;
    else if (from->type == ZYDIS_OPERAND_TYPE_REGISTER &&
             ZydisRegisterGetClass(from->reg.value) <= ZYDIS_REGCLASS_GPR64 &&
             ZydisRegisterGetClass(from->reg.value) >= ZYDIS_REGCLASS_GPR8) {
        bool high = from->reg.value >= ZYDIS_REGISTER_AH && from->reg.value <= ZYDIS_REGISTER_BH;
        int place = high ? number_of(from->reg.value - ZYDIS_REGISTER_AH + ZYDIS_REGISTER_AL)
                         : number_of(from->reg.value);
        *value = (uint64_t)registers[place & 15] >> (high ? 8 : 0);
        size = from->size / 8;
    } else
        return false;
    if (size < 8) *value &= (1ull << 8 * size) - 1;
    memcpy((void *)(uintptr_t)at, value, size);
    return true;
}

static void wrong(const uint8_t *code, const ZydisDecodedInstruction *i, const char *what, uint64_t got,
                  uint64_t expected)
{
    if (tally.wrong++) return;
    int n = snprintf(tally.first, sizeof tally.first,
                     "%s: %s %#lx, not %#lx:", ZydisMnemonicGetString(i->mnemonic), what, (unsigned long)got,
                     (unsigned long)expected);
    for (int b = -4; b < i->length; b++)
        n += snprintf(tally.first + n, sizeof tally.first - (size_t)n, "%s%02x", b ? " " : " | ", code[b]);
}

static void compare(const uint8_t *code, const ZydisDecodedInstruction *i, const ZydisDecodedOperand *o)
{
    long long registers[NGREG] = {0};
    struct stored s;
    uint64_t value = 0, at = aim(&o->mem, registers);
    unsigned size = o->size / 8;
    if (!at || !size || size > 64) return;
    memset(memory, 0x5a, sizeof memory);
    bool known = put(i, o + 1, registers, at, &value);
    bool atomic = i->attributes & ZYDIS_ATTRIB_HAS_LOCK || i->mnemonic == ZYDIS_MNEMONIC_XCHG;
    bool bits = i->mnemonic == ZYDIS_MNEMONIC_BTS || i->mnemonic == ZYDIS_MNEMONIC_BTR ||
                i->mnemonic == ZYDIS_MNEMONIC_BTC;
    if (bits && o[1].type == ZYDIS_OPERAND_TYPE_REGISTER) return;
    tally.stores++;
    tally.known += known;
    if (!stored_before(code + i->length, registers, at, size < 8 ? size : 8, &s)) {
        tally.missed++;
        if (!tally.wrong && tally.missed == 1)
            snprintf(tally.first, sizeof tally.first, "missed: %s", ZydisMnemonicGetString(i->mnemonic));
    } else if (s.at != at)
        wrong(code, i, "at", s.at, at);
    else if (s.size != size)
        wrong(code, i, "size", s.size, size);
    else if (s.known != known)
        wrong(code, i, "known", s.known, known);
    else if (known && s.value != value)
        wrong(code, i, "value", s.value, value);
    else if (!(s.flags & FT_C_ATOMIC) != !atomic)
        wrong(code, i, "flags", s.flags, atomic);
}

static void sweep(const uint8_t *code, size_t length)
{
    ZydisDecoder decoder;
    ZydisDecodedInstruction i;
    ZydisDecodedOperand o[ZYDIS_MAX_OPERAND_COUNT];
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    for (size_t at = 0; at < length; at += i.length) {
        if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code + at, length - at, &i, o))) {
            i.length = 1;
            continue;
        }
        bool stores = o->type == ZYDIS_OPERAND_TYPE_MEMORY && o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE &&
                      o->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT;
        bool masked = o[1].type == ZYDIS_OPERAND_TYPE_REGISTER && o[1].reg.value >= ZYDIS_REGISTER_K1 &&
                      o[1].reg.value <= ZYDIS_REGISTER_K7;
        if (stores && !masked && i.operand_count_visible && at > 32 && i.mnemonic != ZYDIS_MNEMONIC_POP)
            compare(code + at, &i, o);
    }
}

static int each_object(struct dl_phdr_info *info, size_t size, void *context)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_LOAD && p->p_flags & PF_X && strstr(info->dlpi_name, context))
            sweep((const uint8_t *)(uintptr_t)(info->dlpi_addr + p->p_vaddr), p->p_filesz);
    }
    return 0;
}

/* The last byte of the instruction before may look like a prefix. */
static bool before_the_end(const char *bytes, size_t length, uint64_t at, uint64_t rax, struct stored *s)
{
    long long registers[NGREG] = {[REG_RDX] = (long long)at, [REG_RAX] = (long long)rax};
    uint8_t code[64];
    memset(code, 0x90, sizeof code);
    memcpy(code + 32, bytes, length);
    return stored_before(code + 32 + length, registers, at, 4, s);
}

Test(stored, what_may_be_a_prefix)
{
    struct stored s;
    uint64_t at = (uintptr_t)&memory[TARGET];
    cr_assert(
        before_the_end("\x8b\x45\xf0\x01\x02", 5, at, 1, &s)); /* mov -0x10(%rbp), %eax; add %eax, (%rdx) */
    cr_assert(s.size == 4 && !(s.flags & FT_C_ATOMIC));
    cr_assert(before_the_end("\xf0\x01\x02", 3, at, 1, &s)); /* lock add %eax, (%rdx) */
    cr_assert(s.size == 4 && s.flags & FT_C_ATOMIC);
    cr_assert(before_the_end("\xf0\x83\x02\x01", 4, at, 1, &s)); /* lock add $1, (%rdx) */
    cr_assert_eq(s.flags, FT_C_ATOMIC | FT_C_UP);
    memset(&memory[TARGET], 0, 8);
    memory[TARGET] = 7;
    memory[TARGET + 4] = 1;
    cr_assert(before_the_end("\xb0\x48\x89\x02", 4, at, 7, &s)); /* mov $0x48, %al; mov %eax, (%rdx) */
    cr_assert(s.size == 4 && s.known && s.value == 7);
    cr_assert(before_the_end("\x48\x89\x02", 3, at, 1ull << 32 | 7, &s));
    cr_assert(s.size == 8 && s.value == (1ull << 32 | 7));
    cr_assert_not(before_the_end("\x8b\x02", 2, at, 7, &s)); /* mov (%rdx), %eax: no store */
}

Test(stored, nothing_is_read_behind_the_end_of_a_page)
{
    struct stored s;
    uint8_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + 4096, 4096);
    page[4092] = 7;
    cr_assert(before_the_end("\xb0\x48\x89\x02", 4, (uintptr_t)page + 4092, 7, &s));
    cr_assert(s.size == 4 && s.value == 7);
}

/* One in a thousand: there is data among code, and a prefix may be the end of what is before it. */
Test(stored, as_a_disassembler_says)
{
    char libc[] = "libc.so.6", dw[] = "libdw", ncurses[] = "libncursesw";
    dl_iterate_phdr(each_object, libc);
    dl_iterate_phdr(each_object, dw);
    dl_iterate_phdr(each_object, ncurses);
    cr_assert_gt(tally.stores, 10000);
    cr_assert_gt(tally.known, tally.stores / 2);
    cr_assert_lt(tally.missed, tally.stores / 1000, "%lu of %lu: %s", tally.missed, tally.stores,
                 tally.first);
    cr_assert_lt(tally.wrong, tally.stores / 1000, "%lu of %lu: %s", tally.wrong, tally.stores, tally.first);
}

#endif
