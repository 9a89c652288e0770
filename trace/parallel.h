/*
 * parallel.h: one loop, done by two threads where there are two processors.
 */
#ifndef FT_PARALLEL_H
#define FT_PARALLEL_H

#include <stddef.h>

/*
 * Calls work for pieces [from, to) of [0, count), each of at most `piece`, in
 * any order and by any of the threads; returns when all are done. The result
 * must not depend on who did what.
 */
void ft_parallel(size_t count, size_t piece, void (*work)(void *context, size_t from, size_t to),
                 void *context);

#endif
