/*
 * lock.c: what a free lock costs: nanoseconds per lock+unlock pair of each
 * kind, in a process with one thread and with two. Run it with and without
 * the library and compare; each figure is the best of 7 runs of a million pairs.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define PAIRS 1000000
#define RUNS  7

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static mtx_t mtx;
static sem_t sem;

static void pair_mutex(void)
{
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
}
static void pair_recursive(void)
{
    pthread_mutex_lock(&recursive);
    pthread_mutex_unlock(&recursive);
}
static void pair_read(void)
{
    pthread_rwlock_rdlock(&rwlock);
    pthread_rwlock_unlock(&rwlock);
}
static void pair_write(void)
{
    pthread_rwlock_wrlock(&rwlock);
    pthread_rwlock_unlock(&rwlock);
}
static void pair_spin(void)
{
    pthread_spin_lock(&spin);
    pthread_spin_unlock(&spin);
}
static void pair_mtx(void)
{
    mtx_lock(&mtx);
    mtx_unlock(&mtx);
}
static void pair_sem(void)
{
    sem_wait(&sem);
    sem_post(&sem);
}
static void pair_sem_try(void) /* CPython's lock */
{
    if (!sem_trywait(&sem)) sem_post(&sem);
}

static const struct {
    const char *name;
    void (*pair)(void);
} kinds[] = {{"mutex", pair_mutex},   {"recursive", pair_recursive}, {"rdlock", pair_read},
             {"wrlock", pair_write},  {"spin", pair_spin},           {"mtx", pair_mtx},
             {"sem_wait", pair_sem}, {"sem_trywait", pair_sem_try}};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void measure(const char *threads)
{
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        double best = 1e18;
        for (int run = 0; run < RUNS; run++) {
            double start = now();
            for (int i = 0; i < PAIRS; i++) kinds[k].pair();
            double each = (now() - start) / PAIRS;
            if (each < best) best = each;
        }
        printf("%-8s %-12s %6.2f ns\n", threads, kinds[k].name, best);
    }
}

static void *sleeper(void *arg)
{
    for (;;) pause();
    return arg;
}

int main(void)
{
    pthread_t thread;
    pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
    sem_init(&sem, 0, 1);
    mtx_init(&mtx, mtx_plain);
    measure("alone");
    pthread_create(&thread, NULL, sleeper, NULL);
    measure("threads");
    return 0;
}
