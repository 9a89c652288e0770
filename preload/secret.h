/*
 * secret.h: secrets among the arguments of a program are masked before they
 * are recorded. Pure: no system call, nothing of the library.
 */
#ifndef SECRET_H
#define SECRET_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Mask secrets in a block of NUL-terminated arguments (`length` bytes, the last
 * NUL may be missing): the values of names that contain one of
 *   password passwd secret token apikey api_key api-key credential
 * in `--name=value`, `--name value`, `NAME=value`, `name: value`, also inside a
 * longer argument (a shell command, a query string, JSON). Each value becomes
 * "***". Returns the new length, never greater than the old.
 */
size_t secret_mask(char *block, size_t length);

/* Whether a name promises a secret. */
bool secret_name(const char *name, size_t length);

#endif
