/*
 * writes.c: the slow half of recording writes to watched globals: the first
 * ones of a thread, those at a spot the page does not know yet, and with locks
 * held.
 */
#include "preload/python/writes.h"

#include <stddef.h>
#include <string.h>

#include "preload/held.h"

#define SINGLES 8  /* records of their own before a thread gets a page */
#define STRANGE 32 /* and of those a page has no room for, before it gets another */

__thread struct writes writes __attribute__((tls_model("initial-exec")));

static struct ft_py_site site_of(const struct spot *spot, uint8_t kind)
{
    struct ft_py_site site = {.module = spot->name->module,
                              .name = spot->name->name,
                              .file = spot->file,
                              .line = spot->line,
                              .kind = kind};
    site.flags = (uint8_t)(spot->flags | (python.layout->version < 0x030e ? FT_PY_LOCKS : 0));
    held_signs(site.held);
    return site;
}

static uint64_t write_alone(const struct ft_py_site *site, ft_ref task, uint64_t bits)
{
    struct ft_py_write *record = ft_begin(&ft, FT_PY_WRITE, sizeof *record, task);
    if (!record) return 0;
    uint64_t time = record->head.time;
    record->module = site->module;
    record->name = site->name;
    record->value = bits;
    record->kind = site->kind;
    record->flags = site->flags;
    record->file = site->file;
    record->line = site->line;
    memcpy(record->held, site->held, sizeof record->held);
    ft_commit(record);
    return time;
}

/* --- a page of them ------------------------------------------------------------------------- */

/* The record of a site, written once. */
static ft_ref described(const struct ft_py_site *site, ft_ref task)
{
    const size_t from = sizeof site->head;
    uint64_t hash = ft_hash((const char *)site + from, sizeof *site - from) ^ FT_PY_SITE;
    ft_ref ref = ft_interned_find(&ft, hash);
    if (ref) return ref;
    struct ft_py_site *record = ft_begin(&ft, FT_PY_SITE, sizeof *record, task);
    if (!record) return 0;
    memcpy((char *)record + from, (const char *)site + from, sizeof *site - from);
    ref = ft_ref_of(record);
    ft_commit(record);
    ft_interned_keep(&ft, hash, ref);
    return ref;
}

static struct ft_py_writes *record_of(struct ft_page *page) { return (void *)page->room; }

static bool is_mine(ft_ref task) { return writes.process == this_process() && writes.task == task; }

static bool new_page(ft_ref task)
{
    struct ft_py_writes *record = ft_begin(&ft, FT_PY_WRITES, sizeof *record, task);
    if (!record) return false;
    ft_publish(record);
    if (writes.page && is_mine(task)) ft_commit(record_of(writes.page));
    writes.page = (struct ft_page *)((uintptr_t)record & ~(uintptr_t)(FT_PAGE - 1));
    writes.cursor = (uintptr_t)record->entry;
    writes.process = this_process();
    writes.task = task;
    writes.strange = 0;
    return true;
}

/* Where in the page's list this site is or now is; FT_PY_SITES: there is no room. */
static unsigned index_of(struct ft_py_writes *record, ft_ref site)
{
    unsigned i = 0;
    while (i < FT_PY_SITES && record->site[i] && record->site[i] != site) i++;
    if (i < FT_PY_SITES) record->site[i] = site;
    return i;
}

uint64_t write_event(struct spot *spot, ft_ref task, uint8_t kind, uint64_t bits)
{
    struct ft_py_site site = site_of(spot, kind);
    spot->page = WRITES_NO_PAGE;
    bool alone = ft.clock != FT_CLOCK_TSC || self_shared_tls || writes.count < SINGLES;
    writes.count += alone;
    ft_ref ref = alone ? 0 : described(&site, task);
    if (!ref) return write_alone(&site, task, bits);
    bool full = !writes.page || !is_mine(task) || writes.cursor - (uintptr_t)writes.page >= FT_PAGE;
    if ((full || writes.strange >= STRANGE) && !new_page(task)) return 0;
    unsigned index = index_of(record_of(writes.page), ref);
    if (index == FT_PY_SITES) {
        writes.strange++;
        return write_alone(&site, task, bits);
    }
    uint64_t time = ft_now(&ft);
    spot->site = index;
    write_entry(spot, bits, time);
    const struct lane *lane = self.lane;
    uint32_t held = lane ? lane->held : 0;
    if (kind != FT_PY_KIND_int || held > SPOT_LOCKS) return time;
    spot->page = writes.page;
    spot->held = (uint8_t)held;
    for (uint32_t i = 0; i < held; i++) spot->lock[i] = lane->lock[i].address;
    return time;
}

void python_writes_end(void)
{
    if (!writes.page) return;
    if (is_mine(self.task)) ft_commit(record_of(writes.page));
    writes = (struct writes){0};
}
