/*
 * greenlets.c: pictures of the greenlets of a thread.
 *
 * What is asked of the greenlet package is its public C API (greenlet.h: the
 * capsule greenlet._C_API) and C getters of its type; nothing here runs Python
 * code, makes an object the collector knows of, or keeps a reference.
 *
 * CPython 3.11 only: there a suspended greenlet's frames all lie on the heap.
 * Later versions keep some on the C stack, which is somebody else's then.
 *
 * Only the main thread's: to ask greenlet for the current one of a thread that
 * has none would make it one. Everything here runs with the GIL held.
 */
#define _GNU_SOURCE
#include "preload/python/greenlets.h"

#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "preload/python/attributes.h"
#include "preload/python/elf.h"
#include "preload/python/frames.h"
#include "preload/python/switches.h"

#define FOUND   480     /* greenlets in a picture: they fit into a page */
#define OBJECTS 1000000 /* that are looked at */
#define SECOND  1000000000u

/* clang-format off */
#define FUNCTIONS(X)                                                        \
    X(void *, PyImport_GetModuleDict, (void))                               \
    X(void *, PyModule_GetDict, (void *module))                             \
    X(void *, PyCapsule_GetPointer, (void *capsule, const char *name))      \
    X(int, PyType_IsSubtype, (void *a, void *b))
#define TYPES(X) X(PyModule_Type) X(_Py_TrueStruct)
/* clang-format on */
static struct {
#define X(result, name, parameters) result(*name) parameters;
    FUNCTIONS(X)
#undef X
#define X(name) const void *name;
    TYPES(X)
#undef X
    const void *greenlet; /* PyGreenlet_Type; NULL: the package is not loaded */
    void *(*current)(void);
    bool declined;
} api;

enum { GREENLET_IMPLEMENTATION = 32 }; /* PyGreenlet of greenlet 2 and 3 (greenlet.h) */

uint64_t greenlets_due;
static bool busy; /* in here: what we call may reach a hook of ours */

/* --- the package ---------------------------------------------------------------------------- */

static bool decline(const char *why)
{
    api.declined = true;
    self_note(FT_NOTE_GREENLETS_UNKNOWN, why);
    return false;
}

static bool fill(void)
{
#define X(result, name, parameters) \
    if (!(api.name = (result(*) parameters)elf_symbol(python.map, #name))) return false;
    FUNCTIONS(X)
#undef X
#define X(name) \
    if (!(api.name = elf_symbol(python.map, #name))) return false;
    TYPES(X)
#undef X
    return true;
}

/* Once it is, that stays so: C extensions are not unloaded. */
bool greenlets_loaded(void)
{
    if (api.greenlet || api.declined) return api.greenlet;
    if (!api.PyImport_GetModuleDict && (!fill() || !attributes_init())) return decline("built otherwise");
    const void *module = py_item(api.PyImport_GetModuleDict(), "greenlet");
    if (!py_is(module, api.PyModule_Type)) return false;
    const void *capsule = py_item(api.PyModule_GetDict(py_own(module)), "_C_API");
    if (!capsule) return false; /* just being imported */
    if (python.layout->version != 0x030b) return decline("those of CPython 3.11 only");
    void **functions = api.PyCapsule_GetPointer(py_own(capsule), "greenlet._C_API");
    if (!functions) return decline("greenlet without its C API");
    const void *type = functions[0];
    if (!attribute_is(type, "gr_frame") || !attribute_is(type, "parent") || !attribute_is(type, "dead"))
        return decline("another greenlet");
    api.current = (void *(*)(void))functions[4];
    api.greenlet = type;
    greenlets_due = 0;
    return true;
}

const void *greenlets_function(const char *name)
{
    const void *module = py_item(api.PyImport_GetModuleDict(), "greenlet");
    return py_is(module, api.PyModule_Type) ? py_item(api.PyModule_GetDict(py_own(module)), name) : NULL;
}

/* --- finding them --------------------------------------------------------------------------- */

/* PyInterpreterState.gc of 3.11 (pycore_interp.h, pycore_gc.h); generation0 proves it */
enum {
    GENERATIONS_311 = 672,
    GENERATION = 24,
    GENERATION0_311 = 744,
    PERMANENT_311 = 752,
    COLLECTING_311 = 848
};
#define GC_HEAD 16 /* before each object: next, previous with two bits of the collector's */

static const void *found[FOUND];
static unsigned found_count, others;

/* Most objects are of few types: asked once a picture. */
static struct {
    const void *type;
    bool greenlet;
} types[256];

static bool is_greenlet(const void *type)
{
    unsigned i = (unsigned)((uintptr_t)type >> 4) & 255;
    if (likely(types[i].type == type)) return types[i].greenlet;
    types[i].type = type;
    return types[i].greenlet = api.PyType_IsSubtype(py_own(type), py_own(api.greenlet));
}

static void keep(const void *object)
{
    if (!py_read(object, GREENLET_IMPLEMENTATION)) return; /* being made */
    if (py_attribute(object, "dead") == api._Py_TrueStruct) return;
    if (found_count < FOUND)
        found[found_count++] = object;
    else
        others++;
}

static bool look_through(const char *list, unsigned *left)
{
    const char *at = list;
    while ((at = py_read(at, 0)) != list) {
        if (!at || !*left || (uintptr_t)at & 7) return false; /* a signal came in the middle of a change */
        --*left;
        if (unlikely(is_greenlet(py_read(at, GC_HEAD + OB_TYPE)))) keep(at + GC_HEAD);
    }
    return true;
}

/* All there are in this interpreter that have not ended. */
static bool find(const void *state)
{
    const char *interpreter = py_read(state, TS_INTERP_311), *generations = interpreter + GENERATIONS_311;
    unsigned left = OBJECTS;
    found_count = others = 0;
    memset(types, 0, sizeof types);
    if (py_read(interpreter, GENERATION0_311) != generations) return decline("this CPython 3.11");
    if (py_read32(interpreter, COLLECTING_311)) return false; /* some objects are on lists of its own */
    return look_through(generations, &left) && look_through(generations + GENERATION, &left) &&
           look_through(generations + 2 * GENERATION, &left) &&
           look_through(interpreter + PERMANENT_311, &left);
}

/* The one all others of its thread come from: the thread itself. */
static const void *root(const void *greenlet)
{
    for (unsigned i = 0; i < 64; i++) {
        const void *parent = py_attribute(greenlet, "parent");
        if (!parent) break;
        greenlet = parent;
    }
    return greenlet;
}

/* --- what they are -------------------------------------------------------------------------- */

/* A greenlet as it is now, and by what it is known again: an address may be used again. */
struct seen {
    const void *object, *dict, *spawned, *code;
    ft_ref ref;
    bool hub;
};

static struct seen seen[2][FOUND] SPARSE; /* by the last picture, by this one */
static unsigned seen_count, last;

/* One that has ended has no code any more, one that has not begun had none. */
static bool is_same(const struct seen *s, const struct seen *now, bool ended)
{
    return s->object == now->object && s->dict == now->dict && s->spawned == now->spawned &&
           (s->code == now->code || !s->code || ended) && !ft_stale(&ft, s->ref);
}

/* Most are where they were in the lists, one after another. */
static const struct seen *known(const struct seen *now, bool ended)
{
    static unsigned next;
    for (unsigned n = 0; n < seen_count; n++, next++) {
        if (next >= seen_count) next = 0;
        if (is_same(&seen[last][next], now, ended)) return &seen[last][next++];
    }
    return NULL;
}

/* gevent's has not begun when it is switched to first: it has no frame then. */
static bool is_hub(const void *greenlet)
{
    const char *type = py_read(py_read(greenlet, OB_TYPE), TYPE_NAME);
    return !strcmp(type, "Hub") || !strcmp(type, "gevent.hub.Hub");
}

/* gevent's Greenlet._run, as given to spawn(): the callable of one that has not started too. */
static const void *run_of(const void *greenlet) { return py_own_item(greenlet, "_run"); }

static ft_ref describe(const void *greenlet, const void *first, const void *spawned, ft_ref function)
{
    struct frames frames = frames_of(first);
    const char *type = py_read(py_read(greenlet, OB_TYPE), TYPE_NAME);
    const void *callable = run_of(greenlet), *thread = callable ? py_bootstrapped(callable) : NULL;
    ft_ref name = 0;
    if (!thread) thread = frames.thread;
    if (thread) name = py_thread_name(thread, &callable);
    if (!function && callable) function = py_function(callable);
    if (!function) function = py_code(frames.own ? frames.own : frames.outermost);
    ft_ref type_name = ft_string(&ft, type, strnlen(type, 128), self.task);
    ft_ref stack = spawned ? frames_spawned(spawned) : 0;
    struct ft_greenlet *record = ft_begin(&ft, FT_GREENLET, sizeof *record, self.task);
    if (!record) return 0;
    record->type = type_name;
    record->name = name;
    record->function = function;
    record->spawned = stack;
    record->flags = frames.hub ? FT_GREENLET_HUB : 0;
    ft_ref ref = ft_ref_of(record);
    ft_commit(record);
    return ref;
}

ft_ref greenlets_what(const void *greenlet, const void *first, uint32_t *flags)
{
    *flags = root(greenlet) == greenlet ? FT_GREENLET_THREAD : 0;
    if (*flags) return 0;
    struct frames frames = frames_of(first);
    const void *callable = run_of(greenlet), *thread = callable ? py_bootstrapped(callable) : NULL;
    if (frames.hub || is_hub(greenlet)) *flags = FT_GREENLET_HUB;
    if (!thread) thread = frames.thread;
    if (thread) py_thread_name(thread, &callable);
    ft_ref function = callable ? py_function(callable) : 0;
    return function ? function : py_code(frames.own ? frames.own : frames.outermost);
}

ft_ref greenlets_name(const void *greenlet, ft_ref function, ft_ref *stack)
{
    const void *object = py_attribute(greenlet, "gr_frame"),
               *first = object ? py_read(object, FRAME_FRAME) : NULL;
    struct seen now = {.object = greenlet,
                       .dict = py_own_dict(greenlet),
                       .spawned = py_attribute(greenlet, "spawning_stack"),
                       .code = frames_outermost(first)};
    const struct seen *before = known(&now, !first);
    *stack = first ? py_stack(first) : 0;
    if (before) return before->ref;
    now.ref = describe(greenlet, first, now.spawned, function);
    if (now.ref && seen_count < FOUND) seen[last][seen_count++] = now;
    return now.ref;
}

/* False: it has not started, and nothing is known of it. */
static bool look_at(const void *greenlet, const void *current, const void *state, struct seen *now,
                    ft_ref *stack)
{
    const void *object = py_attribute(greenlet, "gr_frame"); /* None: it runs now, or has not started */
    const void *first = greenlet == current ? py_frame(state) : object ? py_read(object, FRAME_FRAME) : NULL;
    now->object = greenlet;
    now->dict = py_own_dict(greenlet);
    now->spawned = py_attribute(greenlet, "spawning_stack");
    now->code = frames_outermost(first);
    if (!first && !run_of(greenlet)) return false;
    const struct seen *before = known(now, false);
    now->hub = before ? before->hub : is_hub(greenlet) || frames_of(first).hub;
    now->ref = before ? before->ref : describe(greenlet, first, now->spawned, 0);
    *stack = first ? py_stack(first) : 0;
    return now->ref;
}

/* --- a picture ------------------------------------------------------------------------------ */

static struct picture {
    struct ft_greenlet_at list[FOUND];
    unsigned count, others;
    ft_ref current;
    uint64_t hash;          /* of the list */
    uint64_t taken, lasted; /* in counts of the trace's clock; lasted: without what other threads took */
    uint64_t pause;         /* ns */
    uint64_t at_fork;       /* when one was taken at a fork last */
} picture;

static void write_picture(uint32_t when, ft_ref fork)
{
    size_t bytes = picture.count * sizeof *picture.list;
    struct ft_greenlets *record = ft_begin(&ft, FT_GREENLETS, sizeof *record + bytes, self.task);
    if (!record) return;
    record->when = when;
    record->fork = fork;
    record->count = picture.count;
    record->others = picture.others;
    record->current = picture.current;
    memcpy(record->greenlet, picture.list, bytes);
    ft_commit(record);
}

/* False: there is none to be had now. */
static bool take(const void *state)
{
    struct seen *now = seen[!last];
    if (!find(state)) return false;
    void *current = api.current();
    if (!current) return false;
    const void *mine = root(current);
    picture.count = 0;
    picture.others = others;
    picture.current = 0;
    picture.hash = 0;
    for (unsigned i = 0; i < found_count; i++) {
        struct ft_greenlet_at *at = &picture.list[picture.count];
        struct seen *s = &now[picture.count];
        if (found[i] == mine || root(found[i]) != mine || !look_at(found[i], current, state, s, &at->stack))
            continue;
        at->greenlet = s->ref;
        if (found[i] == current) picture.current = s->ref;
        picture.hash += s->ref * 0x9e3779b97f4a7c15u;
        picture.count++;
    }
    python.Py_DecRef(current);
    last = !last;
    seen_count = picture.count;
    return true;
}

uint64_t greenlets_counts(uint64_t ns)
{
    const struct ft_header *header = ft.header;
    struct timespec t;
    if (!header || header->clock != FT_CLOCK_TSC) return ns;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t); /* not libc's: faketime and the like replace it */
    uint64_t passed = (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec - header->monotonic0;
    return (uint64_t)((unsigned __int128)ns * (ft_now(&ft) - header->counter0) / (passed | 1));
}

/* What this thread has run, in counts. */
static uint64_t ran(void)
{
    struct timespec t;
    syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &t);
    return greenlets_counts((uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec);
}

/* Ten a second at first: a program may have all its greenlets from its first moments on. */
static uint64_t next_pause(void)
{
    if (!api.greenlet) return SECOND;
    picture.pause = picture.pause ? 2 * picture.pause : SECOND / 10;
    if (picture.pause > SECOND) picture.pause = SECOND;
    return picture.pause;
}

/* The caller has made sure that this thread holds the GIL. */
static void tell(uint32_t when, ft_ref fork, const void *state)
{
    static void *type, *value, *traceback;
    if (busy || !me() || self.vforked) return;
    if ((uint32_t)syscall(SYS_gettid) != self.pid) return; /* not the main thread */
    busy = true;
    uint64_t start = ran(), before = picture.hash;
    python.PyErr_Fetch(&type, &value, &traceback);
    if (greenlets_loaded()) switches_check();
    if (api.greenlet && take(state) && (when != FT_PY_AT_EVENT || picture.hash != before))
        write_picture(when, fork);
    python.PyErr_Restore(type, value, traceback);
    picture.taken = ft_now(&ft);
    picture.lasted = ran() - start;
    greenlets_due = picture.taken + greenlets_counts(next_pause()) + 100 * picture.lasted;
    busy = false;
}

static const void *holder_of_gil(void)
{
    const void *state = py_here() && !self.vforked ? py_thread_state() : NULL;
    return state && python.current() == state && !python.finalizing() ? state : NULL;
}

void greenlets_event(const void *state)
{
    if (python.current() == state && !python.finalizing()) tell(FT_PY_AT_EVENT, 0, state);
}

/* Costs at most a twentieth of the time it is about. */
uint32_t greenlets_others(ft_ref but, uint64_t ran)
{
    uint32_t count = 0;
    if (ran >= 20 * picture.lasted) greenlets_event(python.current());
    for (unsigned i = 0; i < seen_count; i++)
        count += seen[last][i].ref != but && seen[last][i].code && !seen[last][i].hub;
    return count + picture.others;
}

/*
 * In a row of forks one picture in ten times its duration does: it looks at every object there is. The first
 * fork always has its own: a picture at an event before may be older than what the child will be a copy of.
 */
void python_greenlets_at_fork(ft_ref fork)
{
    const void *state = holder_of_gil();
    if (!state) return;
    if (!picture.at_fork || ft_now(&ft) - picture.at_fork > 10 * picture.lasted) {
        tell(FT_PY_AT_FORK, fork, state);
        picture.at_fork = picture.taken;
    } else if (picture.count)
        write_picture(FT_PY_AT_FORK, fork);
}

/* A child that is just a step to its end has told what it has, by its parent. */
void python_greenlets_at_exit(void)
{
    const void *state = holder_of_gil();
    if (state) switches_end();
    if (state && ft_now(&ft) - picture.taken >= greenlets_counts(SECOND / 20)) tell(FT_PY_AT_EXIT, 0, state);
}
