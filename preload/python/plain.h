/*
 * plain.h: what is to be known of Python without looking into a process: the
 * names of modules and globals, the watch list, numbers and characters. Pure;
 * the library and forktrace-ebpf use the same.
 */
#ifndef PYTHON_PLAIN_H
#define PYTHON_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAIN_INT 80 /* room for an int's text */

/* The program's own module: not the standard library, not what a package manager installed (unless `all`). */
bool plain_own(const char *file, const char *name, bool all);

/* "/srv/app.py" -> "app", "/srv/shop/__init__.py" -> "shop". uWSGI renames modules: the file says more. */
void plain_stem(const char *file, char *out, size_t room);

/* Is "module.name" or "module.*" in a watch list? */
bool plain_listed(const char *list, const char *module, const char *name, size_t length);

/* Whether the name of a global promises a secret: secret_name(), or "key" as a word. */
bool plain_secret(const char *name, size_t length);

/* A character in UTF-8: its bytes, at most 4. */
size_t plain_utf8(uint32_t c, char *out);

/*
 * An int by its 30-bit digits, the lowest first, of which `have` are there: in decimal up to 8 digits,
 * else how large it is. The text's length; not terminated.
 */
size_t plain_int(char out[PLAIN_INT], const uint32_t *digits, size_t count, size_t have, bool negative);

#endif
