/*
 * Each process that needs the thread starts one, after the fork.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int count;

static void *counter(void *unused)
{
    for (;; count++) usleep(10000);
    return unused;
}

static void work(void)
{
    for (int i = 0; i < 3; i++) {
        usleep(100000);
        printf("worker: count is %s\n", count > 3 ? "growing" : "standing still");
    }
    pause(); /* until it is told to end */
}

int main(void)
{
    pthread_t thread;
    setbuf(stdout, NULL);
    pid_t worker = fork();
    pthread_create(&thread, NULL, counter, NULL);
    if (!worker) work();
    usleep(400000);
    printf("parent: count is %s\n", count > 3 ? "growing" : "standing still");
    kill(worker, SIGTERM);
    waitpid(worker, NULL, 0);
    return 0;
}
