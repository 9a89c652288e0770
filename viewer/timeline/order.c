/*
 * order.c: records in the order of time, without a list of them all: ten
 * million would take as much memory as the file. The file is a heap of pages,
 * each nearly in order and short; what is kept is where in its page each record
 * is (2 bytes) and when each page begins. Pages are opened when time reaches
 * them, and merged (merge.c).
 */
#include <stdlib.h>

#include "order.h"

_Static_assert(FT_PAGE / FT_REF_UNIT <= UINT16_MAX, "a place in a page takes 16 bits");

static struct order *order_of(struct build *b)
{
    if (!b->order) b->order = build_alloc(b, sizeof *b->order);
    return b->order;
}

static struct stretch *begin_stretch(struct build *b, struct order *o, const uint8_t *page, ft_ref ref)
{
    o->stretches = build_grow(b, o->stretches, o->stretch_count, sizeof *o->stretches);
    struct stretch *s = &o->stretches[o->stretch_count++];
    *s = (struct stretch){.page = page, .ref = ref, .first = o->place_count, .time = UINT64_MAX};
    return s;
}

void order_add(struct build *b, const struct ft_head *record, ft_ref ref)
{
    struct order *o = order_of(b);
    uint32_t place = (uint32_t)((uintptr_t)record % FT_PAGE / FT_REF_UNIT); /* copies of pages are aligned */
    const uint8_t *page = (const uint8_t *)record - (uintptr_t)record % FT_PAGE;
    struct stretch *s = o->stretch_count ? &o->stretches[o->stretch_count - 1] : NULL;
    if (!s || s->page != page) s = begin_stretch(b, o, page, ref - place);
    o->places = build_grow(b, o->places, o->place_count, sizeof *o->places);
    o->places[o->place_count++] = (uint16_t)place;
    s->count++;
    s->items += ft_is_writes(record->type) ? record->size / sizeof(struct ft_c_entry) : 1;
    uint64_t counter = ft_began(record);
    if (counter < s->time) s->time = counter;
}

void order_add_page(struct build *b, const struct ft_page *page, ft_ref first,
                    const struct ft_summary *summary)
{
    struct order *o = order_of(b);
    struct stretch *s = begin_stretch(b, o, (const uint8_t *)page, first - FT_PAGE_HEADER / FT_REF_UNIT);
    s->items = summary->items;
    s->time = summary->earliest;
    o->in_place += summary->records;
}

size_t order_count(const struct build *b)
{
    return b->order ? b->order->place_count + b->order->in_place : 0;
}

int64_t order_start(struct build *b)
{
    struct order *o = b->order;
    uint64_t first = UINT64_MAX;
    size_t events = 0;
    if (!o) return 0;
    for (size_t i = 0; i < o->stretch_count; i++) {
        const struct stretch *s = &o->stretches[i];
        if (s->time < first) first = s->time;
        events += s->count ? 0 : s->items;
    }
    o->origin = ft_reader_ns(b->t->reader, first);
    o->merge = merge_start(b);
    if (!o->merge) longjmp(b->no_memory, 1);
    ahead_start(b, events_expect(b, events));
    return o->origin;
}

static bool more(struct build *b)
{
    struct order *o = b->order;
    o->at = o->batch;
    bool done =
        o->ahead ? ahead_next(b, &o->at, &o->left) : merge_next(o->merge, o->batch, ORDER_BATCH, &o->left);
    if (!done) longjmp(b->no_memory, 1);
    return o->left;
}

const struct item *order_next(struct build *b)
{
    struct order *o = b->order;
    if (!o || (!o->left && !more(b))) return NULL;
    struct item *it = o->at++;
    o->left--;
    if (it->task == NONE) it->task = task_index(b, it->record->task);
    return it;
}

void order_free(struct build *b)
{
    struct order *o = b->order;
    if (!o) return;
    ahead_stop(b);
    merge_free(o->merge);
    free(o->places);
    free(o->stretches);
    *o = (struct order){0};
}
