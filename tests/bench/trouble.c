/*
 * trouble.c EVENTS: a run of so many events in which most rules have much to look at: 200 children forked
 * while threads hold locks; handlers of two parties in turn, signals, addresses in use, exits that take long.
 */
#include <dlfcn.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHILDREN = 200, THREADS = 4 };

static pthread_mutex_t lock[THREADS];
static struct sockaddr_in address = {.sin_family = AF_INET};
static long each;

static void own(int signal) { (void)signal; }
static void linger(void) { usleep(1100000); }

static void *hold(void *mutex)
{
    pthread_mutex_lock(mutex);
    for (;;) pause();
    return NULL;
}

static void work(void (*foreign)(int))
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    atexit(linger);
    for (int i = 0; i < 5; i++) bind(fd, (struct sockaddr *)&address, sizeof address);
    for (long i = 0; i < each; i++) signal(SIGUSR1, i % 2 ? own : foreign);
    time_t now = time(NULL);
    localtime(&now);
    exit(0);
}

int main(int argc, char **argv)
{
    pid_t child[CHILDREN];
    pthread_t thread;
    socklen_t length = sizeof address;
    void *library = dlopen("libexpat.so.1", RTLD_NOW);
    void (*foreign)(int) = (void (*)(int))(uintptr_t)(library ? dlsym(library, "XML_ExpatVersion") : NULL);
    each = (argc > 1 ? atol(argv[1]) : 10000) / CHILDREN / 2;
    for (int i = 0; i < THREADS; i++) {
        pthread_mutex_init(&lock[i], NULL);
        pthread_create(&thread, NULL, hold, &lock[i]);
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bind(fd, (struct sockaddr *)&address, sizeof address), listen(fd, 1);
    getsockname(fd, (struct sockaddr *)&address, &length);
    usleep(10000);
    for (int i = 0; i < CHILDREN; i++)
        if (!(child[i] = fork())) work(foreign);
    for (long k = 0; k < each; k++)
        for (int i = 0; i < CHILDREN; i++) kill(child[i], k ? SIGURG : SIGCONT);
    while (wait(NULL) > 0) continue;
    return 0;
}
