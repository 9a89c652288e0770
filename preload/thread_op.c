/*
 * thread_op.c: what is done to threads: joined, detached, cancelled.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <time.h>

#include "preload/origin.h"
#include "preload/thread.h"
#include "preload/waiting.h"

static struct ft_thread_op *operation(enum ft_thread_op_api api, uint64_t thread, uint64_t site)
{
    ft_ref task = me();
    if (!task) return NULL;
    struct ft_origin origin = origin_site(site);
    struct ft_thread_op *record = ft_begin(&ft, FT_THREAD_OP, sizeof *record, task);
    if (!record) return NULL;
    record->site = origin.site;
    record->pthread = thread;
    record->api = api;
    return record;
}

static void done(struct ft_thread_op *record, int error)
{
    if (!record) return;
    record->error = error;
    ft_commit(record);
}

/* A poll that found the thread still running is no event. */
static void joined(uint64_t thread, uint64_t site, int error)
{
    if (error != EBUSY && error != ETIMEDOUT) done(operation(FT_THREAD_OP_join, thread, site), error);
}

/* Around a join that may block; its end is a cleanup because joining is a cancellation point. */
static int join_begins(uint64_t thread, enum ft_timed timed, uint64_t site)
{
    waiting_begin(FT_WAIT_join, timed, (const void *)(uintptr_t)thread, 0, thread_tid((pthread_t)thread),
                  site);
    return 0;
}
static void join_ends(const int *unused) { waiting_end(); }
#define WAITING_FOR(thread, timed, site) \
    __attribute__((cleanup(join_ends), unused)) int waiting = join_begins((uint64_t)(thread), timed, site)

HOOK(int, pthread_join, (pthread_t thread, void **result))
{
    int error;
    {
        WAITING_FOR(thread, FT_UNTIMED, SITE());
        error = REAL(pthread_join)(thread, result);
    }
    joined((uint64_t)thread, SITE(), error);
    return error;
}

HOOK(int, pthread_timedjoin_np, (pthread_t thread, void **result, const struct timespec *until))
{
    int error;
    {
        WAITING_FOR(thread, until ? FT_TIMED : FT_UNTIMED, SITE());
        error = REAL(pthread_timedjoin_np)(thread, result, until);
    }
    joined((uint64_t)thread, SITE(), error);
    return error;
}

HOOK(int, pthread_clockjoin_np,
     (pthread_t thread, void **result, clockid_t clock, const struct timespec *until))
{
    int error;
    {
        WAITING_FOR(thread, until ? FT_TIMED : FT_UNTIMED, SITE());
        error = REAL(pthread_clockjoin_np)(thread, result, clock, until);
    }
    joined((uint64_t)thread, SITE(), error);
    return error;
}

HOOK(int, pthread_tryjoin_np, (pthread_t thread, void **result))
{
    int error = REAL(pthread_tryjoin_np)(thread, result);
    joined((uint64_t)thread, SITE(), error);
    return error;
}

HOOK(int, thrd_join, (thrd_t thread, int *result))
{
    int outcome;
    {
        WAITING_FOR(thread, FT_UNTIMED, SITE());
        outcome = REAL(thrd_join)(thread, result);
    }
    joined((uint64_t)thread, SITE(), thread_c11_error(outcome, EINVAL));
    return outcome;
}

/* Recorded before the call: once detached, the thread may end and its pthread_t belong to another. */
HOOK(int, pthread_detach, (pthread_t thread))
{
    struct ft_thread_op *record = operation(FT_THREAD_OP_detach, (uint64_t)thread, SITE());
    ft_publish(record);
    int error = REAL(pthread_detach)(thread);
    done(record, error);
    return error;
}

HOOK(int, thrd_detach, (thrd_t thread))
{
    struct ft_thread_op *record = operation(FT_THREAD_OP_detach, (uint64_t)thread, SITE());
    ft_publish(record);
    int result = REAL(thrd_detach)(thread);
    done(record, thread_c11_error(result, EINVAL));
    return result;
}

/* Before the call: a thread that cancels itself asynchronously does not come back. */
HOOK(int, pthread_cancel, (pthread_t thread))
{
    struct ft_thread_op *record = operation(FT_THREAD_OP_cancel, (uint64_t)thread, SITE());
    ft_publish(record);
    int error = REAL(pthread_cancel)(thread);
    done(record, error);
    return error;
}
