/*
 * switches.c: the trace function of greenlet's that keeps the slot of what runs
 * now, and tells of runs that kept the thread for long.
 *
 * It may be called a million times a second: it takes no lock, makes nothing,
 * and writes to the trace but the slot, unless a run was long. All state is of
 * the main thread, guarded by the GIL.
 */
#include "preload/python/switches.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/python/attributes.h"
#include "preload/python/elf.h"
#include "preload/python/frames.h"
#include "preload/python/greenlet_list.h"
#include "preload/python/greenlet_seen.h"
#include "preload/python/greenlets.h"

/* clang-format off */
#define FUNCTIONS(X)                                                                        \
    X(void *, PyCMethod_New, (void *definition, void *self_, void *module, void *type))     \
    X(void *, PyObject_CallOneArg, (void *callable, void *argument))                        \
    X(void *, PyObject_CallNoArgs, (void *callable))                                        \
    X(void *, PyObject_Call, (void *callable, void *arguments, void *keywords))             \
    X(void, PyErr_Clear, (void))                                                            \
    X(int, PyGC_Disable, (void))                                                            \
    X(int, PyGC_Enable, (void))                                                             \
    X(void, Py_IncRef, (void *object))
#define OBJECTS(X) X(PyTuple_Type) X(_Py_NoneStruct)
/* clang-format on */
ELF_API(FUNCTIONS, OBJECTS)

bool switches_wanted;
static bool over;           /* the process is about to end */
static void *ours, *theirs; /* trace functions; theirs: the program's, set before, or NULL */

void switches_init(const char *mode) { switches_wanted = mode && !strcmp(mode, "switches"); }

/* --- what runs ------------------------------------------------------------------------------ */

/* What is known of a greenlet since it was first switched to. Forgotten when another one needs the place. */
static struct known {
    const void *greenlet;
    ft_ref function;
    uint32_t flags;
} known[512] SPARSE;

static struct {
    struct ft_greenlet_slot *slot;
    ft_ref task; /* whose slot it is: after a fork not ours */
    const void *greenlet;
    ft_ref function;
    uint32_t flags;
    uint64_t since, threshold;
    uint64_t switches, ran, longest;
} now;

static const struct known *look_up(const void *greenlet)
{
    struct known *k = &known[(uintptr_t)greenlet >> 5 & 511];
    const void *first = py_frame(python.current());
    bool fresh = !first; /* it has not begun: what was known is of another one at this address */
    bool told = k->greenlet == greenlet && !fresh && (k->function || k->flags);
    if (unlikely(!told)) {
        k->greenlet = greenlet;
        k->function = greenlet_what(greenlet, first, &k->flags);
    }
    return k;
}

static void long_run(const void *greenlet, uint64_t until)
{
    ft_ref stack = 0, ref = 0;
    if (!(now.flags & FT_GREENLET_THREAD)) ref = greenlet_name(greenlet, now.function, &stack);
    uint32_t waited = greenlets_others(ref, until - now.since);
    struct ft_greenlet_run *record = ft_begin(&ft, FT_GREENLET_RUN, sizeof *record, now.task);
    if (!record) return;
    record->since = now.since;
    record->head.time = until;
    record->greenlet = ref;
    record->stack = stack;
    record->others = waited;
    ft_commit(record);
}

/* Of one that had no frame yet when it was switched to: eventlet's event loop too. */
static void look_again(const void *greenlet)
{
    const void *frame = py_attribute(greenlet, "gr_frame");
    if (frame) now.function = greenlet_what(greenlet, py_read(frame, FRAME_FRAME), &now.flags);
}

static void account(const void *origin, uint64_t time)
{
    uint64_t ran = time - now.since;
    if (now.greenlet != origin) return;
    if (unlikely(ran >= now.threshold) && !now.function && !now.flags) look_again(origin);
    if (now.flags & FT_GREENLET_HUB) return;
    now.ran += ran;
    if (ran > now.longest) now.longest = ran;
    if (unlikely(ran >= now.threshold)) long_run(origin, time);
}

static void show(uint64_t time)
{
    struct ft_greenlet_slot *slot = now.slot;
    if (!slot) return; /* switches_check(), since: a long run's telling may come by there */
    ft_slot_clear(slot);
    slot->function = now.function;
    slot->flags = now.flags;
    slot->switches = now.switches;
    slot->ran = now.ran;
    slot->longest = now.longest;
    ft_slot_set(slot, FT_GREENLET_SLOT, now.task, time);
}

/* Of this process; false: there is none to be had. */
static bool own_slot(ft_ref task)
{
    if (likely(now.task == task)) return now.slot;
    const struct ft_header *header = ft.header;
    now.task = task;
    now.slot = ft_slot_new(&ft, task);
    now.switches = now.ran = now.longest = 0;
    now.greenlet = NULL;
    now.threshold = greenlets_counts((header ? header->wait_threshold : 100) * (uint64_t)1000000);
    return now.slot;
}

static void switched(const void *origin, const void *target)
{
    ft_ref task = me();
    if (!task || over || self.vforked || !own_slot(task)) return;
    uint64_t time = ft_now(&ft);
    account(origin, time);
    const struct known *k = look_up(target);
    now.switches++;
    now.greenlet = target;
    now.function = k->function;
    now.flags = k->flags;
    now.since = time;
    show(time);
    if (unlikely(time >= greenlets_due)) greenlets_event(python.current());
}

void switches_end(void)
{
    over = true;
    if (!now.slot || now.task != self.task) return;
    account(now.greenlet, ft_now(&ft));
    if (now.slot) ft_slot_clear(now.slot); /* account() may have come by switches_check() */
    now.greenlet = NULL;
}

/* --- the trace function --------------------------------------------------------------------- */

static const void *item(const void *tuple, unsigned i)
{
    enum { ITEMS = 24 }; /* PyTupleObject */
    if (!py_is(tuple, api.PyTuple_Type) || (uintptr_t)py_read(tuple, OB_SIZE) <= i) return NULL;
    return py_read(tuple, ITEMS + 8 * (int)i);
}

/* ("switch" or "throw", (origin, target)) */
static void *traced(void *module, void *arguments)
{
    const void *pair = item(arguments, 1), *origin = item(pair, 0), *target = item(pair, 1);
    if (origin && target) switched(origin, target);
    if (theirs) return api.PyObject_Call(theirs, arguments, NULL);
    api.Py_IncRef(api._Py_NoneStruct);
    return api._Py_NoneStruct;
}

static const struct { /* PyMethodDef */
    const char *name;
    void *(*function)(void *, void *);
    int flags;
    const char *doc;
} definition = {"forktrace", traced, 1 /* METH_VARARGS */, "FORKTRACE_GREENLETS=switches"};

static void arm(void)
{
    switches_wanted = false;
    const void *settrace = greenlet_function("settrace");
    if (!settrace || !api_find(python.map)) return;
    int collects = api.PyGC_Disable(); /* what a collection runs must not run here */
    ours = api.PyCMethod_New((void *)(uintptr_t)&definition, NULL, NULL, NULL);
    void *before = ours ? api.PyObject_CallOneArg(py_own(settrace), ours) : NULL;
    if (!before) api.PyErr_Clear();
    if (before == api._Py_NoneStruct)
        python.Py_DecRef(before);
    else
        theirs = before;
    if (collects) api.PyGC_Enable();
}

void switches_try(void)
{
    static bool busy;
    static void *type, *value, *traceback;
    if (busy || !me() || self.vforked || !py_holds_gil() || python.finalizing()) return;
    if ((uint32_t)syscall(SYS_gettid) != self.pid) return; /* not the main thread */
    busy = true;
    python.PyErr_Fetch(&type, &value, &traceback);
    if (greenlet_loaded()) arm();
    python.PyErr_Restore(type, value, traceback);
    busy = false;
}

void switches_check(void)
{
    const void *gettrace = ours ? greenlet_function("gettrace") : NULL;
    void *current = gettrace ? api.PyObject_CallNoArgs(py_own(gettrace)) : NULL;
    if (!current) return;
    if (current != ours) {
        self_note(FT_NOTE_GREENLETS_TRACED, NULL);
        if (now.slot && now.task == self.task) ft_slot_clear(now.slot);
        now.slot = NULL;
        ours = NULL;
    }
    python.Py_DecRef(current);
}
