/*
 * lock.c: what a free lock costs: lock+unlock pairs of each kind, in a process
 * with one thread and with two: `lock [KIND]` prints "KIND COUNT NS" for each,
 * the best of 7 runs. Run it with and without the library and compare.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
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
} kinds[] = {{"recursive", pair_recursive}, {"rdlock", pair_read}, {"wrlock", pair_write},
             {"spin", pair_spin},           {"mtx", pair_mtx},     {"sem_wait", pair_sem},
             {"sem_trywait", pair_sem_try}, {"mutex", pair_mutex}};

static long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void measure(const char *wanted, const char *suffix)
{
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        long best = 0;
        if (wanted && strcmp(wanted, kinds[k].name)) continue;
        for (int run = 0; run < RUNS; run++) {
            long start = now();
            for (int i = 0; i < PAIRS; i++) kinds[k].pair();
            long ns = now() - start;
            if (!run || ns < best) best = ns;
        }
        printf("%s%s %d %ld\n", kinds[k].name, suffix, PAIRS, best);
    }
}

static void *sleeper(void *arg)
{
    for (;;) pause();
    return arg;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
    sem_init(&sem, 0, 1);
    mtx_init(&mtx, mtx_plain);
    measure(argc > 1 ? argv[1] : NULL, "");
    pthread_create(&thread, NULL, sleeper, NULL);
    measure(argc > 1 ? argv[1] : NULL, "+thread");
    return 0;
}
