/*
 * crowd.c EVENTS: a run of so many events, for measuring what reads it: 8
 * processes of 4 threads each change their signal masks, now and then a handler.
 */
#include <signal.h>

#include "many.h"

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

int main(int argc, char **argv) { return many(argc > 1 ? atol(argv[1]) : 10000); }
