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

#if defined __x86_64__
#include <cpuid.h>
#endif
#include <link.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "preload/object.h"
#include "preload/readable.h"
#include "preload/watch/ask.h"
#include "preload/watch/hardware.h"
#include "preload/watch/patch.h"
#include "preload/watch/plan.h"
#include "preload/watch/sample.h"
#include "trace/syscall.h"

#define GLOBALS 1024 /* of one answer */

bool watching;
static const char *watched; /* FORKTRACE_WATCH */
static bool started;        /* what is loaded from now on may be unloaded again */
static uint32_t *next_id;   /* of a site; in memory shared by all processes forked from this image */

#if defined __x86_64__
#define PATCHES true
/* For entry.S: the state components to save, and the room they take. 0: no xsave, fxsave. */
uint32_t watch_state_mask __attribute__((visibility("hidden")));
uint32_t watch_state_size __attribute__((visibility("hidden"))) = 512;

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
void watch_entry(void) __attribute__((visibility("hidden")));
#else
#define PATCHES     false
#define watch_entry NULL
static void find_state(void) {}
#endif

/* --- describing ----------------------------------------------------------------------------- */

static ft_ref text(const struct plan_answer *plan, uint32_t offset)
{
    const char *string = plan_at(plan, offset);
    return offset ? ft_string(&ft, string, strlen(string), self.task) : 0;
}

static void describe_global(const struct plan_answer *plan, const struct plan_global *g, ft_ref *ref)
{
    ft_ref name = text(plan, g->name), object = text(plan, g->object);
    ft_ref names = g->names ? ft_string(&ft, plan_at(plan, g->names), g->names_length, self.task) : 0;
    struct ft_c_global *record = ft_begin(&ft, FT_C_GLOBAL, sizeof *record, self.task);
    const void *address = (const void *)(uintptr_t)g->address;
    if (!record) return;
    *ref = ft_ref_of(record);
    record->name = name;
    record->object = object;
    record->names = names;
    record->address = g->address;
    uint32_t size = g->size < UINT32_MAX ? (uint32_t)g->size : UINT32_MAX, print = 0;
    record->value = readable(address) ? sample_add(g->address, size, *ref, name, !started, &print) : 0;
    record->print = print;
    record->size = size;
    record->element = g->element;
    record->kind = g->kind;
    record->flags = g->flags;
    ft_commit(record);
}

/* allowed: what could not be patched was too short for it. */
static void describe_watches(const struct plan_answer *plan, const uint32_t missed[PATCH_WATCHES],
                             bool allowed)
{
    const struct plan_watch *w = plan_at(plan, plan->watches);
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
        uint32_t not = w->number < PATCH_WATCHES ? missed[w->number] : 0;
        record->patched = w->patched > not ? w->patched - not : 0;
        record->too_short = allowed ? w->patched - record->patched : 0;
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
    const struct plan_site *s = plan_at(plan, plan->sites);
    const struct plan_code *code = plan_at(plan, plan->codes);
    for (uint32_t i = 0; i < plan->code_count; i++) object_loading(code[i].start, code[i].end);
    for (uint32_t done = 0; done < plan->site_count; done += SITES_EACH) {
        uint32_t count = plan->site_count - done < SITES_EACH ? plan->site_count - done : SITES_EACH;
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

static bool take_ids(uint32_t count, uint32_t *first)
{
    *first = __atomic_fetch_add(next_id, count, __ATOMIC_RELAXED);
    if (*first + count <= 0xffff && *first + count >= count) return true;
    __atomic_fetch_sub(next_id, count, __ATOMIC_RELAXED);
    self_note(FT_NOTE_WATCH_FULL, NULL);
    return false;
}

static void carry_out(const struct plan_answer *plan, int hardware_error)
{
    ft_ref globals[GLOBALS] = {0};
    uint32_t first = 0, missed[PATCH_WATCHES] = {0};
    const struct plan_global *g = plan_at(plan, plan->globals);
    for (uint32_t i = 0; i < plan->global_count && i < GLOBALS; i++)
        describe_global(plan, &g[i], &globals[i]);
    bool ids = take_ids(plan->site_count, &first), allowed = false;
    if (ids) {
        describe_sites(plan, globals, first);
        allowed = patch_all(plan, first, missed);
        if (!allowed && PATCHES) self_note(FT_NOTE_WATCH_PATCH, NULL);
    } else
        memset(missed, 0xff, sizeof missed);
    describe_watches(plan, missed, allowed);
    hardware_watch(plan, globals, next_id + 1, hardware_error);
}

/* --- when ----------------------------------------------------------------------------------- */

static bool asks_for_hardware(const char *list)
{
    for (; *list; list += strcspn(list, ";"), list += *list == ';')
        if (!strncmp(list, "hw:", 3)) return true;
    return false;
}

/* Linux 6.6, glibc 2.39 by a tunable; ARCH_SHSTK_STATUS is younger than the headers here may be. */
static bool shadow_stack(void)
{
#if defined __x86_64__
    uint64_t features = 0;
    return !ft_syscall(SYS_arch_prctl, 0x5005, &features) && features & 1;
#else
    return false; /* nothing is patched here */
#endif
}

static bool unfinished; /* a look is going on: in this process, or in the one that it was forked from */

static void look(void)
{
    size_t size;
    int hardware_error;
    if (unfinished) ask_again();
    unfinished = true;
    unsigned slots = hardware_free(asks_for_hardware(watched), &hardware_error);
    struct plan_question question = {
        .held = hardware_held(),
        .slots = slots,
        .shadow = shadow_stack(),
        .cursor = (uint64_t)((uintptr_t)&place - (uintptr_t)__builtin_thread_pointer()),
        .alive = (uint64_t)(uintptr_t)(self_alive + SELF_QUICK),
        .entry = (uint64_t)(uintptr_t)watch_entry,
    };
    const struct plan_answer *plan = ask(&question, watched, &size);
    sample_forget(ask_is_loaded); /* what was unloaded has no value any more */
    placed_forget(ask_is_loaded);
    islands_forget(ask_is_loaded);
    hardware_forget(ask_is_loaded);
    if (plan && plan != ASK_NOTHING_NEW) {
        carry_out(plan, hardware_error);
        ft_syscall(SYS_munmap, plan, size);
    }
    ask_done();
    unfinished = false;
}

/*
 * The loader calls an empty function when it has mapped or unmapped objects,
 * for debuggers: this is what became of it. So we see what libc loads by itself
 * too (name services, character sets), before its constructors run, and dlopen
 * sees who calls it: a wrapper would have to call it, and be taken for that.
 *
 * Whoever looks is known where a fork empties it: a child that is forked in the
 * middle has not got the thread that would have finished.
 */
static void objects_changed(void)
{
    volatile uint32_t *busy = &self_alive[SELF_LOOKING];
    if (!ft_writer_on(&ft) || _r_debug.r_state != RT_CONSISTENT || self.vforked || self_shared_tls) return;
    int saved = errno;
    if (!__atomic_exchange_n(busy, 1, __ATOMIC_ACQ_REL)) {
        if (me()) look();
        __atomic_store_n(busy, 0, __ATOMIC_RELEASE);
    }
    errno = saved;
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
    watching = self_slow = true;
    find_state();
    ask_init();
    look();
    started = true;
    if (!PATCHES)
        self_note(FT_NOTE_WATCH_MACHINE, NULL);
    else if (!patch_function((uint8_t *)(uintptr_t)_r_debug.r_brk, objects_changed))
        self_note(FT_NOTE_WATCH_LOADER, NULL);
}
