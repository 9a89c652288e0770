/*
 * A worker counts until it is told to stop. Its administrator gave it one second of CPU time.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    struct rlimit limit = {.rlim_cur = 1, .rlim_max = 1};
    int status;
    setbuf(stdout, NULL);
    pid_t worker = fork();
    if (!worker) {
        setrlimit(RLIMIT_CPU, &limit);
        for (volatile long count = 0;; count++) {
        }
    }
    waitpid(worker, &status, 0);
    printf("the worker is gone: signal %d, and nobody here sent it\n", WTERMSIG(status));
    return 0;
}
