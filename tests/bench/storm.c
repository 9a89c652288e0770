/*
 * storm.c: one kind of call, many times: `storm fork|thread|sigaction COUNT`. Prints "KIND COUNT NS": the
 * time of the calls alone, without the start of the program or of what traces it; before that "cpu COUNT NS":
 * the CPU time of its processes meanwhile, which others on the machine disturb less.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void *nothing(void *argument) { return argument; }
static void handler(int number) { (void)number; }

static int forks(long count)
{
    for (long i = 0; i < count; i++) {
        int status;
        pid_t pid = fork();
        if (!pid) _exit(0);
        if (waitpid(pid, &status, 0) != pid) return 1;
    }
    return 0;
}

static int threads(long count)
{
    for (long i = 0; i < count; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL)) return 1;
    }
    return 0;
}

static int sigactions(long count)
{
    struct sigaction action = {.sa_handler = handler};
    for (long i = 0; i < count; i++)
        if (sigaction(SIGUSR1, &action, NULL)) return 1;
    return 0;
}

static long cpu_ns(void)
{
    struct rusage self, children;
    getrusage(RUSAGE_SELF, &self);
    getrusage(RUSAGE_CHILDREN, &children);
    return (self.ru_utime.tv_sec + self.ru_stime.tv_sec + children.ru_utime.tv_sec +
            children.ru_stime.tv_sec) *
               1000000000L +
           (self.ru_utime.tv_usec + self.ru_stime.tv_usec + children.ru_utime.tv_usec +
            children.ru_stime.tv_usec) *
               1000L;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(long);
    } kinds[] = {{"fork", forks}, {"thread", threads}, {"sigaction", sigactions}};
    for (size_t i = 0; argc == 3 && i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(argv[1], kinds[i].name)) continue;
        struct timespec from, to;
        long count = atol(argv[2]);
        long cpu = cpu_ns();
        clock_gettime(CLOCK_MONOTONIC, &from);
        int failed = kinds[i].run(count);
        clock_gettime(CLOCK_MONOTONIC, &to);
        printf("cpu %ld %ld\n", count, cpu_ns() - cpu);
        printf("%s %ld %ld\n", argv[1], count,
               (to.tv_sec - from.tv_sec) * 1000000000L + to.tv_nsec - from.tv_nsec);
        return failed;
    }
    fprintf(stderr, "storm fork|thread|sigaction COUNT\n");
    return 2;
}
