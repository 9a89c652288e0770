/*
 * order.c: records in the order of time, without a list of them all: ten
 * million would take as much memory as the file. The file is a heap of pages,
 * each nearly in order and short; what is kept is where in its page each record
 * is (2 bytes) and when each page begins. Pages are opened when time reaches
 * them, and merged. Of a page full of writes each is an item of its own time.
 */
#include <stddef.h>
#include <stdlib.h>

#include "build.h"

/* The records collected from one page. */
struct stretch {
    const uint8_t *page;
    ft_ref ref; /* of the page's first byte */
    uint32_t count;
    size_t first; /* in places */
    int64_t ns;   /* of the earliest */
};

struct open_page {
    struct item *items;
    uint32_t count, at;
};

struct order {
    struct stretch *stretches;
    size_t stretch_count, next;
    uint16_t *places; /* in units of a reference */
    size_t place_count;
    struct open_page *heap; /* the one whose next item is earliest comes first */
    size_t heap_count;
    int64_t origin;
};

_Static_assert(FT_PAGE / FT_REF_UNIT <= UINT16_MAX, "a place in a page takes 16 bits");

static int64_t since(int64_t ns, int64_t origin)
{
    int64_t difference;
    return __builtin_sub_overflow(ns, origin, &difference) ? INT64_MAX : difference;
}

int64_t order_time(const struct build *b, const struct ft_head *record)
{
    /* A wait, or a run, is an event of when it began. */
    uint64_t time = record->type == FT_WAIT           ? FT_GET(wait, record).since
                    : record->type == FT_GREENLET_RUN ? FT_GET(greenlet_run, record).since
                                                      : record->time;
    return ft_reader_ns(b->t->reader, time);
}

void order_add(struct build *b, const struct ft_head *record, ft_ref ref, int64_t ns)
{
    struct order *o = b->order;
    uint32_t place = (uint32_t)((uintptr_t)record % FT_PAGE / FT_REF_UNIT); /* copies of pages are aligned */
    const uint8_t *page = (const uint8_t *)record - (uintptr_t)record % FT_PAGE;
    if (!o) o = b->order = build_alloc(b, sizeof *o);
    if (!o->stretch_count || o->stretches[o->stretch_count - 1].page != page) {
        o->stretches = build_grow(b, o->stretches, o->stretch_count, sizeof *o->stretches);
        o->stretches[o->stretch_count++] =
            (struct stretch){.page = page, .ref = ref - place, .first = o->place_count, .ns = ns};
    }
    struct stretch *s = &o->stretches[o->stretch_count - 1];
    o->places = build_grow(b, o->places, o->place_count, sizeof *o->places);
    o->places[o->place_count++] = (uint16_t)place;
    s->count++;
    if (ns < s->ns) s->ns = ns;
}

static int by_time(const void *x, const void *y)
{
    const struct item *a = x, *b = y;
    if (a->ns != b->ns) return a->ns < b->ns ? -1 : 1;
    if (a->ref != b->ref) return a->ref < b->ref ? -1 : 1;
    return a->entry < b->entry ? -1 : a->entry > b->entry;
}

static int by_start(const void *x, const void *y)
{
    const struct stretch *a = x, *b = y;
    if (a->ns != b->ns) return a->ns < b->ns ? -1 : 1;
    return a->ref < b->ref ? -1 : a->ref > b->ref;
}

size_t order_count(const struct build *b) { return b->order ? b->order->place_count : 0; }

int64_t order_start(struct build *b)
{
    struct order *o = b->order;
    if (!o) return 0;
    qsort(o->stretches, o->stretch_count, sizeof *o->stretches, by_start);
    return o->origin = o->stretches[0].ns;
}

/* --- the heap --------------------------------------------------------------------------------- */

static const struct item *next_of(const struct open_page *page) { return &page->items[page->at]; }

static void sink(struct order *o, size_t i)
{
    for (;;) {
        size_t least = i, left = 2 * i + 1;
        for (size_t k = left; k < left + 2 && k < o->heap_count; k++)
            if (by_time(next_of(&o->heap[k]), next_of(&o->heap[least])) < 0) least = k;
        if (least == i) return;
        struct open_page swap = o->heap[i];
        o->heap[i] = o->heap[least];
        o->heap[least] = swap;
        i = least;
    }
}

static void rise(struct order *o, size_t i)
{
    while (i && by_time(next_of(&o->heap[i]), next_of(&o->heap[(i - 1) / 2])) < 0) {
        struct open_page swap = o->heap[i];
        o->heap[i] = o->heap[(i - 1) / 2];
        o->heap[(i - 1) / 2] = swap;
        i = (i - 1) / 2;
    }
}

/* A stamp's time: the counter near the record's own, of which it has the low bits. Never before the record.
 */
static int64_t stamp_time(const struct build *b, uint64_t stamp, uint64_t near)
{
    uint64_t mask = (1ull << FT_C_STAMP_BITS) - 1;
    uint64_t counter = near + ((FT_C_STAMP_COUNTER(stamp) - (near & ~15ull)) & mask);
    return ft_reader_ns(b->t->reader, counter > near ? counter : near);
}

/* The writes of a page full of them, each an item; their number. */
static uint32_t entries(const struct build *b, const struct item *page, struct item *items)
{
    uint32_t count = 0;
    size_t length;
    static_assert(offsetof(struct ft_py_writes, entry) == offsetof(struct ft_c_writes, entry), "alike");
    const struct ft_c_entry *entry = ft_tail(page->record, offsetof(struct ft_c_writes, entry), &length);
    for (uint32_t i = 0; i < length / sizeof *entry && i < FT_C_ENTRIES; i++) {
        if (!entry[i].stamp) continue;
        items[count] = *page;
        items[count].entry = i;
        items[count++].ns = since(stamp_time(b, entry[i].stamp, page->record->time), b->order->origin);
    }
    return count;
}

static void open_page(struct build *b, const struct stretch *s)
{
    struct order *o = b->order;
    struct item *items =
        malloc((s->count + FT_C_ENTRIES) * sizeof *items); /* entries fill a page at most once */
    if (!items) longjmp(b->no_memory, 1);
    bool sorted = true;
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        uint16_t place = o->places[s->first + i];
        const struct ft_head *record = (const void *)(s->page + place * FT_REF_UNIT);
        struct item it = {
            .ns = since(order_time(b, record), o->origin), .record = record, .ref = s->ref + place};
        uint32_t from = count;
        if (record->type == FT_C_WRITES || record->type == FT_PY_WRITES)
            count += entries(b, &it, items + count);
        else
            items[count++] = it;
        for (uint32_t k = from ? from : 1; k < count; k++) sorted &= by_time(&items[k - 1], &items[k]) <= 0;
    }
    if (!count) {
        free(items);
        return;
    }
    if (!sorted) qsort(items, count, sizeof *items, by_time);
    o->heap = build_grow(b, o->heap, o->heap_count, sizeof *o->heap);
    o->heap[o->heap_count] = (struct open_page){items, count, 0};
    rise(o, o->heap_count++);
}

bool order_next(struct build *b, struct item *it)
{
    struct order *o = b->order;
    if (!o) return false;
    while (o->next < o->stretch_count &&
           (!o->heap_count || since(o->stretches[o->next].ns, o->origin) <= next_of(&o->heap[0])->ns))
        open_page(b, &o->stretches[o->next++]);
    if (!o->heap_count) return false;
    struct open_page *first = &o->heap[0];
    *it = *next_of(first);
    if (++first->at == first->count) {
        free(first->items);
        *first = o->heap[--o->heap_count];
    }
    if (o->heap_count) sink(o, 0);
    return true;
}

void order_free(struct build *b)
{
    struct order *o = b->order;
    if (!o) return;
    for (size_t i = 0; i < o->heap_count; i++) free(o->heap[i].items);
    free(o->heap);
    free(o->places);
    free(o->stretches);
    o->heap = NULL, o->places = NULL, o->stretches = NULL;
    o->heap_count = o->stretch_count = o->next = 0;
}
