/*
 * origin.c: call sites and stacks.
 *
 * Everything here is reached from fork children of multithreaded processes and
 * from signal handlers: no lock, no malloc, caches that tolerate being
 * interrupted anywhere (an entry that cannot be had is simply not remembered).
 *
 * The caches are in anonymous memory shared by all processes forked from this
 * image: what one child found out (the stack of its _exit), its siblings need
 * not unwind again. So an object or a stack is written once for such a family,
 * by whichever member met it first.
 */
#define _GNU_SOURCE
#include "origin.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/mman.h>
#include <unwind.h>

#include "preload/blocks.h"
#include "preload/connection.h"
#include "preload/object.h"
#include "preload/python/python.h"
#include "preload/remember.h"
#include "preload/stacks.h"
#include "preload/watch/watch.h"

#define FRAMES_MAX 64

/*
 * glibc's, since 2.35; without it libgcc would fall back to dl_iterate_phdr and its lock. libgcc's unwinder
 * in the library asks our wrapper of it (watch/placed.c): so the library can be loaded where libc has none.
 */
static void *finder;

#define SITES 1024

static struct caches {
    struct ft_interned interned[FT_INTERNED];
    uint64_t sites[SITES]; /* call sites whose object is written; top bit: whose stack is */
} __attribute__((aligned(FT_PAGE))) * caches;

/* --- unwinding ------------------------------------------------------------------------------ */

bool origin_unwinds(void) { return finder && caches; }

struct frames {
    uint64_t site;
    unsigned count;
    bool started, cut, cacheable, interrupted;
    uint64_t start, size; /* of the object that the last one lies in */
#if defined __aarch64__
    uint64_t link, below; /* the next frame record, which lies above that stack pointer */
#endif
    uint64_t pc[FRAMES_MAX];
    uint64_t slot[FRAMES_MAX]; /* where on the stack that return address lies */
};

/* greenlet.cpython-39-x86_64-linux-gnu.so, _greenlet.cpython-311-x86_64-linux-gnu.so */
static bool switches_stacks(const struct dl_find_object *object)
{
    const char *path = object->dlfo_link_map->l_name, *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    return !strncmp(name + (*name == '_'), "greenlet.", 9);
}

bool origin_is_bottom(uint64_t pc)
{
    struct dl_find_object object;
    return !_dl_find_object((void *)(uintptr_t)pc, &object) && switches_stacks(&object);
}

/* The same; frames of one object mostly come one after another. */
static bool is_bottom(struct frames *frames, uint64_t pc)
{
    struct dl_find_object object;
    if (pc - frames->start < frames->size || _dl_find_object((void *)(uintptr_t)pc, &object)) return false;
    frames->start = (uint64_t)(uintptr_t)object.dlfo_map_start;
    frames->size = (uint64_t)(uintptr_t)object.dlfo_map_end - frames->start;
    return switches_stacks(&object);
}

#if defined __x86_64__
/* libgcc's CFA of a frame is its callee's: the return address lies just below it */
static uint64_t slot_of(struct frames *frames, uint64_t cfa, uint64_t pc) { return cfa - sizeof pc; }
#elif defined __aarch64__
/*
 * In the callee's frame record, wherever that lies in its frame. 0: it has
 * none, or x29 is no frame pointer there: only what lies in the frame is read.
 */
static uint64_t slot_of(struct frames *frames, uint64_t cfa, uint64_t pc)
{
    const uint64_t *record = (const uint64_t *)(uintptr_t)frames->link;
    bool inside = frames->link && frames->link >= frames->below && frames->link < cfa && !(frames->link & 7);
    if (!inside || STACKS_CODE(record[1]) != pc) return 0;
    frames->link = record[0];
    frames->below = cfa;
    return (uint64_t)(uintptr_t)&record[1];
}
#else
static uint64_t slot_of(struct frames *frames, uint64_t cfa, uint64_t pc) { return 0; }
#endif

static bool lies_at(uint64_t slot, uint64_t pc)
{
#ifdef STACKS_CODE
    return STACKS_CODE(*(const uint64_t *)(uintptr_t)slot) == pc;
#else
    return false;
#endif
}

static _Unwind_Reason_Code frame(struct _Unwind_Context *context, void *argument)
{
    struct frames *frames = argument;
    int interrupted = 0;
    uint64_t pc = (uint64_t)_Unwind_GetIPInfo(context, &interrupted);
    uint64_t slot = slot_of(frames, _Unwind_GetCFA(context), pc);
    if (!frames->started && pc != frames->site) return _URC_NO_REASON; /* our own */
    frames->started = true;
    if (!pc) return _URC_NORMAL_STOP;
    if (watch_is_ours(pc))
        return _URC_NO_REASON; /* a handler interrupted it: the next one is where it belongs */
    if (frames->count == FRAMES_MAX) {
        frames->cut = true;
        return _URC_NORMAL_STOP;
    }
    frames->interrupted |= interrupted;
    if (!slot || !lies_at(slot, pc)) frames->cacheable = false; /* interrupted there */
    frames->pc[frames->count] = pc;
    frames->slot[frames->count++] = slot;
    return is_bottom(frames, pc) ? _URC_NORMAL_STOP : _URC_NO_REASON;
}

static ft_ref write_stack(const struct frames *frames)
{
    uint64_t hash = ft_hash(frames->pc, frames->count * sizeof *frames->pc);
    ft_ref ref = ft_interned_find(&ft, hash);
    if (ref) return ref;
    for (unsigned i = 0; i < frames->count; i++) object_describe(frames->pc[i]);
    size_t bytes = frames->count * sizeof *frames->pc;
    struct ft_stack *stack = ft_begin(&ft, FT_STACK, sizeof *stack + bytes, self.task);
    if (!stack) return 0;
    stack->count = (uint16_t)frames->count;
    stack->cut = frames->cut;
    memcpy(stack->pc, frames->pc, bytes);
    ref = ft_ref_of(stack);
    ft_commit(stack);
    ft_interned_keep(&ft, hash, ref);
    return ref;
}

/* Apart from origin_full: its kilobyte of stack is a page that a fork would have to copy. */
static __attribute__((noinline)) ft_ref unwind(uint64_t site, uint64_t sp, bool *interrupted)
{
    struct frames frames;
    frames.site = site;
    frames.count = 0;
    frames.start = frames.size = 0; /* start is not looked at before, but memcheck would think so */
    frames.started = frames.cut = frames.interrupted = false;
    frames.cacheable = true;
#if defined __aarch64__
    frames.below = frames.link = (uint64_t)(uintptr_t)__builtin_frame_address(0);
#endif
    _Unwind_Backtrace(frame, &frames);
    *interrupted = frames.interrupted;
    if (!frames.count) {
        object_describe(site);
        return 0;
    }
    ft_ref stack = write_stack(&frames);
    if (stack && frames.cacheable && !frames.cut)
        stacks_keep(site, sp, stack, frames.pc, frames.slot, frames.count);
    return stack;
}

HOT __attribute__((noinline)) struct ft_origin origin_full(uint64_t site)
{
    struct ft_origin origin = {.site = site};
    if (!origin_unwinds() || !ft_writer_on(&ft)) return origin;
    uint64_t sp = (uint64_t)(uintptr_t)__builtin_frame_address(0);
    origin.stack = stacks_recall(site, sp);
    bool interrupted = false;
    if (!origin.stack) origin.stack = unwind(site, sp, &interrupted);
    /* a signal handler may have interrupted the interpreter in the middle of changing its frames */
    if (!interrupted) origin.py_stack = python_stack();
    return origin;
}

/* --- call sites ----------------------------------------------------------------------------- */

struct ft_origin origin_site(uint64_t site)
{
    if (caches && remember(caches->sites, SITES, site)) object_describe(site);
    return (struct ft_origin){.site = site};
}

void origin_first(uint64_t site)
{
    if (!caches || likely(!remember(caches->sites, SITES, site | 1ull << 63))) return;
    struct ft_origin origin = origin_full(site);
    struct ft_site *record = ft_begin(&ft, FT_SITE, sizeof *record, self.task);
    if (!record) return;
    record->origin = origin;
    ft_commit(record);
}

void origin_init(void)
{
    /* one mapping for all that a family shares: each costs a fork */
    const struct {
        size_t size;
        void (*init)(void *memory);
    } rooms[] = {{object_room(), object_init},
                 {stacks_room(), stacks_init},
                 {connection_room(), connection_init},
                 {blocks_room(), blocks_init}};
    size_t size = sizeof *caches;
    for (unsigned i = 0; i < sizeof rooms / sizeof *rooms; i++) size += rooms[i].size;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    caches = (void *)memory;
    memory += sizeof *caches;
    for (unsigned i = 0; i < sizeof rooms / sizeof *rooms; memory += rooms[i++].size) rooms[i].init(memory);
    ft.interned = caches->interned;
    finder = dlsym(RTLD_NEXT, "_dl_find_object");
    if (!finder) {
        self_note(FT_NOTE_NO_UNWINDER, NULL);
        return;
    }
    /* libgcc prepares its tables once, under pthread_once: now, not in a fork child */
    struct frames frames = {.site = 0, .started = true, .cacheable = false};
    _Unwind_Backtrace(frame, &frames);
}
