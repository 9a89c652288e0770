/*
 * patch.c: the plan's code is put near the object it is for, and jumps into it
 * are written over the stores.
 *
 * By plain stores: nobody runs this code yet. At the start there is only this
 * thread; and the loader tells of a library before its constructors run, and
 * before anybody can have found it (glibc 2.36 before it relocates it, 2.41
 * right after).
 */
#include "preload/watch/patch.h"

#if defined __x86_64__

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "preload/self.h"
#include "trace/syscall.h"

#define JUMP  5
#define CODES 64

/* --- placing code --------------------------------------------------------------------------- */

/* Memory for code near an object, tried outwards from it in steps. */
static uint8_t *near_memory(const struct plan_code *code, size_t size)
{
    uintptr_t from = code->start & ~(uintptr_t)(FT_PAGE - 1),
              to = (code->end + FT_PAGE - 1) & ~(uintptr_t)(FT_PAGE - 1);
    for (uintptr_t step = 1u << 20; step < 0x70000000u; step += 1u << 20)
        for (int side = 0; side < 2; side++) {
            uintptr_t where = side ? to + step : from - step - size;
            if (!side && step + size > from) continue;
            long r = ft_syscall(SYS_mmap, where, size, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0L);
            if (r == (long)where) return (uint8_t *)where;
            if (r > 0 || r < -4095) ft_syscall(SYS_munmap, r, size);
        }
    return NULL;
}

static bool apply(uint8_t *code, uint32_t length, const struct plan_fix *fix, uint32_t first_id)
{
    if (fix->at + 4 > length) return false;
    if (fix->kind == PLAN_ID) {
        uint16_t id = (uint16_t)(first_id + fix->target);
        memcpy(code + fix->at, &id, sizeof id);
        return true;
    }
    int64_t distance = (int64_t)(fix->target - (uint64_t)(uintptr_t)(code + fix->at + 4));
    int32_t near = (int32_t)distance;
    memcpy(code + fix->at, &near, sizeof near);
    return near == distance;
}

/* The plan's code number `index`, in place and executable; NULL: it cannot be. */
static uint8_t *place_code(const struct plan_answer *plan, uint32_t index, uint32_t first_id)
{
    const struct plan_code *code = (const struct plan_code *)plan_at(plan, plan->codes) + index;
    const struct plan_fix *fix = plan_at(plan, plan->fixes);
    size_t size = (code->length + FT_PAGE - 1) & ~(size_t)(FT_PAGE - 1);
    uint8_t *memory = near_memory(code, size);
    if (!memory) return NULL;
    memcpy(memory, plan_at(plan, code->code), code->length);
    bool fits = true;
    for (uint32_t i = 0; i < plan->fix_count && fits; i++)
        if (fix[i].code == index) fits = apply(memory, code->length, &fix[i], first_id);
    if (fits && !ft_syscall(SYS_mprotect, memory, size, PROT_READ | PROT_EXEC)) {
        placed_add(code->start, memory, size, memory + code->frames);
        return memory;
    }
    ft_syscall(SYS_munmap, memory, size);
    return NULL;
}

/* --- jumps ---------------------------------------------------------------------------------- */

/* What goes to `at`: `length` bytes, at most; 0: nothing does. */
struct jump {
    uint8_t *at;
    uint8_t length;
    uint8_t bytes[JUMP];
};

/* The bytes at `at` as they will be: with the jumps made so far, of which only the last can be near. */
static void read_ahead(const struct jump *jumps, size_t count, const uint8_t *at, uint8_t bytes[JUMP])
{
    memcpy(bytes, at, JUMP);
    for (size_t i = count > JUMP ? count - JUMP : 0; i < count; i++)
        for (unsigned k = 0; k < jumps[i].length; k++)
            if ((uintptr_t)(jumps[i].at + k - at) < JUMP) bytes[jumps[i].at + k - at] = jumps[i].bytes[k];
}

static void make_jump(const struct plan_patch *p, uint64_t object, const uint8_t *to, struct jump *jumps,
                      size_t count)
{
    struct jump *j = &jumps[count];
    uint8_t *at = (uint8_t *)(uintptr_t)p->at + p->skip, ahead[JUMP];
    unsigned room = p->length - p->skip;
    if (memcmp((void *)(uintptr_t)p->at, p->original, p->length)) return; /* not what was in the file */
    if (room < JUMP) {
        read_ahead(jumps, count, at, ahead);
        if (!(to = island_make(object, at, ahead, room, to))) return;
    }
    int32_t distance = (int32_t)(to - (at + JUMP));
    j->at = at;
    j->length = (uint8_t)(room < JUMP ? room : JUMP);
    j->bytes[0] = 0xe9;
    memcpy(j->bytes + 1, &distance, 4);
}

/* --- writing them --------------------------------------------------------------------------- */

/* Pages of code being written to: neighbours together, for each protection change is a system call. */
struct open_pages {
    uintptr_t start, end;
};

static void close_pages(struct open_pages *open)
{
    if (open->end) ft_syscall(SYS_mprotect, open->start, open->end - open->start, PROT_READ | PROT_EXEC);
    open->start = open->end = 0;
}

static bool open_pages(struct open_pages *open, uintptr_t from, uintptr_t to)
{
    from &= ~(uintptr_t)(FT_PAGE - 1);
    to = (to + FT_PAGE - 1) & ~(uintptr_t)(FT_PAGE - 1);
    if (open->end && from >= open->start && to <= open->end) return true;
    close_pages(open);
    /* still executable: this may be the loader, which runs us */
    if (ft_syscall(SYS_mprotect, from, to - from, PROT_READ | PROT_WRITE | PROT_EXEC)) return false;
    *open = (struct open_pages){from, to};
    return true;
}

/* False: they were not all written. Once one could not be, none that relies on it may be. */
static bool write_all(const struct plan_answer *plan, struct jump *jumps)
{
    const struct plan_patch *p = plan_at(plan, plan->patches);
    struct open_pages open = {0};
    bool allowed = true;
    for (uint32_t i = 0; i < plan->patch_count; i++) {
        if (!jumps[i].length) continue;
        uintptr_t end = (uintptr_t)jumps[i].at + jumps[i].length;
        if (!allowed || !(allowed = open_pages(&open, p[i].at, end)))
            jumps[i].length = 0;
        else {
            if (p[i].skip) *(uint8_t *)(uintptr_t)p[i].at = 0x90;
            memcpy(jumps[i].at, jumps[i].bytes, jumps[i].length);
        }
    }
    close_pages(&open);
    return allowed;
}

/* --- all of it ------------------------------------------------------------------------------ */

static void *scratch(size_t size)
{
    long r = ft_syscall(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
    return r < 0 && r > -4096 ? NULL : (void *)r;
}

bool patch_all(const struct plan_answer *plan, uint32_t first_id, uint32_t missed[PATCH_WATCHES])
{
    const struct plan_patch *p = plan_at(plan, plan->patches);
    const struct plan_code *code = plan_at(plan, plan->codes);
    uint8_t *codes[CODES] = {0};
    size_t size = plan->patch_count * sizeof(struct jump);
    struct jump *jumps = size ? scratch(size) : NULL;
    if (!jumps) return !size;
    bool done = true;
    for (uint32_t i = 0; i < plan->code_count && i < CODES; i++)
        done &= (codes[i] = place_code(plan, i, first_id)) != NULL;
    for (uint32_t i = 0; i < plan->patch_count; i++)
        if (p[i].code < CODES && codes[p[i].code])
            make_jump(&p[i], code[p[i].code].start, codes[p[i].code] + p[i].target, jumps, i);
    bool written = islands_close() && write_all(plan, jumps);
    for (uint32_t i = 0; i < plan->patch_count; i++)
        for (unsigned w = 0; w < PATCH_WATCHES; w++)
            missed[w] += (!written || !jumps[i].length) && p[i].watches >> w & 1;
    ft_syscall(SYS_munmap, jumps, size);
    return done && written;
}

/* --- a function ----------------------------------------------------------------------------- */

/* Nothing but `ret` (and endbr64 before it), and what assemblers fill up with to the next multiple of 16. */
static bool only_returns(const uint8_t *function)
{
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    unsigned at = memcmp(function, endbr64, sizeof endbr64) ? 0 : sizeof endbr64;
    if ((uintptr_t)function % 16 || function[at] != 0xc3) return false;
    for (at++; at < JUMP; at++)
        if (!memchr("\x66\x2e\x0f\x1f\x84\x90\xcc\x40\x44\x80", function[at], 11)) return false;
    return true;
}

bool patch_function(uint8_t *function, void (*to)(void))
{
    const struct plan_code where = {.start = (uintptr_t)function, .end = (uintptr_t)function};
    struct open_pages open = {0};
    if (!only_returns(function)) return false;
    uint8_t *stone = near_memory(&where, FT_PAGE);
    if (!stone) return false;
    static const uint8_t far[] = {0xff, 0x25, 0, 0, 0, 0}; /* jmp *0(%rip), and the address behind it */
    memcpy(stone, far, sizeof far);
    memcpy(stone + sizeof far, &to, sizeof to);
    int32_t distance = (int32_t)(stone - (function + JUMP));
    if (ft_syscall(SYS_mprotect, stone, (size_t)FT_PAGE, PROT_READ | PROT_EXEC) ||
        !open_pages(&open, (uintptr_t)function, (uintptr_t)function + JUMP)) {
        ft_syscall(SYS_munmap, stone, (size_t)FT_PAGE);
        return false;
    }
    memcpy(function + 1, &distance, 4);
    function[0] = 0xe9;
    close_pages(&open);
    return true;
}

#else

bool patch_all(const struct plan_answer *plan, uint32_t first_id, uint32_t missed[PATCH_WATCHES])
{
    return false;
}
bool patch_function(uint8_t *function, void (*to)(void)) { return false; }

#endif
