/*
 * sample.c: the values of watched globals, compared at every event that is
 * recorded, at forks and at ends: so that a write no engine saw (by the kernel,
 * through a pointer, in code nobody could patch) is known to have happened.
 *
 * A record says between which two moments the value was read. Whether a write
 * that was seen explains it is for the reader to find out: the trampolines
 * tell nobody but the trace.
 */
#include "preload/watch/sample.h"

#include <string.h>

#include "preload/readable.h"
#include "preload/watch/hardware.h"

#define GLOBALS 1024

static struct told {
    const void *address;
    ft_ref global;
    uint8_t size;
    bool stays;
    uint64_t value; /* told last */
} told[GLOBALS];
static uint32_t told_count;

/* In one go where it is aligned: what other threads write is then never half seen. */
static uint64_t value_at(const void *address, uint8_t size)
{
    uint64_t value = 0;
    if ((uintptr_t)address % size == 0) switch (size) {
        case 1: return *(const volatile uint8_t *)address;
        case 2: return *(const volatile uint16_t *)address;
        case 4: return *(const volatile uint32_t *)address;
        case 8: return *(const volatile uint64_t *)address;
        }
    memcpy(&value, address, size);
    return value;
}

uint64_t sample_add(uint64_t address, uint64_t size, ft_ref global, bool stays)
{
    struct told new = {(const void *)(uintptr_t)address, global, (uint8_t)(size < 8 ? size : 8), stays, 0};
    if (!size) return 0;
    new.value = value_at(new.address, new.size);
    for (uint32_t i = 0; i < told_count; i++)
        if (told[i].address == new.address && told[i].size == new.size) return new.value;
    if (told_count < GLOBALS) {
        told[told_count] = new;
        __atomic_store_n(&told_count, told_count + 1, __ATOMIC_RELEASE); /* events look while we add */
    }
    return new.value;
}

void sample_forget(bool (*is_loaded)(uint64_t address))
{
    for (uint32_t i = 0; i < told_count; i++)
        if (told[i].size && !is_loaded((uint64_t)(uintptr_t)told[i].address)) told[i].size = 0;
}

/* The record's time is taken before the value is read, `until` after. */
static bool tell(struct told *t, enum ft_type type, ft_ref fork)
{
    struct ft_c_value *record = ft_begin(&ft, type, sizeof *record, self.task);
    if (!record) return false;
    record->global = t->global;
    record->fork = fork;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    record->value = t->value = value_at(t->address, t->size);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    record->until = ft_now(&ft);
    ft_commit(record);
    return true;
}

static void look(enum ft_type type, ft_ref fork)
{
    uint32_t count = __atomic_load_n(&told_count, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < count; i++) {
        if (unlikely(!told[i].size || (!told[i].stays && !readable(told[i].address)))) continue;
        if (unlikely(value_at(told[i].address, told[i].size) != told[i].value) && !tell(&told[i], type, fork))
            return;
    }
}

void watch_sample(void) { look(FT_C_SAMPLE, 0); }

void watch_tell(ft_ref fork)
{
    hardware_check();
    look(FT_C_VALUE, fork);
}
