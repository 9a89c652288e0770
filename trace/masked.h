/*
 * masked.h: which words of a program's memory are kept as they are in a trace
 * (FT_C_BLOCK), and what stands for the others: text, and what may be a key.
 * The reader applies the same to words of files, to compare the two.
 */
#ifndef FT_MASKED_H
#define FT_MASKED_H

#include <stdbool.h>

#include "format.h"

/* Of at least four characters, and zeros. */
static inline bool ft_is_text(uint64_t word)
{
    unsigned characters = 0;
    for (; word; word >>= 8) {
        unsigned byte = word & 0xff;
        if (byte && (byte < 0x20 || byte > 0x7e)) return false;
        characters += byte != 0;
    }
    return characters >= 4;
}

static inline bool ft_is_small(int32_t half) { return half > -(1 << 24) && half < 1 << 24; }

/* The word itself if it is a number of ordinary size, two of them, or an address; else FT_C_MASKED. */
static inline uint64_t ft_masked(uint64_t word)
{
    bool number = word >> 32 == 0 || (int64_t)word >> 31 == -1;
    bool address = word >> 47 == 0 && word >> 40;
    bool pair = ft_is_small((int32_t)word) && ft_is_small((int32_t)(word >> 32));
    if ((number || address || pair) && !ft_is_text(word)) return word;
    uint64_t hash = (word ^ word >> 32) * 0x9e3779b97f4a7c15u;
    return FT_C_MASKED | ((hash ^ hash >> 29) * 0xbf58476d1ce4e5b9u) >> 44;
}

#endif
