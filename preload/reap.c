/*
 * reap.c: the wait family: who reaped whom, with which status. Waiting is
 * noted before it blocks. All are cancellation points (their unwinding runs
 * waiting_end), and all may be called in a SIGCHLD handler.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "origin.h"
#include "python/python.h"
#include "reap.h"
#include "waiting.h"

void reaped(enum ft_reap_api api, uint64_t site, int pid, int status)
{
    if (!WIFEXITED(status) && !WIFSIGNALED(status)) return;
    int saved = errno;
    ft_ref task = me(), py_stack = task ? python_stack_from(site) : 0;
    struct ft_reap *record = task ? ft_begin(&ft, FT_REAP, sizeof *record, task) : NULL;
    if (record) {
        record->site = site;
        record->pid = pid;
        record->status = status;
        record->api = api;
        record->py_stack = py_stack;
        ft_commit(record);
    }
    errno = saved;
}

/* The wait for this one child failed. */
static void failed(enum ft_reap_api api, uint64_t site, pid_t child)
{
    if (likely(errno != ECHILD) || child <= 0) return;
    ft_ref task = me();
    if (task) {
        struct ft_origin origin = origin_full(site);
        struct ft_no_child *record = ft_begin(&ft, FT_NO_CHILD, sizeof *record, task);
        if (record) {
            record->origin = origin;
            record->pid = child;
            record->api = api;
            ft_commit(record);
        }
    }
    errno = ECHILD;
}

static void wait_over(const bool *blocking)
{
    if (*blocking) waiting_end();
}

/* From here to the end of the block this thread may be waiting for `child`; cancellation ends it too. */
#define WHILE_WAITING(child, options, site)                                   \
    bool blocking __attribute__((cleanup(wait_over))) = !((options)&WNOHANG); \
    if (blocking) waiting_begin(FT_WAIT_child, FT_UNTIMED, NULL, (uint64_t)(int64_t)(child), 0, site)

HOOK(pid_t, wait, (int *status))
{
    int own, *at = status ? status : &own;
    WHILE_WAITING(-1, 0, SITE());
    pid_t pid = REAL(wait)(at);
    if (pid > 0) reaped(FT_REAP_wait, SITE(), pid, *at);
    return pid;
}

HOOK(pid_t, waitpid, (pid_t child, int *status, int options))
{
    int own, *at = status ? status : &own;
    WHILE_WAITING(child, options, SITE());
    pid_t pid = REAL(waitpid)(child, at, options);
    if (pid > 0) reaped(FT_REAP_waitpid, SITE(), pid, *at);
    if (pid < 0) failed(FT_REAP_waitpid, SITE(), child);
    return pid;
}

HOOK(pid_t, wait3, (int *status, int options, struct rusage *usage))
{
    int own, *at = status ? status : &own;
    WHILE_WAITING(-1, options, SITE());
    pid_t pid = REAL(wait3)(at, options, usage);
    if (pid > 0) reaped(FT_REAP_wait3, SITE(), pid, *at);
    return pid;
}

HOOK(pid_t, wait4, (pid_t child, int *status, int options, struct rusage *usage))
{
    int own, *at = status ? status : &own;
    WHILE_WAITING(child, options, SITE());
    pid_t pid = REAL(wait4)(child, at, options, usage);
    if (pid > 0) reaped(FT_REAP_wait4, SITE(), pid, *at);
    if (pid < 0) failed(FT_REAP_wait4, SITE(), child);
    return pid;
}

/* The wait status that waitpid would have given; a stop for everything that is not an end. */
static int wait_status(const siginfo_t *info)
{
    switch (info->si_code) {
    case CLD_EXITED: return (info->si_status & 0xff) << 8;
    case CLD_KILLED: return info->si_status & 0x7f;
    case CLD_DUMPED: return (info->si_status & 0x7f) | 0x80;
    default: return 0x7f;
    }
}

/* WNOWAIT only looks. With WNOHANG and nobody to reap si_pid is 0. */
HOOK(int, waitid, (idtype_t type, id_t id, siginfo_t *info, int options))
{
    siginfo_t own = {0}, *at = info ? info : &own;
    WHILE_WAITING(type == P_ALL ? -1 : (int64_t)id, options, SITE());
    int result = REAL(waitid)(type, id, at, options);
    if (!result && !(options & WNOWAIT) && at->si_pid)
        reaped(FT_REAP_waitid, SITE(), at->si_pid, wait_status(at));
    if (result && type == P_PID) failed(FT_REAP_waitid, SITE(), (pid_t)id);
    return result;
}

/* glibc exports these names too. */
EXPORT pid_t __wait(int *status) __attribute__((alias("wait")));
EXPORT pid_t __waitpid(pid_t child, int *status, int options) __attribute__((alias("waitpid")));
