/*
 * A handler does what must be done before a fork, and no more: locks, for example.
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void prepare(void) {} /* the tidying up is done elsewhere */

int main(void)
{
    struct timespec before, after;
    setbuf(stdout, NULL);
    pthread_atfork(prepare, NULL, NULL);
    clock_gettime(CLOCK_MONOTONIC, &before);
    pid_t child = fork();
    if (!child) _exit(0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    long ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
    printf("fork() is %s\n", ms >= 50 ? "slow" : "quick");
    waitpid(child, NULL, 0);
    return 0;
}
