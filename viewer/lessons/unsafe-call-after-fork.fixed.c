/*
 * The date is looked up before the fork, and the child is given it.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void *write_dates(void *unused)
{
    for (;;) {
        time_t now = time(NULL);
        struct tm date;
        localtime_r(&now, &date);
    }
    return unused;
}

static void work(struct tm date) { _exit(date.tm_year < 0); }

int main(void)
{
    enum { CHILDREN = 10 };
    pid_t child[CHILDREN];
    pthread_t thread;
    int stuck = 0, status;
    for (int i = 0; i < 2; i++) pthread_create(&thread, NULL, write_dates, NULL);
    usleep(100000);
    for (int i = 0; i < CHILDREN; i++) {
        time_t now = time(NULL);
        struct tm date;
        localtime_r(&now, &date);
        if (!(child[i] = fork())) work(date);
        usleep(1000);
    }
    sleep(1); /* patience */
    for (int i = 0; i < CHILDREN; i++) {
        kill(child[i], SIGKILL); /* nothing, if it has ended */
        waitpid(child[i], &status, 0);
        stuck += WIFSIGNALED(status);
    }
    puts(stuck ? "children got stuck" : "all children are done");
    return 0;
}
