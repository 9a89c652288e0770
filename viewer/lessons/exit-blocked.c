/*
 * A service joins its thread when it leaves, from an atexit handler.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_t thread;
static atomic_bool leaving;

static void *listener(void *unused)
{
    while (!leaving) usleep(50000);
    return unused;
}

static void join_it(void)
{
    pthread_join(thread, NULL);
    puts("service: all is saved");
}

static void serve(void)
{
    sigset_t term;
    int signal;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    pthread_create(&thread, NULL, listener, NULL);
    atexit(join_it);
    sigwait(&term, &signal);
    puts("service: I am leaving");
    exit(0);
}

int main(void)
{
    int status;
    setbuf(stdout, NULL);
    pid_t service = fork();
    if (!service) serve();
    usleep(200000);
    kill(service, SIGTERM);
    usleep(1300000); /* patience */
    kill(service, SIGKILL);
    waitpid(service, &status, 0);
    puts(WIFSIGNALED(status) ? "supervisor: it had to be killed" : "supervisor: it has left");
    return 0;
}
