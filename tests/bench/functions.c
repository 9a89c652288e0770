/*
 * functions.c EVENTS: a run of so many entries and exits of functions, for
 * uftrace: 8 processes of 4 threads each, as in crowd.c.
 *
 * flags: -pg -fno-inline
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 8, THREADS = 4 };

static volatile long sum;
static long each;

static void call(long i) { sum += i; }

static void *change(void *context)
{
    for (long i = 0; i < each; i++) call(i);
    return context;
}

int main(int argc, char **argv)
{
    each = (argc > 1 ? atol(argv[1]) : 10000) / (PROCESSES * THREADS) / 2;
    for (int p = 0; p < PROCESSES; p++) {
        if (fork()) continue;
        pthread_t threads[THREADS];
        for (int i = 1; i < THREADS; i++) pthread_create(&threads[i], NULL, change, NULL);
        change(NULL);
        for (int i = 1; i < THREADS; i++) pthread_join(threads[i], NULL);
        exit(0);
    }
    while (wait(NULL) > 0) {
    }
    return 0;
}
