/*
 * hw_watch_static.c: hw_watch.c, where no library can be.
 *
 * flags: -static
 */
#include "tests/bench/hw_watch.c"
