/*
 * settings.h: what FORKTRACE_MAX_SIZE and FORKTRACE_WAIT_MS say, for whoever
 * creates a trace. Pure: nothing of libc but strtoul.
 */
#ifndef FT_SETTINGS_H
#define FT_SETTINGS_H

#include <stdint.h>

/* "64M" and the like in bytes; NULL, "" and nonsense: the default, 1 GiB. */
uint64_t ft_max_size(const char *text);

/* Milliseconds; NULL and "": the default, 100. */
uint32_t ft_wait_ms(const char *text);

#endif
