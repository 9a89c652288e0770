/* spoken.h: see spoken.c; for the parts of symbols/. */
#ifndef SYMBOLS_SPOKEN_H
#define SYMBOLS_SPOKEN_H

#include <stdbool.h>
#include <stddef.h>

/* What a mangled name says, without parameters; false: it is none (`to` is empty), or there is not room for
 * all of it (the beginning is there). size > 0. */
bool spoken(const char *name, char *to, size_t size);
/* What symbols_spoken keeps. */
void spoken_free(void);

#endif
