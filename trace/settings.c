/* settings.c: see settings.h. */
#include "settings.h"

#include <stddef.h>
#include <stdlib.h>

#define DEFAULT_MAX     (1ull << 30)
#define DEFAULT_WAIT_MS 100

/* 0 if it makes no sense. */
static uint64_t size_of(const char *text)
{
    uint64_t value = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (value > UINT64_MAX / 16) return 0;
        value = value * 10 + (uint64_t)(*text - '0');
    }
    unsigned shift = 0;
    switch (*text | 32) {
    case 'k': shift = 10; break;
    case 'm': shift = 20; break;
    case 'g': shift = 30; break;
    case 32: break;
    default: return 0;
    }
    return value > UINT64_MAX >> shift ? 0 : value << shift;
}

uint64_t ft_max_size(const char *text)
{
    uint64_t bytes = text ? size_of(text) : 0;
    return bytes ? bytes : DEFAULT_MAX;
}

uint32_t ft_wait_ms(const char *text)
{
    return text && *text ? (uint32_t)strtoul(text, NULL, 10) : DEFAULT_WAIT_MS;
}
