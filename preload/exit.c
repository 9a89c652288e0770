/*
 * exit.c: how a process ends by its own will: the call with its stack, and the
 * very last thing exit() does, which is also all we see of a return from main.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fork.h"
#include "init.h"
#include "memory.h"
#include "origin.h"
#include "python/python.h"
#include "pending.h"
#include "watch/watch.h"

static uint64_t started; /* this image, in units of the trace's clock */

HOT static void record_exit(enum ft_exit_api api, int status, uint64_t site)
{
    ft_ref task = me_leaving();
    if (!task) return;
    if (api != FT_EXIT_exit) pending_at_end(task, api == FT_EXIT_end);
    watch_at_end();
    if (api != FT_EXIT_exit) memory_at_end(task);
    struct ft_origin origin = {.site = site};
    if (site) {
        origin = origin_full(site);
        python_at_exit(origin.py_stack);
        if (origin.py_stack) python_greenlets_at_exit();
    }
    struct ft_exit *record = ft_begin(&ft, FT_EXIT, sizeof *record, task);
    if (!record) return;
    record->origin = origin;
    record->api = api;
    record->status = status & 0xff;
    ft_commit(record);
}

HOT void exit(int status);
HOOK(void, exit, (int status))
{
    record_exit(FT_EXIT_exit, status, SITE());
    REAL(exit)(status);
    __builtin_unreachable();
}

HOT void _exit(int status);
HOOK(void, _exit, (int status))
{
    record_exit(FT_EXIT__exit, status, SITE());
    REAL(_exit)(status);
    __builtin_unreachable();
}

HOOK(void, _Exit, (int status))
{
    record_exit(FT_EXIT__Exit, status, SITE());
    REAL(_Exit)(status);
    __builtin_unreachable();
}

HOOK(void, quick_exit, (int status))
{
    record_exit(FT_EXIT_quick_exit, status, SITE());
    REAL(quick_exit)(status);
    __builtin_unreachable();
}

/*
 * A second clock pair far from the one at the start makes the conversion of
 * times exact. Not in a process that lived for about a millisecond: reading
 * the clock would cost it page faults (the vdso's data), and it needs none.
 */
HOT static void record_clock(void)
{
    uint64_t born = fork_born() ? fork_born() : started, now = ft_now(&ft);
    if (now - born < ft_about(&ft, 1000000)) return;
    struct ft_clock *record = ft_begin(&ft, FT_CLOCK, sizeof *record, me_leaving());
    if (!record) return;
    struct timespec time;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time); /* not libc's: faketime and the like replace it */
    record->head.time = ft_now(&ft);
    record->monotonic = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
    ft_commit(record);
}

HOT static void at_end(int status, void *unused)
{
    if (!me_leaving()) return;
    record_clock();
    record_exit(FT_EXIT_end, status, 0);
}

/*
 * Registered before libc registers the destructors of all libraries, hence run
 * after them, and in a forked child too. on_exit, unlike atexit, tells the
 * status.
 */
void exit_init(void)
{
    started = ft_now(&ft);
    on_exit(at_end, NULL);
}
