/*
 * crowd.c EVENTS: a run of so many events, for measuring what reads it: 8
 * processes of 4 threads each change their signal masks, now and then a handler.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 8, THREADS = 4 };

static long each;

static void handler(int signal) { (void)signal; }

static void *change(void *context)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    for (long i = 0; i < each; i++) {
        if (i % 1000 == 999)
            signal(SIGUSR2, i / 1000 % 2 ? handler : SIG_IGN);
        else
            pthread_sigmask(i % 2 ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
    }
    return context;
}

int main(int argc, char **argv)
{
    each = (argc > 1 ? atol(argv[1]) : 10000) / (PROCESSES * THREADS);
    for (int p = 0; p < PROCESSES; p++) {
        if (fork()) continue;
        pthread_t threads[THREADS];
        for (int i = 1; i < THREADS; i++) pthread_create(&threads[i], NULL, change, NULL);
        change(NULL);
        for (int i = 1; i < THREADS; i++) pthread_join(threads[i], NULL);
        _exit(0);
    }
    while (wait(NULL) > 0) {
    }
    return 0;
}
