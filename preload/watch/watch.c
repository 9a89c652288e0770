/*
 * watch.c: asks forktrace-watch for a plan and carries it out: describes the
 * globals and the stores in the trace, puts the code where it belongs, and
 * patches.
 *
 * Memory is mapped, never malloc'ed; what was patched stays for the life of
 * the image. Fork children have it all: the text is theirs, private.
 */
#define _GNU_SOURCE
#include "preload/watch/watch.h"

#include <errno.h>
#include <string.h>

bool watching;

#if defined __x86_64__

#include <cpuid.h>
#include <link.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "preload/origin.h"
#include "preload/readable.h"
#include "preload/thread.h"
#include "preload/watch/ask.h"
#include "preload/watch/hardware.h"
#include "preload/watch/plan.h"
#include "trace/syscall.h"

#define GLOBALS 1024 /* whose values are told at forks and ends */
#define JUMP    5

/* For entry.S: the state components to save, and the room they take. 0: no xsave, fxsave. */
uint32_t watch_state_mask __attribute__((visibility("hidden")));
uint32_t watch_state_size __attribute__((visibility("hidden"))) = 512;

static const char *watched; /* FORKTRACE_WATCH */
static uint32_t *next_id;   /* of a site; in memory shared by all processes forked from this image */

static struct told {
    const void *address;
    ft_ref global;
    uint8_t size;
    uint64_t value;
} told[GLOBALS];
static uint32_t told_count;

/* --- saving vector registers ---------------------------------------------------------------- */

/* x87, SSE, AVX and AVX-512: what libc's string functions may use. Where each lies in the area: leaf 13. */
static void find_state(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return;
    if (!__get_cpuid_count(13, 0, &a, &b, &c, &d)) return;
    uint32_t mask = a & 0xe7, size = 576;
    for (unsigned i = 2; i < 8; i++) {
        if (!(mask >> i & 1) || !__get_cpuid_count(13, i, &a, &b, &c, &d)) continue;
        if (a + b > size) size = a + b;
    }
    watch_state_size = (size + 63) & ~63u;
    watch_state_mask = mask;
}

/* --- describing ----------------------------------------------------------------------------- */

static const void *at(const struct plan_answer *plan, uint32_t offset) { return (const char *)plan + offset; }

static ft_ref text(const struct plan_answer *plan, uint32_t offset)
{
    const char *string = at(plan, offset);
    return offset ? ft_string(&ft, string, strlen(string), self.task) : 0;
}

static uint64_t value_at(const void *address, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, address, size < 8 ? size : 8);
    return value;
}

static void describe_global(const struct plan_answer *plan, const struct plan_global *g, ft_ref *ref)
{
    ft_ref name = text(plan, g->name), object = text(plan, g->object);
    ft_ref names = g->names ? ft_string(&ft, at(plan, g->names), g->names_length, self.task) : 0;
    struct ft_c_global *record = ft_begin(&ft, FT_C_GLOBAL, sizeof *record, self.task);
    const void *address = (const void *)(uintptr_t)g->address;
    uint64_t value = readable(address) ? value_at(address, g->size) : 0;
    if (!record) return;
    *ref = ft_ref_of(record);
    record->name = name;
    record->object = object;
    record->names = names;
    record->address = g->address;
    record->value = value;
    record->size = (uint32_t)g->size;
    record->element = g->element;
    record->kind = g->kind;
    record->flags = g->flags;
    ft_commit(record);
    for (uint32_t i = 0; i < told_count; i++)
        if (told[i].address == address && told[i].size == (g->size < 8 ? g->size : 8)) return;
    if (told_count == GLOBALS || !readable(address)) return;
    told[told_count] = (struct told){address, *ref, (uint8_t)(g->size < 8 ? g->size : 8), value};
    told_count++;
}

static void describe_watches(const struct plan_answer *plan, uint32_t patched_in_part)
{
    const struct plan_watch *w = at(plan, plan->watches);
    for (uint32_t i = 0; i < plan->watch_count; i++, w++) {
        ft_ref watch = text(plan, w->watch), about = text(plan, w->text), object = text(plan, w->object);
        struct ft_c_watch *record = ft_begin(&ft, FT_C_WATCH, sizeof *record, self.task);
        if (!record) return;
        record->watch = watch;
        record->text = about;
        record->object = object;
        record->outcome = w->outcome;
        record->stores = w->stores;
        record->followed = w->followed;
        record->patched = patched_in_part ? w->patched : 0;
        record->too_short = w->too_short;
        record->branched_into = w->branched_into;
        record->unmovable = w->unmovable;
        record->taken = w->taken;
        record->pointers = w->pointers;
        ft_commit(record);
    }
}

/* Sites of so many to a record. */
#define SITES_EACH 128

static void describe_sites(const struct plan_answer *plan, const ft_ref *globals, uint32_t first)
{
    const struct plan_site *s = at(plan, plan->sites);
    for (uint32_t done = 0; done < plan->site_count; done += SITES_EACH) {
        uint32_t count = plan->site_count - done < SITES_EACH ? plan->site_count - done : SITES_EACH;
        for (uint32_t i = 0; i < count; i++) origin_object(s[done + i].pc);
        struct ft_c_sites *record =
            ft_begin(&ft, FT_C_SITES, sizeof *record + count * sizeof *record->site, self.task);
        if (!record) return;
        record->count = count;
        for (uint32_t i = 0; i < count; i++) {
            const struct plan_site *from = &s[done + i];
            record->site[i] = (struct ft_c_site){.pc = from->pc,
                                                 .global = globals[from->global],
                                                 .id = (uint16_t)(first + done + i),
                                                 .size = from->size,
                                                 .flags = from->flags};
        }
        ft_commit(record);
    }
}

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
    const struct plan_code *code = (const struct plan_code *)at(plan, plan->codes) + index;
    const struct plan_fix *fix = at(plan, plan->fixes);
    size_t size = (code->length + FT_PAGE - 1) & ~(size_t)(FT_PAGE - 1);
    uint8_t *memory = near_memory(code, size);
    if (!memory) return NULL;
    memcpy(memory, at(plan, code->code), code->length);
    bool fits = true;
    for (uint32_t i = 0; i < plan->fix_count && fits; i++)
        if (fix[i].code == index) fits = apply(memory, code->length, &fix[i], first_id);
    if (fits && !ft_syscall(SYS_mprotect, memory, size, PROT_READ | PROT_EXEC)) {
        hardware_leave_out(memory, size);
        return memory;
    }
    ft_syscall(SYS_munmap, memory, size);
    return NULL;
}

/* --- patching ------------------------------------------------------------------------------- */

/*
 * Nobody can be executing this code: it was loaded just now, and no thread was
 * born meanwhile. So plain stores do. Otherwise only what one store can change
 * at once, inside a cache line, and only whole instructions.
 */
static bool write_jump(const struct plan_patch *p, const uint8_t *code, bool quiet)
{
    uint8_t *to = (uint8_t *)(uintptr_t)p->at, bytes[8];
    int32_t distance = (int32_t)(code + p->target - (to + p->skip + JUMP));
    if (memcmp(to, p->original, p->length)) return false; /* not what was in the file */
    memcpy(bytes, to, sizeof bytes);
    if (p->skip) bytes[0] = 0x90;
    bytes[p->skip] = 0xe9;
    memcpy(bytes + p->skip + 1, &distance, 4);
    if (quiet) {
        memcpy(to, bytes, p->skip + JUMP);
        return true;
    }
    if (((uintptr_t)to & 63) > 56 || p->pad[0]) return false;
    uint64_t word;
    memcpy(&word, bytes, 8);
    __atomic_store_n((uint64_t *)(void *)to, word, __ATOMIC_SEQ_CST);
    return true;
}

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
    /* still executable: other threads run what else is on these pages */
    if (ft_syscall(SYS_mprotect, from, to - from, PROT_READ | PROT_WRITE | PROT_EXEC)) return false;
    *open = (struct open_pages){from, to};
    return true;
}

static void synchronise(void)
{
    ft_syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
    ft_syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
}

static uint32_t patch_all(const struct plan_answer *plan, uint8_t *const *codes, bool quiet)
{
    const struct plan_patch *p = at(plan, plan->patches);
    struct open_pages open = {0};
    uint32_t done = 0;
    if (!quiet) synchronise();
    for (uint32_t i = 0; i < plan->patch_count; i++, p++) {
        if (!codes[p->code]) continue;
        uintptr_t from = p->at, to = p->at + 8;
        if (!open_pages(&open, from, to)) {
            self_note(FT_NOTE_WATCH_PATCH, NULL);
            break;
        }
        done += write_jump(p, codes[p->code], quiet);
    }
    close_pages(&open);
    if (!quiet) synchronise();
    return done;
}

static bool take_ids(uint32_t count, uint32_t *first)
{
    *first = __atomic_fetch_add(next_id, count, __ATOMIC_RELAXED);
    if (*first + count <= 0xffff && *first + count >= count) return true;
    __atomic_fetch_sub(next_id, count, __ATOMIC_RELAXED);
    self_note(FT_NOTE_WATCH_FULL, NULL);
    return false;
}

static void carry_out(const struct plan_answer *plan, bool quiet, int hardware_error)
{
    ft_ref globals[GLOBALS] = {0};
    uint8_t *codes[64] = {0};
    uint32_t first = 0;
    bool ids = take_ids(plan->site_count, &first);
    const struct plan_global *g = at(plan, plan->globals);
    for (uint32_t i = 0; i < plan->global_count && i < GLOBALS; i++)
        describe_global(plan, &g[i], &globals[i]);
    for (uint32_t i = 0; ids && i < plan->code_count && i < 64; i++)
        if (!(codes[i] = place_code(plan, i, first))) self_note(FT_NOTE_WATCH_PATCH, NULL);
    if (ids) describe_sites(plan, globals, first);
    describe_watches(plan, ids ? patch_all(plan, codes, quiet) : 0);
    hardware_watch(plan, globals, next_id + 1, hardware_error);
}

/* --- when ----------------------------------------------------------------------------------- */

static void look(bool quiet)
{
    size_t size;
    extern void watch_entry(void) __attribute__((visibility("hidden")));
    int hardware_error;
    unsigned slots = hardware_free(&hardware_error);
    struct plan_question question = {
        .held = hardware_held(),
        .slots = slots,
        .cursor = (uint64_t)((uintptr_t)&place - (uintptr_t)__builtin_thread_pointer()),
        .alive = (uint64_t)(uintptr_t)self_alive,
        .entry = (uint64_t)(uintptr_t)watch_entry,
    };
    const struct plan_answer *plan = ask(&question, watched, &size);
    if (!plan) return;
    if (plan != ASK_NOTHING_NEW) {
        carry_out(plan, quiet, hardware_error);
        ft_syscall(SYS_munmap, plan, size);
    }
}

/* "py:app.i" is for preload/python/. */
static bool anything_ours(const char *list)
{
    for (; list && *list; list += strcspn(list, ";"), list += *list == ';')
        if (strncmp(list, "py:", 3) && *list != ';') return true;
    return false;
}

void watch_init(const char *list)
{
    if (!anything_ours(list)) return;
    void *memory = (void *)ft_syscall(SYS_mmap, NULL, FT_PAGE, PROT_READ | PROT_WRITE,
                                      MAP_SHARED | MAP_ANONYMOUS, -1, 0L);
    if ((long)memory < 0 && (long)memory > -4096) return;
    next_id = memory;
    *next_id = 1;
    watched = list;
    watching = true;
    find_state();
    look(true);
}

void watch_loaded(uint32_t threads)
{
    static uint32_t busy;
    if (likely(!watching) || self.vforked || self_shared_tls) return;
    int saved = errno;
    if (!__atomic_exchange_n(&busy, 1, __ATOMIC_ACQ_REL)) {
        look(thread_known() <= threads);
        __atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
    }
    errno = saved;
}

/* --- values --------------------------------------------------------------------------------- */

void watch_tell(ft_ref fork)
{
    hardware_check();
    for (uint32_t i = 0; i < told_count; i++) {
        uint64_t value = value_at(told[i].address, told[i].size);
        if (value == told[i].value) continue;
        struct ft_c_value *record = ft_begin(&ft, FT_C_VALUE, sizeof *record, self.task);
        if (!record) return;
        record->global = told[i].global;
        record->fork = fork;
        record->value = told[i].value = value;
        ft_commit(record);
    }
}

#else

void watch_init(const char *list)
{
    for (; list && *list; list += strcspn(list, ";"), list += *list == ';')
        if (strncmp(list, "py:", 3)) self_note(FT_NOTE_WATCH_MACHINE, NULL);
}
void watch_loaded(uint32_t threads) {}
void watch_tell(ft_ref fork) {}

#endif
