/*
 * origin.c: call sites, stacks, and the ELF objects they lie in.
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
#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unwind.h>

#include "preload/blocks.h"
#include "preload/connection.h"
#include "preload/python/python.h"
#include "preload/watch/watch.h"

#define FRAMES_MAX 64

/*
 * glibc's, since 2.35; without it libgcc would fall back to dl_iterate_phdr and its lock. libgcc's unwinder
 * in the library asks our wrapper of it (watch/placed.c): so the library can be loaded where libc has none.
 */
static void *finder;

/* --- objects -------------------------------------------------------------------------------- */

#define KNOWN      512
#define SITES      1024
#define REMEMBERED 64

#define REMEMBERED_FRAMES 62 /* a stack remembered takes 1 KiB, and lies on one page */

struct remembered {
    uint32_t version; /* odd: being written */
    uint32_t count;
    ft_ref ref;
    uint64_t site, sp;
    struct {
        uint64_t pc;
        uint32_t slot; /* from sp */
    } frame[REMEMBERED_FRAMES];
} __attribute__((aligned(1024)));

static struct caches {
    struct ft_interned interned[FT_INTERNED];
    uint64_t known[KNOWN]; /* hashes of objects written, 0 free */
    uint64_t sites[SITES]; /* call sites whose object is written; top bit: whose stack is */
    uint32_t changes;      /* of remembered */
    struct remembered remembered[REMEMBERED];
} * caches;

/* Remember a non-zero value in a small set, open-addressed. True if it is new. Inlined: a constant size saves
 * 20 ns. */
static inline __attribute__((always_inline)) bool remember(uint64_t *set, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < 16; i++) {
        uint64_t *entry = &set[(value + i) % size];
        uint64_t old = __atomic_load_n(entry, __ATOMIC_RELAXED);
        if (old == value) return false;
        if (old) continue;
        if (__atomic_compare_exchange_n(entry, &old, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return true;
        if (old == value) return false;
    }
    __atomic_store_n(&set[value % size], value, __ATOMIC_RELAXED); /* full here: forget another */
    return true;
}

/* The build-id note, read from the mapped file header: `start` is where its first page lies. */
static uint32_t build_id(const struct dl_find_object *object, uint8_t *id, uint32_t room)
{
    const uint8_t *start = object->dlfo_map_start;
    const ElfW(Ehdr) *elf = (const void *)start;
    size_t size = (size_t)((const uint8_t *)object->dlfo_map_end - start);
    if (size < sizeof *elf || memcmp(elf->e_ident, ELFMAG, SELFMAG) ||
        elf->e_phentsize != sizeof(ElfW(Phdr)) || elf->e_phoff + elf->e_phnum * sizeof(ElfW(Phdr)) > FT_PAGE)
        return 0;
    const ElfW(Phdr) *segment = (const void *)(start + elf->e_phoff);
    for (unsigned i = 0; i < elf->e_phnum; i++, segment++) {
        if (segment->p_type != PT_NOTE) continue;
        const uint8_t *note = (const uint8_t *)object->dlfo_link_map->l_addr + segment->p_vaddr;
        const uint8_t *end = note + segment->p_memsz;
        if (note < start || end > start + size) continue;
        while (end - note >= (ptrdiff_t)sizeof(ElfW(Nhdr))) {
            const ElfW(Nhdr) *head = (const void *)note;
            const uint8_t *desc = note + sizeof *head + ((head->n_namesz + 3) & ~3u);
            if (desc > end || head->n_descsz > (size_t)(end - desc)) break;
            if (head->n_type == NT_GNU_BUILD_ID && head->n_namesz == 4 && !memcmp(head + 1, "GNU", 4)) {
                uint32_t length = head->n_descsz < room ? head->n_descsz : room;
                memcpy(id, desc, length);
                return length;
            }
            note = desc + ((head->n_descsz + 3) & ~3u);
        }
    }
    return 0;
}

/* Objects a sibling has described already still have to be looked at here, once. */
static void look_for_python(const struct dl_find_object *object)
{
    static uint64_t looked[64];
    uint64_t start = (uint64_t)(uintptr_t)object->dlfo_map_start;
    if (remember(looked, sizeof looked / sizeof *looked, start))
        python_look(object->dlfo_link_map, start, (uint64_t)(uintptr_t)object->dlfo_map_end);
}

static void describe(const struct dl_find_object *object)
{
    const char *path = object->dlfo_link_map->l_name;
    if (!*path) path = self_program(); /* the program itself has no name there */
    size_t length = strlen(path);
    uint64_t hash = ft_hash(path, length) ^ (uint64_t)(uintptr_t)object->dlfo_map_start * 31;
    if (!remember(caches->known, KNOWN, hash | 1)) return;
    ft_ref name = ft_string(&ft, path, length, self.task);
    struct ft_object *record = ft_begin(&ft, FT_OBJECT, sizeof *record, self.task);
    if (!record) return;
    record->start = (uint64_t)(uintptr_t)object->dlfo_map_start;
    record->end = (uint64_t)(uintptr_t)object->dlfo_map_end;
    record->bias = object->dlfo_link_map->l_addr;
    record->path = name;
    record->build_id_size = build_id(object, record->build_id, sizeof record->build_id);
    ft_commit(record);
}

void origin_object(uint64_t address)
{
    struct dl_find_object object;
    if (!caches || !address || _dl_find_object((void *)(uintptr_t)address, &object)) return;
    look_for_python(&object);
    describe(&object);
}

/* The loader does not find it yet. */
void origin_loading(uint64_t start, uint64_t end)
{
    struct dl_find_object object = {.dlfo_map_start = (void *)(uintptr_t)start,
                                    .dlfo_map_end = (void *)(uintptr_t)end};
    for (struct link_map *l = _r_debug.r_map; l && caches; l = l->l_next) {
        if ((uint64_t)(uintptr_t)l->l_ld - start >= end - start) continue;
        object.dlfo_link_map = l;
        describe(&object);
    }
}

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
#define SLOTS_KNOWN
#define CODE(pc) (pc)

/* libgcc's CFA of a frame is its callee's: the return address lies just below it */
static uint64_t slot_of(struct frames *frames, uint64_t cfa, uint64_t pc) { return cfa - sizeof pc; }
#elif defined __aarch64__
#define SLOTS_KNOWN
#define CODE(pc) ((pc) & ((1ull << 48) - 1)) /* a signed return address has its signature above */

/*
 * In the callee's frame record, wherever that lies in its frame. 0: it has
 * none, or x29 is no frame pointer there: only what lies in the frame is read.
 */
static uint64_t slot_of(struct frames *frames, uint64_t cfa, uint64_t pc)
{
    const uint64_t *record = (const uint64_t *)(uintptr_t)frames->link;
    bool inside = frames->link && frames->link >= frames->below && frames->link < cfa && !(frames->link & 7);
    if (!inside || CODE(record[1]) != pc) return 0;
    frames->link = record[0];
    frames->below = cfa;
    return (uint64_t)(uintptr_t)&record[1];
}
#else
#define CODE(pc) (pc)
static uint64_t slot_of(struct frames *frames, uint64_t cfa, uint64_t pc) { return 0; }
#endif

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
    if (!slot || CODE(*(const uint64_t *)(uintptr_t)slot) != pc)
        frames->cacheable = false; /* interrupted there */
    frames->pc[frames->count] = pc;
    frames->slot[frames->count++] = slot;
    return is_bottom(frames, pc) ? _URC_NORMAL_STOP : _URC_NO_REASON;
}

static ft_ref write_stack(const struct frames *frames)
{
    uint64_t hash = ft_hash(frames->pc, frames->count * sizeof *frames->pc);
    ft_ref ref = ft_interned_find(&ft, hash);
    if (ref) return ref;
    for (unsigned i = 0; i < frames->count; i++) origin_object(frames->pc[i]);
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

/* --- stacks seen before --------------------------------------------------------------------- */

#if defined SLOTS_KNOWN
/*
 * To a fork child the shared caches cost a page fault, its own memory nothing:
 * each process has a copy of the stacks of its family, renewed before a fork.
 */
static struct remembered own[REMEMBERED] SPARSE;
static uint32_t own_changes; /* caches->changes then */

static unsigned entry_of(uint64_t site, uint64_t sp)
{
    return (site * 0x9e3779b97f4a7c15u ^ sp * 0xc2b2ae3d27d4eb4fu) >> 58;
}

/*
 * The same call from the same place on the stack, with every return address
 * still where it was: the same stack. The slots lie above sp in live frames:
 * if the inner ones match, so is the next one.
 */
HOT static ft_ref recall(const struct remembered *e, uint64_t site, uint64_t sp)
{
    uint32_t version = __atomic_load_n(&e->version, __ATOMIC_ACQUIRE);
    if (version & 1 || e->site != site || e->sp != sp || !e->count || e->count > REMEMBERED_FRAMES) return 0;
    for (uint32_t i = 0; i < e->count; i++)
        if (CODE(*(const uint64_t *)(uintptr_t)(sp + e->frame[i].slot)) != e->frame[i].pc) return 0;
    ft_ref ref = e->ref;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&e->version, __ATOMIC_RELAXED) == version && !ft_stale(&ft, ref) ? ref : 0;
}

HOT static ft_ref known_stack(uint64_t site, uint64_t sp)
{
    unsigned i = entry_of(site, sp);
    ft_ref ref = recall(&own[i], site, sp);
    return ref ? ref : recall(&caches->remembered[i], site, sp);
}

/* Nobody else writes to it until version + 2 is stored there. */
static bool claim(struct remembered *e, uint32_t version)
{
    return !(version & 1) && __atomic_compare_exchange_n(&e->version, &version, version + 1, false,
                                                         __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void keep(const struct frames *frames, uint64_t sp, ft_ref ref)
{
    struct remembered *e = &caches->remembered[entry_of(frames->site, sp)];
    uint32_t version = __atomic_load_n(&e->version, __ATOMIC_RELAXED);
    if (!ref || !frames->cacheable || frames->cut || frames->count > REMEMBERED_FRAMES) return;
    for (unsigned i = 0; i < frames->count; i++)
        if (frames->slot[i] - sp > 1u << 20) return;
    if (!claim(e, version)) return;
    e->site = frames->site;
    e->sp = sp;
    e->ref = ref;
    e->count = frames->count;
    for (unsigned i = 0; i < frames->count; i++) {
        e->frame[i].pc = frames->pc[i];
        e->frame[i].slot = (uint32_t)(frames->slot[i] - sp);
    }
    __atomic_store_n(&e->version, version + 2, __ATOMIC_RELEASE);
    __atomic_fetch_add(&caches->changes, 1, __ATOMIC_RELEASE);
}

/* A copy torn by a change of `from` gets a count of 0, which recalls nothing. */
static void copy(struct remembered *to, const struct remembered *from)
{
    uint32_t version = __atomic_load_n(&from->version, __ATOMIC_ACQUIRE);
    uint32_t mine = __atomic_load_n(&to->version, __ATOMIC_RELAXED), count = from->count;
    if (version & 1 || count > REMEMBERED_FRAMES || (to->ref == from->ref && to->sp == from->sp)) return;
    if (!claim(to, mine)) return;
    memcpy((char *)to + sizeof to->version, (const char *)from + sizeof from->version,
           offsetof(struct remembered, frame) - sizeof to->version + count * sizeof *to->frame);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    to->count = __atomic_load_n(&from->version, __ATOMIC_RELAXED) == version ? count : 0;
    __atomic_store_n(&to->version, mine + 2, __ATOMIC_RELEASE);
}

void origin_before_fork(void)
{
    if (!caches) return;
    uint32_t changes = __atomic_load_n(&caches->changes, __ATOMIC_ACQUIRE);
    if (likely(changes == own_changes)) return;
    own_changes = changes;
    for (unsigned i = 0; i < REMEMBERED; i++)
        if (caches->remembered[i].count) copy(&own[i], &caches->remembered[i]);
}
#else
static ft_ref known_stack(uint64_t site, uint64_t sp) { return 0; }
void origin_before_fork(void) {}
static void keep(const struct frames *frames, uint64_t sp, ft_ref ref) {}
#endif

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
        origin_object(site);
        return 0;
    }
    ft_ref stack = write_stack(&frames);
    keep(&frames, sp, stack);
    return stack;
}

HOT __attribute__((noinline)) struct ft_origin origin_full(uint64_t site)
{
    struct ft_origin origin = {.site = site};
    if (!origin_unwinds() || !ft_writer_on(&ft)) return origin;
    uint64_t sp = (uint64_t)(uintptr_t)__builtin_frame_address(0);
    origin.stack = known_stack(site, sp);
    bool interrupted = false;
    if (!origin.stack) origin.stack = unwind(site, sp, &interrupted);
    /* a signal handler may have interrupted the interpreter in the middle of changing its frames */
    if (!interrupted) origin.py_stack = python_stack();
    return origin;
}

/* --- call sites ----------------------------------------------------------------------------- */

struct ft_origin origin_site(uint64_t site)
{
    if (caches && remember(caches->sites, SITES, site)) origin_object(site);
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
    size_t room = (CONNECTED + ACCEPTED + 1) * sizeof(struct connection);
    size_t size = sizeof *caches + room + blocks_room();
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    caches = memory;
    connection_init(caches + 1);
    blocks_init((char *)(caches + 1) + room);
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
