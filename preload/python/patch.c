/*
 * patch.c: a jump at the entry of a function. Only whole instructions get
 * moved that do not depend on where they are, or can be mended: pushes, moves,
 * stack adjustments: what compilers begin a function with. Anything else is refused.
 */
#define _GNU_SOURCE
#include "preload/python/patch.h"

#if defined __x86_64__

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#include "preload/origin.h"

#define JUMP PATCH_JUMP

static long sys_keep(long r, int saved)
{
    errno = saved;
    return r;
}
#define sys(...) sys_keep(syscall(__VA_ARGS__), errno)

/* --- where functions begin ------------------------------------------------------------------ */

static int32_t read32(const uint8_t *p)
{
    int32_t v;
    memcpy(&v, p, 4);
    return v;
}

bool patch_object(struct patch_object *object, const struct link_map *map, const void *start)
{
    const ElfW(Ehdr) *elf = start;
    if (memcmp(elf->e_ident, ELFMAG, SELFMAG) || elf->e_phentsize != sizeof(ElfW(Phdr))) return false;
    const ElfW(Phdr) *segment = (const void *)((const uint8_t *)start + elf->e_phoff);
    memset(object, 0, sizeof *object);
    for (unsigned i = 0; i < elf->e_phnum; i++, segment++) {
        const uint8_t *at = (const uint8_t *)map->l_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && segment->p_flags & PF_X) {
            object->text = at;
            object->text_end = at + segment->p_memsz;
        }
        /* version 1, pointers as 32-bit offsets: what every linker writes */
        if (segment->p_type == PT_GNU_EH_FRAME && at[0] == 1 && at[1] == 0x1b && at[2] == 0x03 &&
            at[3] == 0x3b) {
            object->base = at;
            object->functions = (uint32_t)read32(at + 8);
            object->table = at + 12;
        }
    }
    return object->text && object->table && object->functions;
}

static const uint8_t *function_at(const struct patch_object *o, uint32_t i)
{
    return o->base + read32(o->table + (size_t)i * 8);
}

const uint8_t *patch_function_end(const struct patch_object *o, const uint8_t *function)
{
    uint32_t low = 0, high = o->functions;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (function_at(o, middle) <= function)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low || function_at(o, low - 1) != function) return NULL;
    return low < o->functions ? function_at(o, low) : o->text_end;
}

/* --- tail calls ----------------------------------------------------------------------------- */

/*
 * Every E9 in the function whose target is the begin of another function. A
 * byte that only looks like a jump would have to hit a function's first byte
 * by chance, twice (see patch_tails).
 */
static unsigned jumps(const struct patch_object *o, const uint8_t *function, const uint8_t **found,
                      unsigned room)
{
    const uint8_t *end = patch_function_end(o, function);
    unsigned count = 0;
    for (const uint8_t *p = function; end && p + JUMP <= end && count < room; p++) {
        const uint8_t *target = p + JUMP + read32(p + 1);
        if (*p != 0xe9 || target < o->text || target >= o->text_end) continue;
        if ((target < function || target >= end) && patch_function_end(o, target)) found[count++] = target;
    }
    return count;
}

unsigned patch_tails(const struct patch_object *o, const uint8_t *a, const uint8_t *b, const uint8_t **found,
                     unsigned room)
{
    const uint8_t *of_a[16], *of_b[16];
    unsigned na = jumps(o, a, of_a, 16), nb = jumps(o, b, of_b, 16), count = 0;
    for (unsigned i = 0; i < na; i++)
        for (unsigned j = 0; j < nb; j++) {
            bool known = of_a[i] != of_b[j];
            for (unsigned k = 0; k < count; k++) known |= found[k] == of_a[i];
            if (!known && count < room) found[count++] = of_a[i];
        }
    return count;
}

/* --- the jump ------------------------------------------------------------------------------- */

/* mov distance(%rip), reg: once its distance is mended. */
static bool distant(const uint8_t *p) { return *p == 0x48 && p[1] == 0x8b && (p[2] & 0xc7) == 0x05; }

/* The length of an instruction that may be moved, 0 for any other. */
static unsigned movable(const uint8_t *p)
{
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    if (!memcmp(p, endbr64, 4)) return 4;
    if (*p >= 0x50 && *p <= 0x57) return 1;                   /* push reg */
    if (*p == 0x41 && p[1] >= 0x50 && p[1] <= 0x57) return 2; /* push r8-r15 */
    bool rex = (*p & 0xf8) == 0x48;
    if (rex && (p[1] == 0x89 || p[1] == 0x8b) && p[2] >= 0xc0) return 3; /* mov reg, reg */
    if ((*p == 0x89 || *p == 0x31) && p[1] >= 0xc0) return 2;            /* mov, xor reg32, reg32 */
    if (*p == 0x48 && p[1] == 0x83 && p[2] == 0xec) return 4;            /* sub $imm8, %rsp */
    if (*p == 0x48 && p[1] == 0x81 && p[2] == 0xec) return 7;            /* sub $imm32, %rsp */
    if (*p >= 0xb8 && *p <= 0xbf) return 5;                              /* mov $imm32, reg32 */
    if (distant(p)) return 7;
    return 0;
}

/* False: what it refers to is too far from there. */
static bool move(uint8_t *to, const uint8_t *from, unsigned length)
{
    memcpy(to, from, length);
    for (unsigned at = 0; at < length; at += movable(from + at)) {
        int64_t distance = read32(from + at + 3) + (from - to);
        if (!distant(from + at)) continue;
        int32_t mended = (int32_t)distance;
        if (mended != distance) return false;
        memcpy(to + at + 3, &mended, 4);
    }
    return true;
}

/* A page within 2 GiB of the object, tried outwards from it in steps; writable until patch_commit. */
static uint8_t *near_page(const struct patch_object *o)
{
    uintptr_t from = (uintptr_t)o->text & ~(uintptr_t)(FT_PAGE - 1);
    for (uintptr_t step = 1u << 20; step < 0x70000000u; step += 1u << 20)
        for (int side = 0; side < 2; side++) {
            uintptr_t at = side ? from + step : from - step;
            if (!side && step > from) continue;
            long r = sys(SYS_mmap, at, FT_PAGE, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0L);
            if (r == (long)at) return (uint8_t *)at;
            if (r != -1) sys(SYS_munmap, r, FT_PAGE);
        }
    return NULL;
}

static void make_jump(uint8_t jump[JUMP], const uint8_t *at, const uint8_t *target)
{
    int32_t distance = (int32_t)(target - (at + JUMP));
    jump[0] = 0xe9;
    memcpy(jump + 1, &distance, 4);
}

/* Only inside one aligned word, so that it is one atomic store. */
static bool write_text(uint8_t *at, const uint8_t bytes[JUMP])
{
    uint8_t *word_at = (uint8_t *)((uintptr_t)at & ~(uintptr_t)7);
    uint64_t word;
    memcpy(&word, word_at, 8);
    memcpy((uint8_t *)&word + (at - word_at), bytes, JUMP);
    void *page = (void *)((uintptr_t)at & ~(uintptr_t)(FT_PAGE - 1));
    if (sys(SYS_mprotect, page, FT_PAGE, PROT_READ | PROT_WRITE | PROT_EXEC)) return false;
    __atomic_store_n((uint64_t *)(void *)word_at, word, __ATOMIC_SEQ_CST);
    sys(SYS_mprotect, page, FT_PAGE, PROT_READ | PROT_EXEC);
    return true;
}

/* How many bytes of whole, movable instructions the jump replaces; 0: it cannot be put there. */
static unsigned replaced(const struct patch_object *o, const uint8_t *function)
{
    unsigned length = 0;
    while (length < JUMP) {
        unsigned one = movable(function + length);
        if (!one) return 0;
        length += one;
    }
    const uint8_t *end = patch_function_end(o, function);
    if (!end || end - function < 32 || ((uintptr_t)function & 7) + JUMP > 8) return 0;
    /* a branch of the function itself back into the moved bytes */
    for (const uint8_t *p = function + length; p + JUMP < end; p++) {
        const uint8_t *near = p + JUMP + read32(p + 1), *near2 = p + 6 + read32(p + 2),
                      *small = p + 2 + (int8_t)p[1];
        bool into = (*p == 0xe9 && near > function && near < function + length) ||
                    (*p == 0x0f && (p[1] & 0xf0) == 0x80 && near2 > function && near2 < function + length) ||
                    (((*p & 0xf0) == 0x70 || *p == 0xeb) && small > function && small < function + length);
        if (into) return 0;
    }
    return length;
}

bool patch_prepare(struct patch_set *set, const struct patch_object *o, const uint8_t *function,
                   const struct stub *code, void *hook, void **back)
{
    unsigned length = replaced(o, function);
    size_t size = (size_t)(code->end - code->begin);
    if (!length || set->count == PATCHES || set->used + size + length + JUMP > FT_PAGE) return false;
    if (!set->page && !(set->page = near_page(o))) return false;
    uint8_t *stub = set->page + set->used, *moved = stub + size;
    const void *words[] = {python_modules, &stub_data, hook};
    memcpy(stub, code->begin, size);
    memcpy(stub, words, sizeof words);
    if (!move(moved, function, length)) return false;
    make_jump(moved + length, moved + length, function + length);
    struct patch *patch = &set->patch[set->count++];
    *patch = (struct patch){.function = (uint8_t *)(uintptr_t)function,
                            .entry = stub + (code->entry - code->begin),
                            .length = length};
    memcpy(patch->before, function, sizeof patch->before);
    set->used += (unsigned)(size + length + JUMP + 63) & ~63u;
    *back = moved;
    return true;
}

void patch_drop(struct patch_set *set)
{
    if (set->page) sys(SYS_munmap, set->page, FT_PAGE);
    memset(set, 0, sizeof *set);
}

/* --- is anybody inside? --------------------------------------------------------------------- */

struct search {
    const struct patch_set *set;
    bool inside, bottom;
};

static _Unwind_Reason_Code look(struct _Unwind_Context *context, void *argument)
{
    struct search *search = argument;
    const uint8_t *pc = (const uint8_t *)(uintptr_t)_Unwind_GetIP(context);
    for (unsigned i = 0; i < search->set->count; i++) {
        const struct patch *p = &search->set->patch[i];
        search->inside |= pc >= p->function && pc < p->function + p->length;
    }
    search->bottom = origin_is_bottom((uintptr_t)pc);
    return search->inside || search->bottom ? _URC_NORMAL_STOP : _URC_NO_REASON;
}

/* No frame of this very thread is one that a signal interrupted in the middle of the moved instructions. */
static bool outside(const struct patch_set *set)
{
    struct search search = {.set = set};
    _Unwind_Reason_Code end = _Unwind_Backtrace(look, &search);
    return !search.inside && (search.bottom || end == _URC_END_OF_STACK);
}

bool patch_alone(void)
{
    struct stat status;
    return !sys(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &status, 0) && status.st_nlink == 3;
}

/* Other cores forget what they had fetched of the old instructions. */
static bool synchronise(void)
{
    return !sys(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) &&
           !sys(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
}

bool patch_commit(struct patch_set *set, bool alone)
{
    if (!outside(set)) return false;
    if (!alone && !synchronise()) return false;
    if (sys(SYS_mprotect, set->page, FT_PAGE, PROT_READ | PROT_EXEC)) return false;
    for (unsigned i = 0; i < set->count; i++) {
        const struct patch *p = &set->patch[i];
        uint8_t jump[JUMP];
        make_jump(jump, p->function, p->entry);
        if (write_text(p->function, jump)) continue;
        while (i-- > 0) write_text(set->patch[i].function, set->patch[i].before);
        return false;
    }
    if (!alone) synchronise();
    return true;
}

#endif
