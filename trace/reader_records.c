/*
 * reader_records.c: answers about records: what is in one, which one a
 * reference or a place names. What is looked at in a file in place is counted
 * here, so that it is forgotten in time.
 */
#include <string.h>

#include "reader_private.h"

/* A fault may bring in so much (a large folio of the page cache); CROWD of them are 16 MiB. */
#define AT_ONCE ((size_t)2 << 20)
#define CROWD   8u
#define NEAR    16u /* that may take turns, and are counted once */

static void looked_at(const void *record)
{
    static _Thread_local uintptr_t near[NEAR];
    static _Thread_local unsigned count;
    uintptr_t here = (uintptr_t)record / AT_ONCE;
    if (near[here % NEAR] == here) return;
    near[here % NEAR] = here;
    if (++count < CROWD) return;
    ft_map_crowded();
    count = 0;
    memset(near, 0, sizeof near);
}

void ft_get(const struct ft_head *record, void *structure, size_t size)
{
    looked_at(record);
    size_t have =
        __atomic_load_n(&record->size, __ATOMIC_RELAXED); /* once: in a file in place it might change */
    if (have > size) have = size;
    memcpy(structure, record, have);
    memset((char *)structure + have, 0, size - have);
}

const void *ft_tail(const struct ft_head *record, size_t fixed, size_t *length)
{
    looked_at(record);
    size_t have = __atomic_load_n(&record->size, __ATOMIC_RELAXED);
    *length = have > fixed ? have - fixed : 0;
    return *length ? (const char *)record + fixed : NULL;
}

bool ft_reader_is_in_place(const struct ft_reader *r, const struct ft_head *record)
{
    const struct ft_reading *in = r->private;
    uintptr_t start = (uintptr_t)in->map, at = (uintptr_t)record;
    return start && at >= start && at < start + in->map_size;
}

static bool in_place(const struct ft_page *page, const struct ft_head *record)
{
    const struct ft_head *here;
    for (size_t at = 0; (here = ft_page_next(page, &at)) && here < record;) {
    }
    return here == record;
}

const struct ft_head *ft_reader_find(const struct ft_reader *r, ft_ref ref, unsigned type)
{
    const struct ft_reading *in = r->private;
    unsigned in_page = ref % (FT_PAGE / FT_REF_UNIT);
    uint32_t known = ref ? in->by_key[ref / (FT_PAGE / FT_REF_UNIT)] : 0;
    if (!known || in_page < FT_PAGE_HEADER / FT_REF_UNIT) return NULL;
    const struct ft_copy *copy = &in->copies[known - 1];
    unsigned place = in_page - FT_PAGE_HEADER / FT_REF_UNIT;
    const struct ft_head *record = (const void *)(copy->page->room + place * FT_REF_UNIT);
    if (copy->own && !ft_place_in(&copy->own->records, place)) return NULL;
    if (!copy->own && !in_place(copy->page, record)) return NULL;
    return !type || record->type == type ? record : NULL;
}

/* --- places ----------------------------------------------------------------------------------- */

#define UNITS       (FT_PAGE / FT_REF_UNIT)
#define ENTRY_UNITS (sizeof(struct ft_c_entry) / FT_REF_UNIT)
#define FIRST_ENTRY ((FT_PAGE_HEADER + offsetof(struct ft_c_writes, entry)) / FT_REF_UNIT)
static_assert(offsetof(struct ft_py_writes, entry) == offsetof(struct ft_c_writes, entry), "alike");

/* The page's index among the copies, which it keeps; UINT32_MAX: it has another reference. */
static uint32_t index_of(const struct ft_reading *in, const struct ft_head *record, ft_ref ref)
{
    uint32_t known = in->by_key[ref / UNITS];
    if (!known || known > UINT32_MAX / UNITS) return UINT32_MAX;
    const uint8_t *page = (const uint8_t *)in->copies[known - 1].page;
    /* two pages may have one key: a file that contradicts itself */
    return page + ref % UNITS * FT_REF_UNIT == (const uint8_t *)record ? known - 1 : UINT32_MAX;
}

ft_place ft_reader_place(const struct ft_reader *r, const struct ft_head *record, ft_ref ref)
{
    const struct ft_reading *in = r->private;
    uint32_t index = index_of(in, record, ref);
    return index == UINT32_MAX || in->copies[index].writes ? 0 : index * UNITS + ref % UNITS;
}

ft_place ft_reader_place_entry(const struct ft_reader *r, const struct ft_head *record, ft_ref ref,
                               uint32_t entry)
{
    const struct ft_reading *in = r->private;
    uint32_t index = ref % UNITS == FT_PAGE_HEADER / FT_REF_UNIT ? index_of(in, record, ref) : UINT32_MAX;
    bool there = index != UINT32_MAX && in->copies[index].writes && entry < FT_C_ENTRIES;
    return there ? index * UNITS + FIRST_ENTRY + entry * ENTRY_UNITS : 0;
}

const struct ft_head *ft_reader_at(const struct ft_reader *r, ft_place place)
{
    const struct ft_reading *in = r->private;
    const struct ft_copy *copy = &in->copies[place / UNITS];
    unsigned unit = copy->writes ? FT_PAGE_HEADER / FT_REF_UNIT : place % UNITS;
    return (const void *)((const uint8_t *)copy->page + unit * FT_REF_UNIT);
}

uint32_t ft_place_entry(ft_place place) { return (place % UNITS - FIRST_ENTRY) / ENTRY_UNITS; }

const char *ft_reader_string(const struct ft_reader *r, ft_ref ref, size_t *length, bool *cut)
{
    const struct ft_head *record = ft_reader_find(r, ref, FT_STRING);
    *length = 0;
    if (cut) *cut = false;
    if (!record) return "";
    uint32_t whole = FT_GET(string, record).length;
    size_t room;
    const char *bytes = ft_tail(record, offsetof(struct ft_string, bytes), &room);
    *length = whole < room ? whole : room;
    if (cut) *cut = whole > room;
    return bytes ? bytes : "";
}
