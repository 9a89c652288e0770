/*
 * kill.c: signals sent. Recorded before the call (kill(getpid(), SIGKILL) does
 * not return), the outcome filled in afterwards. Signal 0 sends nothing: it
 * only asks whether there is somebody, and is not recorded.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "preload/signals.h"

static struct ft_kill *sending(enum ft_kill_api api, int64_t target, int signal_number, uint64_t site)
{
    if (signal_number <= 0 || signal_number >= NSIG) return NULL;
    ft_ref task = me();
    if (!task) return NULL;
    struct ft_origin origin = origin_full(site);
    struct ft_kill *record = ft_begin(&ft, FT_KILL, sizeof *record, task);
    if (!record) return NULL;
    record->site = site;
    record->target = target;
    record->signal = (uint8_t)signal_number;
    record->api = (uint8_t)api;
    record->stack = origin.stack;
    record->py_stack = origin.py_stack;
    ft_publish(record);
    return record;
}

static void sent(struct ft_kill *record, int error)
{
    if (!record) return;
    record->error = error;
    ft_commit(record);
}

/* Those that return -1 and set errno. */
#define KILL(name, target, parameters, arguments)                                                   \
    HOOK(int, name, parameters)                                                                     \
    {                                                                                               \
        struct ft_kill *record = sending(FT_KILL_##name, (int64_t)(target), signal_number, SITE()); \
        int result = REAL(name) arguments;                                                          \
        sent(record, result ? errno : 0);                                                           \
        return result;                                                                              \
    }

/* Those that return the error. */
#define PTHREAD_KILL(name, target, parameters, arguments)                                           \
    HOOK(int, name, parameters)                                                                     \
    {                                                                                               \
        struct ft_kill *record = sending(FT_KILL_##name, (int64_t)(target), signal_number, SITE()); \
        int error = REAL(name) arguments;                                                           \
        sent(record, error);                                                                        \
        return error;                                                                               \
    }

#define FT_KILL_gsignal FT_KILL_raise /* its old name */

KILL(kill, pid, (pid_t pid, int signal_number), (pid, signal_number))
KILL(killpg, group, (pid_t group, int signal_number), (group, signal_number))
KILL(sigqueue, pid, (pid_t pid, int signal_number, const union sigval value), (pid, signal_number, value))
KILL(tgkill, tid, (pid_t pid, pid_t tid, int signal_number), (pid, tid, signal_number))
KILL(raise, 0, (int signal_number), (signal_number))
KILL(gsignal, 0, (int signal_number), (signal_number))
PTHREAD_KILL(pthread_kill, thread, (pthread_t thread, int signal_number), (thread, signal_number))
PTHREAD_KILL(pthread_sigqueue, thread, (pthread_t thread, int signal_number, const union sigval value),
             (thread, signal_number, value))

HOOK(void, abort, (void))
{
    sent(sending(FT_KILL_abort, 0, SIGABRT, SITE()), 0);
    REAL(abort)();
    __builtin_unreachable();
}
