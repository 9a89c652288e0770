/*
 * A thread writes a log, under a lock. The main thread forks, and the child wants to write to the log, too.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void write_log(const char *who)
{
    pthread_mutex_lock(&log_lock);
    printf("%s writes\n", who);
    usleep(300000); /* a slow disk */
    pthread_mutex_unlock(&log_lock);
}

static void *writer(void *who)
{
    write_log(who);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    int status;
    setbuf(stdout, NULL);
    pthread_create(&thread, NULL, writer, "the thread");
    usleep(100000);
    pid_t child = fork();
    if (!child) {
        write_log("the child");
        _exit(0);
    }
    pthread_join(thread, NULL);
    write_log("the parent");
    usleep(500000);
    kill(child, SIGKILL); /* nothing, if it is done */
    waitpid(child, &status, 0);
    puts(WIFSIGNALED(status) ? "the child had to be killed" : "the child is done");
    return 0;
}
