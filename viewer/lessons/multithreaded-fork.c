/*
 * A program starts two threads, then forks a child. How many threads has the child?
 */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void *work(void *unused)
{
    usleep(300000);
    return unused;
}

static int threads(void)
{
    int n = -2; /* . and .. */
    DIR *tasks = opendir("/proc/self/task");
    while (readdir(tasks)) n++;
    closedir(tasks);
    return n;
}

int main(void)
{
    pthread_t a, b;
    setbuf(stdout, NULL);
    pthread_create(&a, NULL, work, NULL);
    pthread_create(&b, NULL, work, NULL);
    printf("parent: %d threads\n", threads());
    pid_t child = fork();
    if (!child) {
        printf("child: %d thread\n", threads());
        _exit(0);
    }
    waitpid(child, NULL, 0);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
