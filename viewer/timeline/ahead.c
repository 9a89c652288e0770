/*
 * ahead.c: a second thread for large traces. It merges the records that will
 * be due next, a ring of batches of them, and when the ring is full it touches
 * the memory that their events will need. So does the thread that builds, when
 * the ring is empty: whichever of the two has the time.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "order.h"

#define BATCH   2048u              /* items */
#define RING    16u                /* batches */
#define WORTH   1024u              /* stretches: fewer are merged before a thread has begun */
#define TOUCH   ((size_t)2 << 20)  /* bytes at a time */
#define TOUCHED ((size_t)32 << 20) /* ahead of where the events are */
#define PATIENT 64                 /* looks before a thread sleeps: to wake it takes longer */

struct batch {
    struct item items[BATCH];
    size_t count; /* less than BATCH: there are no more */
    bool failed;  /* out of memory */
};

struct ahead {
    struct merge *merge;
    pthread_t thread;
    pthread_mutex_t lock; /* for sleeping only */
    pthread_cond_t changed;
    atomic_size_t made, used; /* batches */
    atomic_bool merger_sleeps, builder_sleeps, stop;
    bool begun, over; /* a batch has been given out; the last one */
    struct events_room room;
    size_t share; /* of it, that a batch needs */
    atomic_size_t touched;
    struct batch ring[RING];
};

/* A little of what the events will need. False: it is there. */
static bool touch(struct ahead *a)
{
    size_t here = a->share * a->used / TOUCH * TOUCH, at = a->touched;
    size_t due = here + TOUCHED < a->room.bytes ? here + TOUCHED : a->room.bytes;
    size_t from = at > here ? at : here; /* what is behind has been touched by use */
    if (from + 2 * TOUCH > due) return false;
    if (!atomic_compare_exchange_strong(&a->touched, &at, from + TOUCH)) return true;
    char *start = a->room.start + from; /* on an older kernel the pages come one by one, as ever */
    madvise((void *)(((uintptr_t)start + TOUCH - 1) & -TOUCH), TOUCH, MADV_POPULATE_WRITE);
    return true;
}

/* --- waiting for each other ------------------------------------------------------------------- */

static bool is_room(const struct ahead *a) { return a->stop || a->made - a->used < RING; }
static bool is_much_room(const struct ahead *a) { return a->stop || a->made - a->used <= RING / 2; }
static bool is_batch(const struct ahead *a) { return a->made != a->used; }

static void sleep_until(struct ahead *a, bool (*ready)(const struct ahead *), atomic_bool *sleeps)
{
    for (int i = 0; i < PATIENT; i++, sched_yield())
        if (ready(a)) return;
    pthread_mutex_lock(&a->lock);
    *sleeps = true; /* before it looks again: who makes it ready, looks here after that */
    while (!ready(a)) pthread_cond_wait(&a->changed, &a->lock);
    *sleeps = false;
    pthread_mutex_unlock(&a->lock);
}

static void wake(struct ahead *a)
{
    pthread_mutex_lock(&a->lock);
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

/* --- the thread that merges --------------------------------------------------------------------- */

static void *run(void *context)
{
    struct ahead *a = context;
    for (bool more = true; more;) {
        while (!is_room(a))
            if (!touch(a)) sleep_until(a, is_much_room, &a->merger_sleeps);
        if (a->stop) break;
        struct batch *batch = &a->ring[a->made % RING];
        batch->failed = !merge_next(a->merge, batch->items, BATCH, &batch->count);
        more = !batch->failed && batch->count == BATCH;
        a->made++;
        if (a->builder_sleeps) wake(a);
    }
    return NULL;
}

void ahead_start(struct build *b, struct events_room room)
{
    struct order *o = b->order;
    if (o->stretch_count < WORTH || sysconf(_SC_NPROCESSORS_ONLN) < 2) return;
    struct ahead *a = calloc(1, sizeof *a);
    if (!a) return;
    size_t items = 0;
    for (size_t i = 0; i < o->stretch_count; i++) items += o->stretches[i].items;
    a->merge = o->merge;
    a->room = room;
    a->share = room.bytes / (items / BATCH + 1);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    sigset_t all, before; /* signals are for the thread that draws */
    sigfillset(&all);
    sigdelset(&all, SIGBUS);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool runs = !pthread_create(&a->thread, NULL, run, a);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (runs) {
        pthread_setname_np(a->thread, "ahead");
        o->ahead = a;
        return;
    }
    free(a);
}

/* --- the thread that builds --------------------------------------------------------------------- */

static void give_back(struct ahead *a)
{
    a->used++;
    if (a->merger_sleeps && is_much_room(a)) wake(a);
}

bool ahead_next(struct build *b, struct item **items, size_t *count)
{
    struct ahead *a = b->order->ahead;
    *count = 0;
    if (a->over) return true;
    if (a->begun) give_back(a);
    a->begun = true;
    while (!is_batch(a))
        if (!touch(a)) sleep_until(a, is_batch, &a->builder_sleeps);
    struct batch *batch = &a->ring[a->used % RING];
    *items = batch->items;
    *count = batch->count;
    a->over = batch->count < BATCH;
    return !batch->failed;
}

void ahead_stop(struct build *b)
{
    struct ahead *a = b->order->ahead;
    if (!a) return;
    a->stop = true;
    wake(a);
    pthread_join(a->thread, NULL);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a);
    b->order->ahead = NULL;
}
