/* build_c_globals.c: C globals: what is watched, writes, looks, pictures of memory (build_trace.h). */
#include "build_inside.h"

#include <string.h>

ft_ref trace_c_global(ft_ref by, const char *name_, uint32_t size, uint32_t element, uint64_t value)
{
    ft_ref name = record_text(name_, by), object = record_text("/usr/bin/server", by);
    RECORD(c_global, C_GLOBAL, by);
    r->name = name, r->object = object, r->address = 0x5000, r->value = value;
    r->size = size, r->element = element, r->kind = FT_C_KIND_unsigned, r->flags = FT_C_PROGRAM;
    r->print = size > 8;
    ft_commit(r);
    return ref;
}

void trace_c_watch(ft_ref by, const char *watch_, enum ft_c_outcome outcome, uint32_t stores, uint32_t taken)
{
    ft_ref watch = record_text(watch_, by), object = record_text("/usr/bin/server", by);
    RECORD(c_watch, C_WATCH, by);
    r->watch = watch, r->object = object, r->outcome = outcome;
    r->stores = r->patched = stores, r->taken = taken;
    ft_commit(r);
}

void trace_c_hardware(ft_ref by, const char *watch_, unsigned slots, unsigned needed, int error,
                      unsigned flags)
{
    ft_ref watch = record_text(watch_, by);
    RECORD(c_hardware, C_HARDWARE, by);
    r->watch = watch, r->error = error;
    r->slots = (uint8_t)slots, r->needed = (uint8_t)needed, r->flags = (uint8_t)flags;
    ft_commit(r);
}

void trace_c_trap(ft_ref by, ft_ref global, uint64_t value, uint64_t after, unsigned offset, unsigned size,
                  unsigned flags)
{
    RECORD(c_trap, C_TRAP, by);
    r->global = global, r->value = value, r->after = after;
    r->offset = (uint8_t)offset, r->size = (uint8_t)size, r->flags = (uint16_t)flags;
    ft_commit(r);
}

void trace_c_trap_held(ft_ref by, ft_ref global, uint64_t value, uint64_t after, unsigned flags,
                       uint64_t held)
{
    RECORD(c_trap, C_TRAP, by);
    r->global = global, r->value = value, r->after = after, r->held = held;
    r->size = 8, r->flags = (uint16_t)(FT_C_BY_HARDWARE | FT_C_WITH_LOCKS | flags);
    ft_commit(r);
}

void trace_c_site(ft_ref by, ft_ref global, unsigned id, uint64_t pc, unsigned flags)
{
    size_t size = sizeof(struct ft_c_sites) + sizeof(struct ft_c_site);
    struct ft_c_sites *r = ft_begin(&build_writer, FT_C_SITES, size, by);
    cr_assert(r);
    r->count = 1;
    r->site[0] = (struct ft_c_site){pc, global, (uint16_t)id, 8, (uint8_t)flags};
    ft_commit(r);
}

void trace_c_write(ft_ref by, unsigned id, uint64_t value, uint64_t held)
{
    RECORD(c_write, C_WRITE, by);
    r->value = value, r->site = (uint16_t)id, r->flags = FT_C_LOCKS, r->held = held;
    ft_commit(r);
}

void trace_c_writes(ft_ref by, unsigned id, const uint64_t *locks, size_t count)
{
    RECORD(c_writes, C_WRITES, by);
    r->flags = FT_C_LOCKS;
    for (size_t i = 0; i < count; i++) {
        uint64_t stamp = FT_C_STAMP(r->head.time + 100 * i, locks[i] ? FT_C_HELD : id);
        r->entry[i] = (struct ft_c_entry){stamp, locks[i] ? locks[i] : i};
    }
    ft_commit(r);
}

void trace_c_look(ft_ref by, enum ft_type type, ft_ref global, ft_ref fork, uint64_t value, uint32_t print)
{
    struct ft_c_value *r = ft_begin(&build_writer, type, sizeof *r, by);
    cr_assert(r);
    r->global = global, r->fork = fork, r->value = value, r->print = print;
    r->until = ft_now(&build_writer);
    ft_commit(r);
}

void trace_c_common(ft_ref by, ft_ref global, ft_ref fork)
{
    RECORD(c_common, C_COMMON, by);
    r->global = global, r->fork = fork;
    ft_commit(r);
}

ft_ref trace_c_block(ft_ref by, uint64_t address, const uint64_t *words, unsigned count)
{
    struct ft_c_block *r = ft_begin(&build_writer, FT_C_BLOCK, sizeof *r + count * 8, by);
    cr_assert(r && count < 64);
    ft_ref ref = ft_ref_of(r);
    r->address = address;
    r->used[0] = (1ull << count) - 1;
    memcpy(r->word, words, count * 8);
    ft_commit(r);
    return ref;
}

void trace_c_picture(ft_ref by, ft_ref fork, uint64_t start, const ft_ref *blocks, unsigned halves,
                     unsigned alone)
{
    struct ft_c_picture *r =
        ft_begin(&build_writer, FT_C_PICTURE, sizeof *r + halves * sizeof(struct ft_c_part), by);
    cr_assert(r);
    r->fork = fork, r->start = start, r->end = start + halves * FT_C_BLOCK_SIZE;
    for (unsigned i = 0; i < halves; i++)
        if (blocks[i])
            r->part[r->count++] = (struct ft_c_part){blocks[i], i << 1 | (alone >> i & 1 ? FT_C_ALONE : 0)};
    ft_commit(r);
}
