/*
 * sample.c: the values of watched globals, compared at every event that is
 * recorded, at forks and at ends: so that a write no engine saw (by the kernel,
 * through a pointer, in code nobody could patch) is known to have happened.
 *
 * A record says between which two moments the value was read. Whether a write
 * that was seen explains it is for the reader to find out: the trampolines
 * tell nobody but the trace.
 *
 * Of what is longer than 8 bytes a print is kept of each KiB. At an event the
 * first 8 bytes and one KiB are compared, another one each time; all of it at
 * forks and at ends.
 */
#include "preload/watch/sample.h"

#include <string.h>

#include "preload/readable.h"
#include "preload/watch/hardware.h"
#include "preload/watch/shared.h"

#define GLOBALS   1024
#define PART      1024u
#define PARTS     2048 /* of all globals */
#define PARTS_MAX 64   /* of one: what lies behind is not compared */
#define ALL       UINT32_MAX

static struct told {
    const void *address;
    ft_ref global, name;
    uint32_t size; /* 0: it is not there any more */
    uint16_t first, parts;
    bool stays, common;
    uint64_t value; /* told last: its first 8 bytes */
} told[GLOBALS] SPARSE;
static uint32_t told_count, part_count;
static uint32_t prints[PARTS];

/* In one go where it is aligned: what other threads write is then never half seen. */
HOT static uint64_t value_at(const struct told *t)
{
    uint64_t value = 0;
    uint32_t size = t->size < 8 ? t->size : 8;
    if ((uintptr_t)t->address % size == 0) switch (size) {
        case 1: return *(const volatile uint8_t *)t->address;
        case 2: return *(const volatile uint16_t *)t->address;
        case 4: return *(const volatile uint32_t *)t->address;
        case 8: return *(const volatile uint64_t *)t->address;
        }
    memcpy(&value, t->address, size);
    return value;
}

/* --- prints ----------------------------------------------------------------------------------- */

static uint64_t mixed(uint64_t lane, uint64_t word)
{
    lane = (lane ^ word) * 0x9e3779b97f4a7c15u;
    return lane ^ lane >> 29;
}

HOT static uint32_t print_of(const uint8_t *at, size_t size)
{
    uint64_t lane[4] = {1, 2, 3, 4}, word[4];
    for (; size >= sizeof word; at += sizeof word, size -= sizeof word) {
        memcpy(word, at, sizeof word);
        for (unsigned i = 0; i < 4; i++) lane[i] = mixed(lane[i], word[i]);
    }
    memset(word, 0, sizeof word);
    memcpy(word, at, size);
    for (unsigned i = 0; i < 4; i++) lane[i] = mixed(lane[i], word[i]);
    return (uint32_t)(mixed(mixed(lane[0], lane[1]), mixed(lane[2], lane[3])) >> 32);
}

static uint32_t part_print(const struct told *t, uint32_t part)
{
    uint32_t left = t->size - part * PART;
    return print_of((const uint8_t *)t->address + part * PART, left < PART ? left : PART);
}

/* Of all its parts as they were told last; never 0. */
static uint32_t whole_print(const struct told *t)
{
    uint64_t all = t->size;
    for (uint32_t i = 0; i < t->parts; i++) all = mixed(all, prints[t->first + i]);
    return (uint32_t)(all >> 32) | 1;
}

static void take_prints(struct told *t, uint32_t part)
{
    for (uint32_t i = 0; i < t->parts; i++)
        if (part == ALL || i == part || !i) prints[t->first + i] = part_print(t, i);
}

HOT static bool print_differs(const struct told *t, uint32_t part)
{
    for (uint32_t i = 0; i < t->parts; i++)
        if ((part == ALL || i == part) && prints[t->first + i] != part_print(t, i)) return true;
    return false;
}

/* --- which ------------------------------------------------------------------------------------ */

static void give_parts(struct told *t)
{
    uint32_t wanted = t->size > 8 ? (t->size + PART - 1) / PART : 0, left = PARTS - part_count;
    if (wanted > PARTS_MAX || wanted > left) self_note(FT_NOTE_WATCH_LONG, NULL);
    if (wanted > PARTS_MAX) wanted = PARTS_MAX;
    t->parts = (uint16_t)(wanted < left ? wanted : left);
    t->first = (uint16_t)part_count;
    part_count += t->parts;
    take_prints(t, ALL);
}

uint64_t sample_add(uint64_t address, uint32_t size, ft_ref global, ft_ref name, bool stays, uint32_t *print)
{
    struct told new = {.address = (const void *)(uintptr_t)address,
                       .global = global,
                       .name = name,
                       .size = size,
                       .stays = stays};
    if (!size) return 0;
    for (uint32_t i = 0; i < told_count; i++)
        if (told[i].name == name && told[i].size == size && told[i].address == new.address) {
            if (told[i].parts) *print = whole_print(&told[i]);
            return value_at(&told[i]);
        }
    if (told_count == GLOBALS) return value_at(&new);
    new.value = value_at(&new);
    give_parts(&new);
    if (new.parts) *print = whole_print(&new);
    told[told_count] = new;
    __atomic_store_n(&told_count, told_count + 1, __ATOMIC_RELEASE); /* events look while we add */
    return new.value;
}

void sample_forget(bool (*is_loaded)(uint64_t address))
{
    for (uint32_t i = 0; i < told_count; i++)
        if (told[i].size && !is_loaded((uint64_t)(uintptr_t)told[i].address)) told[i].size = 0;
}

/* Nobody has unloaded it. */
static bool is_there(const struct told *t) { return t->size && (t->stays || readable(t->address)); }

/* --- looking ---------------------------------------------------------------------------------- */

/* The record's time is taken before the value is read, `until` after. */
static bool tell(struct told *t, enum ft_type type, ft_ref fork, uint32_t part)
{
    size_t size = t->parts ? sizeof(struct ft_c_value) : offsetof(struct ft_c_value, print);
    struct ft_c_value *record = ft_begin(&ft, type, size, self.task);
    if (!record) return false;
    record->global = t->global;
    record->fork = fork;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    record->value = t->value = value_at(t);
    if (t->parts) {
        take_prints(t, part);
        record->print = whole_print(t);
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    record->until = ft_now(&ft);
    ft_commit(record);
    return true;
}

HOT static void look(enum ft_type type, ft_ref fork, bool all)
{
    uint32_t count = __atomic_load_n(&told_count, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < count; i++) {
        struct told *t = &told[i];
        if (unlikely(!is_there(t))) continue;
        /* which part: by the clock, as a counter would cost each forked process a page */
        uint32_t part = all || t->parts < 2 ? ALL : (uint32_t)(ft_now(&ft) >> 8) % t->parts;
        if (unlikely(value_at(t) != t->value || print_differs(t, part)) && !tell(t, type, fork, part)) return;
    }
}

void watch_sample(void) { look(FT_C_SAMPLE, 0, false); }

/* What is shared with the child, and so has one copy for both: told once, by the first who forks. */
static void tell_common(ft_ref fork)
{
    struct shared_look maps;
    shared_begin(&maps);
    for (uint32_t i = 0; i < told_count; i++) {
        struct told *t = &told[i];
        if (!t->size || t->common || !shared_at(&maps, (uint64_t)(uintptr_t)t->address)) continue;
        struct ft_c_common *record = ft_begin(&ft, FT_C_COMMON, sizeof *record, self.task);
        if (!record) break;
        record->global = t->global;
        record->fork = fork;
        ft_commit(record);
        t->common = true;
    }
    shared_end(&maps);
}

HOT void watch_tell(ft_ref fork)
{
    hardware_check();
    look(FT_C_VALUE, fork, true);
    if (fork) tell_common(fork);
}
