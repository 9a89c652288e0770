/*
 * ahead.c: a second thread for large traces. It opens the pages that will be
 * due next, and touches the memory that their events will need: on a machine
 * with two processors both are done by the time they are wanted. What becomes
 * of a record does not depend on who decoded it.
 *
 * Pages are opened in batches. Whoever marks a batch first, does it: the thread,
 * or the one that needs it now.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "order.h"

#define BATCH   32u                /* stretches */
#define LEAD    16u                /* batches the thread may be ahead */
#define WORTH   (32 * BATCH)       /* stretches: fewer are read before a thread has begun */
#define TOUCH   ((size_t)2 << 20)  /* bytes at a time */
#define TOUCHED ((size_t)32 << 20) /* ahead of where the events are */

enum { TODO, TAKEN, DONE };

struct ahead {
    struct build *b;
    pthread_t thread;
    pthread_mutex_t lock; /* for waiting only */
    pthread_cond_t changed;
    size_t batches;
    atomic_uchar *state; /* of each batch */
    struct filled {
        struct item *items; /* NULL: there was no memory, or they have been taken */
        uint32_t count;
    } * filled;            /* by stretch */
    atomic_size_t reached; /* batches asked for */
    atomic_bool stop;
    struct events_room room;
    size_t touched;
};

static void announce(struct ahead *a)
{
    pthread_mutex_lock(&a->lock);
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

static bool take(struct ahead *a, size_t batch)
{
    unsigned char todo = TODO;
    return atomic_compare_exchange_strong(&a->state[batch], &todo, TAKEN);
}

static void do_batch(struct ahead *a, size_t batch)
{
    const struct order *o = a->b->order;
    for (size_t i = batch * BATCH; i < (batch + 1) * BATCH && i < o->stretch_count; i++) {
        struct filled *f = &a->filled[i];
        f->items = malloc(o->stretches[i].count * sizeof *f->items);
        if (f->items) f->count = order_fill(a->b, &o->stretches[i], f->items);
    }
    a->state[batch] = DONE;
}

/* A little of what the events will need. False: it is there. */
static bool touch(struct ahead *a)
{
    size_t due = a->room.bytes / a->batches * (a->reached + 1) + TOUCHED;
    if (due > a->room.bytes) due = a->room.bytes;
    if (a->touched + 2 * TOUCH > due) return false;
    char *start = a->room.start + a->touched; /* on an older kernel the pages come one by one, as ever */
    madvise((void *)(((uintptr_t)start + TOUCH - 1) & -TOUCH), TOUCH, MADV_POPULATE_WRITE);
    a->touched += TOUCH;
    return true;
}

static bool work(struct ahead *a, size_t *next)
{
    size_t reached = a->reached;
    if (*next < reached) *next = reached;
    if (*next >= a->batches || *next >= reached + LEAD) return false;
    if (take(a, *next)) {
        do_batch(a, *next);
        if (*next <= a->reached) announce(a);
    }
    ++*next;
    return true;
}

static void *run(void *context)
{
    struct ahead *a = context;
    for (size_t next = 0; !a->stop;) {
        bool touched = touch(a);
        if (work(a, &next) || touched) continue;
        pthread_mutex_lock(&a->lock);
        size_t reached = a->reached;
        if (!a->stop && next >= reached + LEAD / 2 && next < a->batches)
            pthread_cond_wait(&a->changed, &a->lock);
        pthread_mutex_unlock(&a->lock);
        if (next >= a->batches) break;
    }
    return NULL;
}

void ahead_start(struct build *b, struct events_room room)
{
    struct order *o = b->order;
    if (o->stretch_count < WORTH) return;
    struct ahead *a = calloc(1, sizeof *a);
    if (!a) return;
    a->b = b;
    a->room = room;
    a->batches = (o->stretch_count + BATCH - 1) / BATCH;
    a->state = calloc(a->batches, sizeof *a->state);
    a->filled = calloc(o->stretch_count, sizeof *a->filled);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    sigset_t all, before; /* signals are for the thread that draws */
    sigfillset(&all);
    sigdelset(&all, SIGBUS);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool runs = a->state && a->filled && !pthread_create(&a->thread, NULL, run, a);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (runs) {
        pthread_setname_np(a->thread, "ahead");
        o->ahead = a;
        return;
    }
    free(a->state), free(a->filled), free(a);
}

/* Now this batch is due. */
static void reach(struct ahead *a, size_t batch)
{
    if (a->reached > batch) return;
    a->reached = batch + 1;
    if (batch % (LEAD / 4) == 0) announce(a);
    if (take(a, batch)) {
        do_batch(a, batch);
    } else if (a->state[batch] != DONE) {
        pthread_mutex_lock(&a->lock);
        while (a->state[batch] != DONE) pthread_cond_wait(&a->changed, &a->lock);
        pthread_mutex_unlock(&a->lock);
    }
}

bool ahead_take(struct build *b, size_t i, struct item **items, uint32_t *count)
{
    struct ahead *a = b->order->ahead;
    if (!a) return false;
    reach(a, i / BATCH);
    *items = a->filled[i].items;
    *count = a->filled[i].count;
    a->filled[i].items = NULL;
    return *items;
}

void ahead_stop(struct build *b)
{
    struct ahead *a = b->order->ahead;
    if (!a) return;
    a->stop = true;
    announce(a);
    pthread_join(a->thread, NULL);
    for (size_t i = 0; i < b->order->stretch_count; i++) free(a->filled[i].items);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a->state), free(a->filled), free(a);
    b->order->ahead = NULL;
}
