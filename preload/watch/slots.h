/*
 * slots.h: the places that have a breakpoint: hardware.c fills them, hit.c looks
 * at them when one was hit. Inside preload/watch/ only.
 */
#ifndef WATCH_SLOTS_H
#define WATCH_SLOTS_H

#include <string.h>

#include "preload/watch/hardware.h"

struct slot {
    struct plan_slot plan;
    ft_ref global, watch;
    uint64_t number; /* bit of its watch, as in hardware_held */
    bool automatic;
    bool gone;     /* unloaded */
    uint64_t seen; /* when looked at last */
};
extern struct slot hardware_slots[HARDWARE_SLOTS];
extern unsigned hardware_slot_count;

/* Hits by patched stores, for each slot; shared by all processes of the family. */
extern uint32_t *hardware_in_vain;

/* No more hits, in all processes of the family. */
void hardware_end(unsigned slot);

/* In one go where it is aligned: what other threads write is then never half seen. */
static inline uint64_t slot_value(uint64_t address, unsigned size)
{
    const volatile void *at = (const volatile void *)(uintptr_t)address;
    uint64_t value = 0;
    if (address % size == 0) switch (size) {
        case 1: return *(const volatile uint8_t *)at;
        case 2: return *(const volatile uint16_t *)at;
        case 4: return *(const volatile uint32_t *)at;
        case 8: return *(const volatile uint64_t *)at;
        }
    memcpy(&value, (const void *)(uintptr_t)address, size < 8 ? size : 8);
    return value;
}

#endif
