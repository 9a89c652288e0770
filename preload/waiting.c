/*
 * waiting.c: the wait slot of each thread, and the records of long waits.
 *
 * The truth about a wait is thread-local; the slot in the trace file is a copy
 * for others to read, and is never read back. Thread-local memory lies beside
 * `self`, so that a parent that forks and waits copies one page, not two.
 *
 * A signal handler may run between any two lines here and wait itself. It then
 * works one level up in mine.wait[]; a level whose `frame` is 0 is being
 * filled or emptied and is left alone.
 */
#define _GNU_SOURCE
#include "waiting.h"

#include <string.h>
#include <time.h>
#include <unwind.h>

#include "object.h"
#include "origin.h"

#define GAP_NS 2000000u /* CPython 3.11 is back in its 5 ms wait for the GIL after some microseconds */

/* No store moves across it, as a handler of this thread sees them. */
#define in_order() __atomic_signal_fence(__ATOMIC_SEQ_CST)

#define WAITS_MAX 2 /* levels: the thread's own wait and a signal handler's */

struct wait {
    struct ft_wait_slot now;
    uint64_t frame, paused, told;
};

static __thread struct {
    struct ft_wait_slot *slot; /* NULL until the first wait */
    ft_ref slot_task;          /* whose it is: after a fork not ours */
    uint32_t waits;            /* now; more than one when a signal handler waits */
    struct wait wait[WAITS_MAX];
} mine __attribute__((tls_model("initial-exec")));

/* --- time ----------------------------------------------------------------------------------- */

/* So many counts of the trace's clock are at least ns nanoseconds: two old and two new readings give its
 * rate. */
static bool at_least(uint64_t counts, uint64_t ns)
{
    const struct ft_header *header = ft.header;
    struct timespec t;
    if (!header) return false;
    if (header->clock != FT_CLOCK_TSC) return counts >= ns;
    clock_gettime(CLOCK_MONOTONIC, &t);
    uint64_t counted = ft_now(&ft) - header->counter0;
    uint64_t passed = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec - header->monotonic0;
    return (unsigned __int128)counts * passed >= (unsigned __int128)ns * counted;
}

/* --- the slot ------------------------------------------------------------------------------- */

static void show(const struct wait *wait, ft_ref task)
{
    if (!mine.slot || mine.slot_task != task) { /* after a fork the old one is still the parent's */
        mine.slot = ft_slot_new(&ft, task);
        mine.slot_task = task;
    }
    struct ft_wait_slot *slot = mine.slot;
    if (!slot) return;
    ft_slot_clear(slot);
    memcpy((char *)slot + sizeof slot->head, (const char *)&wait->now + sizeof slot->head,
           sizeof *slot - sizeof slot->head);
    ft_slot_set(slot, FT_WAIT_SLOT, task, wait->now.head.time);
}

static void hide(void)
{
    if (mine.slot && mine.slot_task == self.task) ft_slot_clear(mine.slot);
}

/* --- records -------------------------------------------------------------------------------- */

/* Write what ended at `end`, if it was long. */
static void tell(struct wait *wait, uint64_t end)
{
    const struct ft_header *header = ft.header;
    uint64_t counts = end - wait->now.head.time;
    if (!header || !at_least(counts, header->wait_threshold * (uint64_t)1000000)) return;
    struct ft_wait *record = ft_begin(&ft, FT_WAIT, sizeof *record, self.task);
    if (!record) return;
    record->head.time = end;
    record->origin = wait->now.origin;
    record->since = wait->now.head.time;
    record->address = wait->now.address;
    record->second = wait->now.second;
    record->owner_tid = wait->now.owner_tid;
    record->kind = wait->now.kind;
    record->timed = wait->now.timed;
    ft_commit(record);
    wait->told = counts;
}

/* A wait that timed out was not taken up again: tell the end of it if that is not told yet. */
static void give_up(struct wait *wait)
{
    if (wait->paused && wait->paused - wait->now.head.time > wait->told) tell(wait, wait->paused);
    wait->paused = wait->told = 0;
}

/* The same wait again, from the same place: a loop of timed waits. */
static bool goes_on(const struct wait *wait, const struct ft_wait_slot *next)
{
    return wait->paused && wait->now.kind == next->kind && wait->now.address == next->address &&
           wait->now.second == next->second && wait->now.origin.site == next->origin.site &&
           !at_least(next->head.time - wait->paused, GAP_NS);
}

/* --- waits that were left without an end ------------------------------------------------------ */

struct search {
    uint64_t site, frame;
    bool interrupted, found;
};

static _Unwind_Reason_Code look(struct _Unwind_Context *context, void *argument)
{
    struct search *search = argument;
    int in_signal_frame = 0;
    uint64_t pc = _Unwind_GetIPInfo(context, &in_signal_frame);
    uint64_t above = _Unwind_GetCFA(context) - search->frame;
    search->interrupted |= in_signal_frame;
    search->found = search->interrupted && pc == search->site && above < 4096;
    return search->found || origin_is_bottom(pc) ? _URC_NORMAL_STOP : _URC_NO_REASON;
}

/*
 * Is the function that began this wait still on our stack, below a signal
 * handler? Only asked when waits are nested, which is rare.
 */
static bool still_there(const struct wait *wait)
{
    struct search search = {.site = wait->now.origin.site, .frame = wait->frame};
    if (!origin_unwinds()) return true;
    _Unwind_Backtrace(look, &search);
    return search.found;
}

/* A cancelled thread in its cleanup handlers, or a handler that jumped out, left its wait without an end. */
static void drop_left(void)
{
    while (mine.waits) {
        uint32_t top = (mine.waits < WAITS_MAX ? mine.waits : WAITS_MAX) - 1;
        struct wait *wait = &mine.wait[top];
        if (!wait->frame || still_there(wait)) return;
        wait->frame = wait->paused = wait->told = 0; /* nobody knows when it ended */
        in_order();
        mine.waits = top;
    }
}

/* --- begin and end -------------------------------------------------------------------------- */

/* A vfork child, or a clone() without a thread pointer of its own, would overwrite its parent's wait. */
static bool borrowed(void) { return self.vforked || self_shared_tls; }

__attribute__((noinline)) void waiting_begin(enum ft_wait_kind kind, enum ft_timed timed, const void *address,
                                             uint64_t second, uint32_t owner_tid, uint64_t site)
{
    if (borrowed() || !ft_writer_on(&ft) || self.end == SELF_ENDED) return;
    if (unlikely(mine.waits)) drop_left();
    uint32_t level = mine.waits++;
    in_order();
    ft_ref task = level < WAITS_MAX ? me() : 0;
    if (!task) return;
    struct wait *wait = &mine.wait[level];
    struct ft_wait_slot next = {.head.time = ft_now(&ft),
                                .origin.site = site,
                                .address = (uint64_t)(uintptr_t)address,
                                .second = second,
                                .kind = (uint16_t)kind,
                                .timed = (uint16_t)timed};
    if (goes_on(wait, &next))
        wait->now.coalesced++;
    else {
        give_up(wait);
        wait->now = next;
    }
    wait->now.owner_tid = owner_tid;
    wait->now.origin = origin_full(site);
    object_describe((uint64_t)(uintptr_t)address);
    if (kind == FT_WAIT_cond) object_describe(second);
    in_order();
    wait->frame = (uint64_t)(uintptr_t)__builtin_frame_address(0);
    show(wait, task);
}

static void end(bool timed_out)
{
    if (borrowed() || !mine.waits) return;
    uint32_t level = mine.waits - 1;
    struct wait *wait = &mine.wait[level];
    if (level < WAITS_MAX && wait->frame) {
        uint64_t now = ft_now(&ft);
        /* a time-out may not be the end: told at once, and again each time the wait has doubled */
        if (!timed_out || now - wait->now.head.time >= 2 * wait->told) tell(wait, now);
        wait->paused = timed_out ? now : 0;
        if (!timed_out) wait->told = 0;
        wait->frame = 0;
        in_order();
        const struct wait *outer = level ? wait - 1 : NULL;
        if (outer && outer->frame)
            show(outer, self.task);
        else
            hide();
    }
    in_order();
    mine.waits = level;
}

void waiting_end(void) { end(false); }
void waiting_timed_out(void) { end(true); }

void waiting_release(void)
{
    for (uint32_t level = 0; level < WAITS_MAX; level++) {
        struct wait *wait = &mine.wait[level];
        if (wait->frame) tell(wait, ft_now(&ft)); /* cancelled in it */
        give_up(wait);
        wait->frame = 0;
    }
    mine.waits = 0;
    if (mine.slot && mine.slot_task == self.task) ft_slot_free(mine.slot);
    mine.slot = NULL;
}
