/*
 * stale_thread.c: stale-thread-object: Python lists a thread as alive in a
 * process in which it does not exist.
 */
#include "find.h"

void find_stale_thread(struct findings *f) {}

void tell_stale_thread(const struct timeline *t, struct finding *x, struct say *title, struct say *why) {}
