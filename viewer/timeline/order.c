/*
 * order.c: records in the order of time, without a list of them all: ten
 * million would take as much memory as the file. The file is a heap of pages,
 * each nearly in order and short; what is kept is where in its page each record
 * is (2 bytes) and when each page begins. Pages are opened when time reaches
 * them, and merged. Of a page full of writes each is an item of its own time.
 */
#include <stddef.h>
#include <stdlib.h>

#include "order.h"

#define FORGET 8192 /* pages opened, after which those of a file in place may leave memory */

_Static_assert(FT_PAGE / FT_REF_UNIT <= UINT16_MAX, "a place in a page takes 16 bits");

static int64_t since(int64_t ns, int64_t origin)
{
    int64_t difference;
    return __builtin_sub_overflow(ns, origin, &difference) ? INT64_MAX : difference;
}

static bool is_full_of_writes(const struct ft_head *record)
{
    return record->type == FT_C_WRITES || record->type == FT_PY_WRITES;
}

static struct stretch *begin_stretch(struct build *b, struct order *o, const uint8_t *page, ft_ref ref)
{
    o->stretches = build_grow(b, o->stretches, o->stretch_count, sizeof *o->stretches);
    struct stretch *s = &o->stretches[o->stretch_count++];
    *s = (struct stretch){.page = page, .ref = ref, .first = o->place_count, .counter = UINT64_MAX};
    return s;
}

void order_add(struct build *b, const struct ft_head *record, ft_ref ref)
{
    struct order *o = b->order;
    uint32_t place = (uint32_t)((uintptr_t)record % FT_PAGE / FT_REF_UNIT); /* copies of pages are aligned */
    const uint8_t *page = (const uint8_t *)record - (uintptr_t)record % FT_PAGE;
    if (!o) o = b->order = build_alloc(b, sizeof *o);
    struct stretch *s = o->stretch_count ? &o->stretches[o->stretch_count - 1] : NULL;
    if (!s || s->page != page) s = begin_stretch(b, o, page, ref - place);
    o->places = build_grow(b, o->places, o->place_count, sizeof *o->places);
    o->places[o->place_count++] = (uint16_t)place;
    s->end = o->place_count;
    s->count += is_full_of_writes(record) ? record->size / sizeof(struct ft_c_entry) : 1;
    uint64_t counter = ft_began(record);
    if (counter < s->counter) s->counter = counter;
}

void order_add_page(struct build *b, const struct ft_page *page, ft_ref first,
                    const struct ft_summary *summary)
{
    struct order *o = b->order;
    if (!o) o = b->order = build_alloc(b, sizeof *o);
    struct stretch *s = begin_stretch(b, o, (const uint8_t *)page, first - FT_PAGE_HEADER / FT_REF_UNIT);
    s->count = summary->items;
    s->counter = summary->earliest;
    s->in_place = true;
    o->in_place += summary->records;
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

size_t order_count(const struct build *b)
{
    return b->order ? b->order->place_count + b->order->in_place : 0;
}

int64_t order_start(struct build *b)
{
    struct order *o = b->order;
    if (!o) return 0;
    for (size_t i = 0; i < o->stretch_count; i++)
        o->stretches[i].ns = ft_reader_ns(b->t->reader, o->stretches[i].counter);
    qsort(o->stretches, o->stretch_count, sizeof *o->stretches, by_start);
    o->origin = o->stretches[0].ns;
    size_t events = 0;
    for (size_t i = 0; i < o->stretch_count; i++)
        events += o->stretches[i].in_place ? o->stretches[i].count : 0;
    ahead_start(b, events_expect(b, events));
    return o->origin;
}

/* --- the heap --------------------------------------------------------------------------------- */

static const struct item *next_of(const struct open_page *page) { return &page->items[page->at]; }

static bool earlier(const struct open_page *a, const struct open_page *b)
{
    return a->ns != b->ns ? a->ns < b->ns : by_time(next_of(a), next_of(b)) < 0;
}

static void sink(struct order *o, size_t i)
{
    for (struct open_page page = o->heap[i];;) {
        size_t least = 2 * i + 1;
        if (least + 1 < o->heap_count && earlier(&o->heap[least + 1], &o->heap[least])) least++;
        if (least >= o->heap_count || !earlier(&o->heap[least], &page)) {
            o->heap[i] = page;
            return;
        }
        o->heap[i] = o->heap[least];
        i = least;
    }
}

static void rise(struct order *o, size_t i)
{
    struct open_page page = o->heap[i];
    for (; i && earlier(&page, &o->heap[(i - 1) / 2]); i = (i - 1) / 2) o->heap[i] = o->heap[(i - 1) / 2];
    o->heap[i] = page;
}

/* A stamp's time: the counter near the record's own, of which it has the low bits. Never before the record.
 */
static int64_t stamp_time(const struct build *b, uint64_t stamp, uint64_t near)
{
    uint64_t mask = (1ull << FT_C_STAMP_BITS) - 1;
    uint64_t counter = near + ((FT_C_STAMP_COUNTER(stamp) - (near & ~15ull)) & mask);
    return ft_reader_ns(b->t->reader, counter > near ? counter : near);
}

/* The writes of a page full of them, each an item; their number: no more than `room`. */
static uint32_t entries(const struct build *b, const struct item *page, struct item *items, uint32_t room)
{
    uint32_t count = 0;
    size_t length;
    static_assert(offsetof(struct ft_py_writes, entry) == offsetof(struct ft_c_writes, entry), "alike");
    const struct ft_c_entry *entry = ft_tail(page->record, offsetof(struct ft_c_writes, entry), &length);
    for (uint32_t i = 0; i < length / sizeof *entry && count < room; i++) {
        if (!entry[i].stamp) continue;
        items[count] = *page;
        items[count].entry = i;
        items[count++].ns = since(stamp_time(b, entry[i].stamp, page->record->time), b->order->origin);
    }
    return count;
}

/* The next record of a stretch; `at` is 0 at first. */
static const struct ft_head *next_record(const struct order *o, const struct stretch *s, size_t *at)
{
    if (s->in_place) return ft_page_next((const void *)s->page, at);
    size_t i = s->first + (*at)++;
    return i < s->end ? (const void *)(s->page + o->places[i] * FT_REF_UNIT) : NULL;
}

uint32_t order_fill(const struct build *b, const struct stretch *s, struct item *items)
{
    bool sorted = true;
    uint32_t count = 0;
    const struct ft_head *record;
    for (size_t at = 0; (record = next_record(b->order, s, &at));) {
        struct item it = {
            .ns = since(ft_reader_ns(b->t->reader, ft_began(record)), b->order->origin),
            .record = record,
            .ref = s->ref + (ft_ref)(((const uint8_t *)record - s->page) / FT_REF_UNIT),
            .task = record->task,
        };
        uint32_t from = count;
        if (is_full_of_writes(record))
            count += entries(b, &it, items + count, s->count - count);
        else if (count < s->count) /* always, unless a file in place was changed meanwhile */
            items[count++] = it;
        for (uint32_t k = from ? from : 1; k < count; k++) sorted &= by_time(&items[k - 1], &items[k]) <= 0;
    }
    if (!sorted) qsort(items, count, sizeof *items, by_time);
    return count;
}

static void open_page(struct build *b, const struct stretch *s)
{
    struct order *o = b->order;
    struct item *items = NULL;
    uint32_t count = 0;
    if (!ahead_take(b, (size_t)(s - o->stretches), &items, &count)) {
        items = malloc(s->count * sizeof *items);
        if (!items) longjmp(b->no_memory, 1);
        count = order_fill(b, s, items);
    }
    if (!count) {
        free(items);
        return;
    }
    o->heap = build_grow(b, o->heap, o->heap_count, sizeof *o->heap);
    o->heap[o->heap_count] = (struct open_page){items[0].ns, items, count, 0};
    rise(o, o->heap_count++);
}

/* Past the item that was given out last. */
static void advance(struct order *o)
{
    struct open_page *first = &o->heap[0];
    if (++first->at < first->count) {
        first->ns = next_of(first)->ns;
    } else {
        free(first->items);
        *first = o->heap[--o->heap_count];
    }
    if (o->heap_count) sink(o, 0);
}

const struct item *order_next(struct build *b)
{
    struct order *o = b->order;
    if (!o) return NULL;
    if (o->started) advance(o);
    while (o->next < o->stretch_count &&
           (!o->heap_count || since(o->stretches[o->next].ns, o->origin) <= o->heap[0].ns)) {
        open_page(b, &o->stretches[o->next++]);
        if (o->next % FORGET == 0) ft_reader_forget(b->t->reader);
    }
    o->started = o->heap_count;
    if (!o->started) return NULL;
    struct item *it = &o->heap[0].items[o->heap[0].at];
    it->task = task_index(b, it->task);
    return it;
}

void order_free(struct build *b)
{
    struct order *o = b->order;
    if (!o) return;
    ahead_stop(b);
    for (size_t i = 0; i < o->heap_count; i++) free(o->heap[i].items);
    free(o->heap);
    free(o->places);
    free(o->stretches);
    o->heap = NULL, o->places = NULL, o->stretches = NULL;
    o->heap_count = o->stretch_count = o->next = 0;
}
