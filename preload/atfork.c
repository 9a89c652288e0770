/*
 * atfork.c: handlers registered with pthread_atfork, and each of their runs.
 *
 * pthread_atfork is a static stub in every program and library; it calls
 * __register_atfork with the handle of the object it is in, by which dlclose
 * takes the handlers away again. We pass that on, but have libc call a thunk
 * of ours, one per slot and phase, so that a run has a name and a length, and
 * one that never returns is seen. When the slots are used up, handlers are
 * registered as they are: recorded once, not their runs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "preload/object.h"
#include "preload/origin.h"
#include "preload/self.h"

typedef void handler(void);
enum { PREPARE, PARENT, CHILD, PHASES };

static const uint32_t phase_of[PHASES] = {FT_ATFORK_prepare, FT_ATFORK_parent, FT_ATFORK_child};

static struct slot {
    uint32_t taken;
    handler *real[PHASES];
} slots[32];

static uint64_t monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct ft_atfork *begin(handler *what, uint32_t phase)
{
    ft_ref task = me();
    struct ft_atfork *record = task ? ft_begin(&ft, FT_ATFORK, sizeof *record, task) : NULL;
    if (!record) return NULL;
    record->handler = (uint64_t)(uintptr_t)what;
    record->phase = phase;
    return record;
}

/* Published before: a handler that hangs, or whose library is gone, must show. */
static void run(unsigned slot, unsigned phase)
{
    handler *real = slots[slot].real[phase];
    struct ft_atfork *record = begin(real, phase_of[phase]);
    if (!record) {
        real();
        return;
    }
    struct dl_find_object object;
    if (origin_unwinds() && _dl_find_object((void *)(uintptr_t)real, &object))
        record->which = FT_ATFORK_UNLOADED;
    ft_publish(record);
    uint64_t start = monotonic();
    real();
    record->ns = monotonic() - start;
    ft_commit(record);
}

/* clang-format off */
#define SLOTS(X)                                                                 \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13)    \
    X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25)      \
    X(26) X(27) X(28) X(29) X(30) X(31)
#define X(n)                                          \
    static void prepare_##n(void) { run(n, PREPARE); } \
    static void parent_##n(void) { run(n, PARENT); }   \
    static void child_##n(void) { run(n, CHILD); }
SLOTS(X)
#undef X
#define X(n) {prepare_##n, parent_##n, child_##n},
static handler *const thunks[][PHASES] = {SLOTS(X)};
#undef X
/* clang-format on */
static_assert(sizeof thunks / sizeof *thunks == sizeof slots / sizeof *slots, "a thunk for every slot");

/*
 * A slot for these three. The same three again (a library that was closed and
 * loaded again) share one: a slot says only what to call. -1: none left.
 */
static int slot_for(handler *const real[PHASES])
{
    int count = sizeof slots / sizeof *slots;
    for (int i = 0; i < count; i++) {
        struct slot *slot = &slots[i];
        uint32_t state = 0;
        if (__atomic_compare_exchange_n(&slot->taken, &state, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
            for (int phase = 0; phase < PHASES; phase++) slot->real[phase] = real[phase];
            __atomic_store_n(&slot->taken, 2, __ATOMIC_RELEASE);
            return i;
        }
        bool same = state == 2; /* 1: another thread is filling it in */
        for (int phase = 0; phase < PHASES && same; phase++) same = slot->real[phase] == real[phase];
        if (same) return i;
    }
    return -1;
}

HOOK(int, __register_atfork, (handler * prepare, handler *parent, handler *child, void *object))
{
    extern void *__dso_handle __attribute__((visibility("hidden")));
    handler *real[PHASES] = {prepare, parent, child}, *given[PHASES] = {prepare, parent, child};
    bool ours = object == &__dso_handle || object == __dso_handle;
    int slot = ours || !me() ? -1 : slot_for(real);
    for (int phase = 0; slot >= 0 && phase < PHASES; phase++)
        if (real[phase]) given[phase] = thunks[slot][phase];
    int error = REAL(__register_atfork)(given[PREPARE], given[PARENT], given[CHILD], object);
    for (int phase = 0; phase < PHASES && !ours && !error; phase++) {
        if (!real[phase]) continue;
        object_describe((uint64_t)(uintptr_t)real[phase]);
        struct ft_atfork *record = begin(real[phase], FT_ATFORK_registered);
        if (!record) continue;
        record->which = phase_of[phase];
        ft_commit(record);
    }
    return error;
}
