/*
 * writes.c: writes to C globals, one event each: which instruction an entry or
 * a trap means, what it wrote where, and which locks its thread held.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "build.h"

struct write {
    const struct ft_c_site *site;
    const struct defined *defined;
    uint64_t value, offset, size;
};

/* What an id and a word of value mean. */
static bool decode(const struct build *b, uint32_t family, uint16_t id, uint64_t value, uint64_t offset,
                   bool packed, struct write *w)
{
    uint32_t *index = map_get(&b->by_site_id, family, id);
    if (!index) return false;
    w->site = &b->sites[*index];
    uint32_t *defined = map_get(&b->by_definition, w->site->global, 0);
    if (!defined) return false;
    w->defined = &b->defined[*defined];
    w->value = value;
    w->offset = offset;
    w->size = w->defined->record.size;
    if (!(w->site->flags & FT_C_OFFSET)) return true;
    w->size = w->site->size ? w->site->size : 1;
    if (packed) w->offset = value >> 32, w->value = value & UINT32_MAX;
    return w->offset < w->defined->record.size;
}

/* A trap names its instruction: that is a site as well, whose id nobody gave. */
static bool decode_trap(const struct build *b, const struct ft_head *record, struct write *w)
{
    struct ft_c_trap r = FT_GET(c_trap, record);
    uint32_t *defined = map_get(&b->by_definition, r.global, 0);
    uint32_t *site = map_get(&b->by_trap, (uint64_t)r.global << 32 | r.flags, r.after);
    if (!defined || !site) return false;
    w->site = &b->sites[*site];
    w->defined = &b->defined[*defined];
    w->value = r.value;
    w->offset = w->defined->record.size > 8 ? r.offset : 0;
    w->size = w->defined->record.size > 8 ? r.size : w->defined->record.size;
    return w->size && w->offset < w->defined->record.size;
}

static bool decode_event(const struct build *b, const struct event *e, struct write *w)
{
    if (!e->record) return false;
    if (e->record->type == FT_C_TRAP) return decode_trap(b, e->record, w);
    if (e->record->type != FT_C_WRITE && e->record->type != FT_C_WRITES) return false;
    uint32_t family = build_family(b, e->process, e->image);
    if (e->record->type == FT_C_WRITE) {
        struct ft_c_write r = FT_GET(c_write, e->record);
        return decode(b, family, r.site, r.value, r.offset, false, w);
    }
    size_t length, index = ft_place_entry(e->place);
    const struct ft_c_entry *entry = ft_tail(e->record, offsetof(struct ft_c_writes, entry), &length);
    if (index >= length / sizeof *entry) return false;
    return decode(b, family, (uint16_t)FT_C_STAMP_SITE(entry[index].stamp), entry[index].value, 0, true, w);
}

/* "table[3]", "table+12/4" of what is written piece by piece. */
static global_id piece(struct build *b, const struct write *w)
{
    const struct defined *d = w->defined;
    char name[300];
    uint32_t element = d->record.element;
    if (element && w->size == element && w->offset % element == 0)
        snprintf(name, sizeof name, "%s[%" PRIu64 "]", d->name, w->offset / element);
    else
        snprintf(name, sizeof name, "%s+%" PRIu64 "/%" PRIu64, d->name, w->offset, w->size);
    return watched_part(b, d, build_text(b, name, strlen(name)));
}

static void add_write(struct build *b, const struct item *it, const struct write *w)
{
    global_id global = w->defined->global != NONE ? w->defined->global : piece(b, w);
    unsigned flags = w->site->flags & (FT_C_BY_KERNEL | FT_C_BY_UPROBE) ? EVENT_KERNEL : 0;
    const struct event_about *event = event_about(b, event_add_alike(b, it, EVENT_WRITE, global, flags));
    copy_id id = globals_copy(b, global, event->process, event->image);
    struct copy *copy = &b->t->copies[id];
    copy->writes++;
    if (copy->written != NEVER && copy->written > it->ns) return;
    copy->written = it->ns;
    copy->last = watched_value(b, w->defined, w->offset, w->size, w->value);
    copy->writer = event->thread;
    copy->pc = w->site->pc;
}

static uint32_t family_of_item(struct build *b, const struct item *it)
{
    const struct task *task = task_of(b, it);
    return build_family(b, b->t->threads[task->thread].process, task->image);
}

void watched_write(struct build *b, const struct item *it)
{
    struct ft_c_write r = FT_GET(c_write, it->record);
    struct write w;
    if (decode(b, family_of_item(b, it), r.site, r.value, r.offset, false, &w)) add_write(b, it, &w);
}

void watched_writes(struct build *b, const struct item *it)
{
    size_t length;
    struct write w;
    const struct ft_c_entry *entry = ft_tail(it->record, offsetof(struct ft_c_writes, entry), &length);
    uint32_t i = it->entry;
    if (i >= length / sizeof *entry) return;
    if (!decode(b, family_of_item(b, it), (uint16_t)FT_C_STAMP_SITE(entry[i].stamp), entry[i].value, 0, true,
                &w))
        return;
    add_write(b, it, &w);
}

void watched_trap(struct build *b, const struct item *it)
{
    struct ft_c_trap r = FT_GET(c_trap, it->record);
    uint64_t kind = (uint64_t)r.global << 32 | r.flags;
    if (!map_get(&b->by_trap, kind, r.after)) {
        struct ft_c_site site = {.pc = r.after, .global = r.global, .flags = (uint8_t)r.flags};
        b->sites = build_grow(b, b->sites, b->site_count, sizeof site);
        build_map_put(b, &b->by_trap, kind, r.after, (uint32_t)b->site_count);
        b->sites[b->site_count++] = site;
    }
    struct write w;
    if (decode_trap(b, it->record, &w)) add_write(b, it, &w);
}
struct value watched_written(const struct timeline *t, const struct event *e)
{
    struct build *b = build_of(t);
    struct write w;
    if (!decode_event(b, e, &w)) return (struct value){0};
    return watched_value(b, w.defined, w.offset, w.size, w.value);
}

const uint64_t *watched_store(const struct timeline *t, const struct event *e)
{
    struct write w;
    return decode_event(build_of(t), e, &w) && w.site->pc ? &w.site->pc : NULL;
}

/* By which means a site's writes are seen. */
static const char *engine(const struct ft_c_site *site)
{
    if (site->flags & FT_C_BY_UPROBE) return "uprobe";
    if (site->flags & FT_C_BY_KERNEL) return "hardware-ebpf";
    return site->flags & FT_C_BY_HARDWARE ? "hardware" : "patch";
}

uint64_t timeline_store(const struct timeline *t, const struct event *e, bool *exact)
{
    struct write w;
    *exact = true;
    if (e->type != EVENT_WRITE || !decode_event(build_of(t), e, &w)) return 0;
    *exact = !(w.site->flags & FT_C_READ_BACK);
    return w.site->pc;
}

const char *timeline_engine(const struct timeline *t, const struct event *e)
{
    struct write w;
    return e->type == EVENT_WRITE && decode_event(build_of(t), e, &w) ? engine(w.site) : NULL;
}

/* The last entry before a write that tells of the locks held. */
static uint64_t held_at(const struct event *e)
{
    size_t length, at = ft_place_entry(e->place);
    const struct ft_c_entry *entry = ft_tail(e->record, offsetof(struct ft_c_writes, entry), &length);
    if (at > length / sizeof *entry) return 0;
    while (at && FT_C_STAMP_SITE(entry[at - 1].stamp) != FT_C_HELD) at--;
    return at ? entry[at - 1].value : 0;
}

bool timeline_held(const struct timeline *t, const struct event *e, uint16_t signs[3])
{
    uint64_t held = 0;
    bool known = false;
    if (e->record && e->record->type == FT_C_WRITE) {
        struct ft_c_write w = FT_GET(c_write, e->record);
        known = w.flags & FT_C_LOCKS;
        held = w.held;
    } else if (e->record && e->record->type == FT_C_TRAP) {
        struct ft_c_trap r = FT_GET(c_trap, e->record);
        known = r.flags & FT_C_WITH_LOCKS;
        held = r.held;
    } else if (e->record && e->record->type == FT_C_WRITES) {
        known = FT_FIELD(c_writes, e->record, flags) & FT_C_LOCKS;
        if (known) held = held_at(e);
    }
    for (int i = 0; i < 3; i++) signs[i] = (uint16_t)(held >> 16 * i);
    return known;
}

unsigned timeline_store_flags(const struct timeline *t, const struct event *e)
{
    struct write w;
    return e->type == EVENT_WRITE && decode_event(build_of(t), e, &w) ? w.site->flags : 0;
}
