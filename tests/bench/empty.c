/*
 * empty.c: a shared object with nothing in it: the least that any preloaded library costs.
 *
 * flags: -shared -fPIC
 */
int forktrace_bench_empty;
