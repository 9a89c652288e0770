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

/* What a store of this site wrote, by a word of value. False: it is not known, or makes no sense. */
static bool decode(const struct build *b, const struct ft_c_site *site, uint64_t value, uint64_t offset,
                   bool packed, struct write *w)
{
    uint32_t *defined = map_get(&b->by_definition, site->global, 0);
    if (!defined) return false;
    w->site = site;
    w->defined = &b->defined[*defined];
    w->value = value;
    w->offset = offset;
    w->size = w->defined->record.size;
    if (!(site->flags & FT_C_OFFSET)) return true;
    w->size = site->size ? site->size : 1;
    if (packed) w->offset = value >> 32, w->value = value & UINT32_MAX;
    return w->offset < w->defined->record.size;
}

/* A trap names its instruction: that is a site as well, whose id nobody gave. */
static bool decode_trap(const struct build *b, const struct ft_c_site *site, const struct ft_c_trap *r,
                        struct write *w)
{
    uint32_t *defined = map_get(&b->by_definition, r->global, 0);
    if (!defined) return false;
    w->site = site;
    w->defined = &b->defined[*defined];
    w->value = r->value;
    w->offset = w->defined->record.size > 8 ? r->offset : 0;
    w->size = w->defined->record.size > 8 ? r->size : w->defined->record.size;
    return w->size && w->offset < w->defined->record.size;
}

static bool decode_entry(const struct build *b, const struct ft_c_site *site, const struct ft_head *record,
                         uint32_t index, struct write *w)
{
    size_t length;
    const struct ft_c_entry *entry = ft_tail(record, offsetof(struct ft_c_writes, entry), &length);
    return index < length / sizeof *entry && decode(b, site, entry[index].value, 0, true, w);
}

static bool decode_record(const struct build *b, const struct ft_c_site *site, const struct ft_head *record,
                          uint32_t entry, struct write *w)
{
    if (record->type == FT_C_WRITES) return decode_entry(b, site, record, entry, w);
    if (record->type == FT_C_TRAP) {
        struct ft_c_trap trap = FT_GET(c_trap, record);
        return decode_trap(b, site, &trap, w);
    }
    struct ft_c_write r = FT_GET(c_write, record);
    return decode(b, site, r.value, r.offset, false, w);
}

/* NULL: it is no store to a C global. */
static const struct ft_c_site *site_of(const struct timeline *t, const struct event *e)
{
    const struct event_about *about = &t->abouts[e->about];
    return e->type == EVENT_WRITE && e->place && about->site != NONE ? &build_of(t)->sites[about->site]
                                                                     : NULL;
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

static void add_write(struct build *b, const struct item *it, uint32_t site)
{
    struct write w;
    if (!decode_record(b, &b->sites[site], it->record, it->entry, &w)) return;
    global_id global = w.defined->global != NONE ? w.defined->global : piece(b, &w);
    unsigned flags = w.site->flags & (FT_C_BY_KERNEL | FT_C_BY_UPROBE) ? EVENT_KERNEL : 0;
    event_id e = event_add_alike(b, it, EVENT_WRITE, global, flags, site);
    if (e == NONE) return;
    struct event_about *about = event_about(b, e);
    if (about->copy == NONE) about->copy = globals_copy(b, global, about->process, about->image);
    struct copy *copy = &b->t->copies[about->copy];
    copy->writes++;
    if (copy->written != NEVER && copy->written > it->ns) return;
    copy->written = it->ns;
    copy->last = watched_value(b, w.defined, w.offset, w.size, w.value);
    copy->writer = about->thread;
    copy->pc = w.site->pc;
}

static void add_write_by(struct build *b, const struct item *it, uint16_t id)
{
    const struct task *task = task_of(b, it);
    uint32_t family = build_family(b, b->t->threads[task->thread].process, task->image);
    uint32_t *site = map_get(&b->by_site_id, family, id);
    if (site) add_write(b, it, *site);
}

void watched_write(struct build *b, const struct item *it)
{
    add_write_by(b, it, FT_FIELD(c_write, it->record, site));
}

void watched_writes(struct build *b, const struct item *it)
{
    size_t length;
    const struct ft_c_entry *entry = ft_tail(it->record, offsetof(struct ft_c_writes, entry), &length);
    if (it->entry < length / sizeof *entry)
        add_write_by(b, it, (uint16_t)FT_C_STAMP_SITE(entry[it->entry].stamp));
}

void watched_trap(struct build *b, const struct item *it)
{
    struct ft_c_trap r = FT_GET(c_trap, it->record);
    uint64_t kind = (uint64_t)r.global << 32 | r.flags;
    uint32_t *known = map_get(&b->by_trap, kind, r.after);
    uint32_t site = known ? *known : (uint32_t)b->site_count;
    if (!known) {
        b->sites = build_grow(b, b->sites, b->site_count, sizeof *b->sites);
        build_map_put(b, &b->by_trap, kind, r.after, site);
        b->sites[b->site_count++] =
            (struct ft_c_site){.pc = r.after, .global = r.global, .flags = (uint8_t)r.flags};
    }
    add_write(b, it, site);
}

/* --- questions -------------------------------------------------------------------------------- */

struct value watched_written(const struct timeline *t, const struct event *e)
{
    struct build *b = build_of(t);
    const struct ft_c_site *site = site_of(t, e);
    struct write w;
    if (!site || !decode_record(b, site, e->record, ft_place_entry(e->place), &w)) return (struct value){0};
    return watched_value(b, w.defined, w.offset, w.size, w.value);
}

const uint64_t *watched_store(const struct timeline *t, const struct event *e)
{
    const struct ft_c_site *site = site_of(t, e);
    return site && site->pc ? &site->pc : NULL;
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
    const struct ft_c_site *site = site_of(t, e);
    *exact = !site || !(site->flags & FT_C_READ_BACK);
    return site ? site->pc : 0;
}

const char *timeline_engine(const struct timeline *t, const struct event *e)
{
    const struct ft_c_site *site = site_of(t, e);
    return site ? engine(site) : NULL;
}

/* The last entry before a write that tells of the locks held. */
static uint64_t held_at(struct build *b, const struct event *e)
{
    size_t length, at = ft_place_entry(e->place);
    const struct ft_c_entry *entry = ft_tail(e->record, offsetof(struct ft_c_writes, entry), &length);
    struct lately *l = &b->lately[(uintptr_t)e->record / FT_PAGE % LATELY];
    if (at > length / sizeof *entry) return 0;
    if (l->record != e->record || l->at > at) *l = (struct lately){.record = e->record};
    size_t i = at;
    while (i > l->at && FT_C_STAMP_SITE(entry[i - 1].stamp) != FT_C_HELD) i--;
    if (i > l->at) l->held = entry[i - 1].value;
    l->at = at;
    return l->held;
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
        if (known) held = held_at(build_of(t), e);
    }
    for (int i = 0; i < 3; i++) signs[i] = (uint16_t)(held >> 16 * i);
    return known;
}

unsigned timeline_store_flags(const struct timeline *t, const struct event *e)
{
    const struct ft_c_site *site = site_of(t, e);
    return site ? site->flags : 0;
}
