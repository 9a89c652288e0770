/*
 * greenlets.c: pictures of the greenlets of a thread: when one is taken, and
 * what is written.
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

#include "preload/python/greenlet_list.h"
#include "preload/python/greenlet_seen.h"
#include "preload/python/switches.h"

#define SECOND 1000000000u

uint64_t greenlets_due;
static bool busy; /* in here: what we call may reach a hook of ours */

static struct picture {
    struct ft_greenlet_at list[GREENLETS];
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
    if (!greenlet_find(state)) return false;
    void *current = greenlet_current();
    if (!current) return false;
    const void *mine = greenlet_root(current);
    picture.count = 0;
    picture.others = greenlet_list.others;
    picture.current = 0;
    picture.hash = 0;
    seen_begin();
    for (unsigned i = 0; i < greenlet_list.count; i++) {
        const void *greenlet = greenlet_list.of[i];
        ft_ref stack = 0, ref = 0;
        if (greenlet != mine && greenlet_root(greenlet) == mine)
            ref = seen_look(greenlet, current, state, &stack);
        if (!ref) continue;
        picture.list[picture.count++] = (struct ft_greenlet_at){.greenlet = ref, .stack = stack};
        if (greenlet == current) picture.current = ref;
        picture.hash += ref * 0x9e3779b97f4a7c15u;
    }
    seen_end();
    python.Py_DecRef(current);
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
static uint64_t next_pause(bool loaded)
{
    if (!loaded) return SECOND;
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
    bool loaded = greenlet_loaded();
    if (loaded) switches_check();
    if (loaded && take(state) && (when != FT_PY_AT_EVENT || picture.hash != before))
        write_picture(when, fork);
    python.PyErr_Restore(type, value, traceback);
    picture.taken = ft_now(&ft);
    picture.lasted = ran() - start;
    greenlets_due = picture.taken + greenlets_counts(next_pause(loaded)) + 100 * picture.lasted;
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
    if (ran >= 20 * picture.lasted) greenlets_event(python.current());
    return seen_begun(but) + picture.others;
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
