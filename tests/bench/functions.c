/*
 * functions.c EVENTS: a run of so many entries and exits of functions, for
 * uftrace: 8 processes of 4 threads each, as in crowd.c.
 *
 * flags: -pg -fno-inline
 */
#include "many.h"

static volatile long sum;

static void call(long i) { sum += i; }

static void *change(void *context)
{
    for (long i = 0; i < each; i++) call(i);
    return context;
}

int main(int argc, char **argv) { return many((argc > 1 ? atol(argv[1]) : 10000) / 2); }
