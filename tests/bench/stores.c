/*
 * stores.c: what a store to a global costs: N of them by each of T threads.
 * Says ns a store: by the clock, and of these in the program and in the kernel
 * (CPU time, all threads). c_globals.py runs it bare, with `hot` watched, and
 * under the peers.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

volatile uint64_t hot;

static uint64_t each;

static double of(struct timeval t) { return (double)t.tv_sec * 1e9 + (double)t.tv_usec * 1e3; }

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Of its own, for peers that trace functions. */
__attribute__((noinline)) static void write_all(uint64_t count)
{
    for (uint64_t i = 1; i <= count; i++) hot = i;
}

static void *thread(void *unused)
{
    write_all(each);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[16];
    each = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    int count = argc > 2 ? atoi(argv[2]) : 1;
    if (count < 1 || count > 16) return 2;
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    double start = now();
    for (int i = 1; i < count; i++)
        if (pthread_create(&threads[i], NULL, thread, NULL)) return 2;
    write_all(each);
    for (int i = 1; i < count; i++) pthread_join(threads[i], NULL);
    double passed = now() - start, stores = (double)each * count;
    getrusage(RUSAGE_SELF, &after);
    printf("store %.3f user %.3f system %.3f\n", passed / (double)each,
           (of(after.ru_utime) - of(before.ru_utime)) / stores,
           (of(after.ru_stime) - of(before.ru_stime)) / stores);
    return 0;
}
