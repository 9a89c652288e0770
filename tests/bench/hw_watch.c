/*
 * hw_watch.c: what a watched store costs: writes a global so many times, in rounds, and prints
 * the least ns of its thread's time a write, after having waited for a while (for who attaches
 * from outside).
 *
 *     hw_watch WRITES SECONDS
 *
 * flags: -no-pie
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 100

volatile uint64_t watched;
static volatile uint64_t *volatile pointer = &watched;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int main(int argc, char **argv)
{
    unsigned long writes = argc > 1 ? strtoul(argv[1], NULL, 10) / ROUNDS : 1000;
    double best = 1e18;
    usleep(argc > 2 ? (unsigned)(1e6 * atof(argv[2])) : 0);
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (unsigned long i = 0; i < writes; i++) *pointer = i;
        double each = (now() - start) / (double)writes;
        if (each < best) best = each;
    }
    printf("write %.1f\n", best);
    return 0;
}
