/*
 * The soft limit is below the hard one: the kernel warns with SIGXCPU before it kills, and the worker leaves
 * in time.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t over;

static void warned(int signal)
{
    (void)signal;
    over = 1;
}

int main(void)
{
    struct rlimit limit = {.rlim_cur = 1, .rlim_max = 10};
    int status;
    setbuf(stdout, NULL);
    pid_t worker = fork();
    if (!worker) {
        signal(SIGXCPU, warned);
        setrlimit(RLIMIT_CPU, &limit);
        for (volatile long count = 0; !over; count++) {
        }
        puts("worker: my time is over, everything is saved");
        return 0;
    }
    waitpid(worker, &status, 0);
    printf("the worker left with status %d\n", WEXITSTATUS(status));
    return 0;
}
