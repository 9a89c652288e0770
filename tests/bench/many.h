/*
 * many.h: 8 processes of 4 threads each, that all do the same: what change() does, `each` times.
 * For crowd.c and functions.c, which are compared.
 */
#ifndef MANY_H
#define MANY_H

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 8, THREADS = 4 };

static long each;

static void *change(void *context);

static inline int many(long events)
{
    each = events / (PROCESSES * THREADS);
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

#endif
