/* parallel.c: see parallel.h. Without a thread the caller does it all. */
#define _GNU_SOURCE
#include "parallel.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

struct loop {
    size_t count, piece;
    void (*work)(void *context, size_t from, size_t to);
    void *context;
    atomic_size_t next;
};

static void *run(void *context)
{
    struct loop *l = context;
    for (size_t from; (from = atomic_fetch_add(&l->next, l->piece)) < l->count;)
        l->work(l->context, from, l->count - from < l->piece ? l->count : from + l->piece);
    return NULL;
}

void ft_parallel(size_t count, size_t piece, void (*work)(void *context, size_t from, size_t to),
                 void *context)
{
    struct loop loop = {.count = count, .piece = piece, .work = work, .context = context};
    pthread_t thread;
    sigset_t all, before; /* signals are for the caller, but for those of its own doing */
    sigfillset(&all);
    sigdelset(&all, SIGBUS), sigdelset(&all, SIGSEGV);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool helped =
        count > piece && sysconf(_SC_NPROCESSORS_ONLN) > 1 && !pthread_create(&thread, NULL, run, &loop);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    run(&loop);
    if (helped) pthread_join(thread, NULL);
}
