/*
 * A thread holds a lock for a while. A child is forked meanwhile; it tries the lock, late.
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;

static void *reader(void *unused)
{
    pthread_mutex_lock(&cache_lock);
    usleep(200000);
    pthread_mutex_unlock(&cache_lock);
    return unused;
}

int main(void)
{
    pthread_t thread;
    setbuf(stdout, NULL);
    pthread_create(&thread, NULL, reader, NULL);
    usleep(100000);
    pid_t child = fork();
    sleep(1); /* by now the thread has unlocked it, long ago */
    int busy = pthread_mutex_trylock(&cache_lock);
    printf("%s: the lock is %s\n", child ? "parent" : "child", busy ? "held" : "free");
    if (child) waitpid(child, NULL, 0);
    return 0;
}
