/*
 * merge.c: pages are opened when time reaches them, and their records merged.
 * Of a page full of writes each is an item of its own time.
 *
 * Nothing here ends the building at once, or changes the tasks: it may run
 * beside the thread that builds.
 */
#include <stddef.h>
#include <stdlib.h>

#include "order.h"

#define FORGET 2048 /* pages opened, after which those of a file in place may leave memory */

/* An item of an open page. */
struct due {
    int64_t ns;
    uint32_t task;
    uint16_t unit, entry; /* of a reference, in the page */
};

struct opened {
    const struct stretch *of;
    bool writes;    /* there are entries */
    ft_place first; /* of the first item; 0: no record of this page has a place */
    const struct due *next, *end;
    struct due due[];
};

/* In a heap: the page whose next item is earliest comes first. */
struct turn {
    int64_t ns; /* of that item */
    struct opened *page;
};

struct merge {
    const struct ft_reader *reader;
    const struct order *order;
    struct map tasks; /* those that were known at the start: reference -> index */
    struct {
        ft_ref ref;
        uint32_t index;
    } last;              /* that was looked up */
    struct ft_line line; /* of the clock: that of the last time */
    bool begun;          /* the stretches are by time */
    size_t next;         /* of them */
    struct turn *heap;
    size_t count, room;
};

struct merge *merge_start(struct build *b)
{
    struct merge *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    *m = (struct merge){.reader = b->t->reader, .order = b->order, .last.index = NONE};
    for (size_t i = 0; i < b->task_count; i++) {
        if (map_put(&m->tasks, b->tasks[i].ref, 0, (uint32_t)i)) continue;
        merge_free(m);
        return NULL;
    }
    return m;
}

void merge_free(struct merge *m)
{
    if (!m) return;
    for (size_t i = 0; i < m->count; i++) free(m->heap[i].page);
    free(m->heap);
    map_free(&m->tasks);
    free(m);
}

static int by_start(const void *x, const void *y)
{
    const struct stretch *a = x, *b = y;
    if (a->time != b->time) return (int64_t)a->time < (int64_t)b->time ? -1 : 1;
    return a->ref < b->ref ? -1 : a->ref > b->ref;
}

static void begin(struct merge *m)
{
    const struct order *o = m->order;
    for (size_t i = 0; i < o->stretch_count; i++)
        o->stretches[i].time = (uint64_t)ft_reader_ns(m->reader, o->stretches[i].time);
    qsort(o->stretches, o->stretch_count, sizeof *o->stretches, by_start);
    m->begun = true;
}

/* --- a page ----------------------------------------------------------------------------------- */

static uint32_t task_of_ref(struct merge *m, ft_ref ref)
{
    if (ref == m->last.ref && m->last.index != NONE) return m->last.index;
    uint32_t *known = map_get(&m->tasks, ref, 0);
    m->last.ref = ref;
    return m->last.index = known ? *known : NONE;
}

static int64_t time_of(struct merge *m, uint64_t counter)
{
    bool on = ft_line_has(&m->line, counter) || ft_reader_line(m->reader, counter, &m->line);
    return order_since(on ? ft_line_ns(&m->line, counter) : ft_reader_ns(m->reader, counter),
                       m->order->origin);
}

/* A stamp's time: the counter near the record's own, of which it has the low bits. Never before that. */
static uint64_t stamp_counter(uint64_t stamp, uint64_t near)
{
    uint64_t mask = (1ull << FT_C_STAMP_BITS) - 1;
    uint64_t counter = near + ((FT_C_STAMP_COUNTER(stamp) - (near & ~15ull)) & mask);
    return counter > near ? counter : near;
}

/* The writes of a page full of them, each an item; their number: no more than `room`. */
static uint32_t entries(struct merge *m, const struct ft_head *record, struct due page, struct due *to,
                        uint32_t room)
{
    uint32_t count = 0;
    size_t length;
    static_assert(offsetof(struct ft_py_writes, entry) == offsetof(struct ft_c_writes, entry), "alike");
    const struct ft_c_entry *entry = ft_tail(record, offsetof(struct ft_c_writes, entry), &length);
    for (uint16_t i = 0; i < length / sizeof *entry && count < room; i++) {
        if (!entry[i].stamp) continue;
        page.entry = i;
        page.ns = time_of(m, stamp_counter(entry[i].stamp, record->time));
        to[count++] = page;
    }
    return count;
}

static const struct ft_head *record_of(const struct stretch *s, const struct due *due)
{
    return (const void *)(s->page + due->unit * FT_REF_UNIT);
}

/* The next record of a stretch; `at` is 0 at first. */
static const struct ft_head *next_record(const struct order *o, const struct stretch *s, size_t *at)
{
    if (!s->count) return ft_page_next((const void *)s->page, at);
    if (*at == s->count) return NULL;
    return (const void *)(s->page + o->places[s->first + (*at)++] * FT_REF_UNIT);
}

static int by_time(const void *x, const void *y)
{
    const struct due *a = x, *b = y;
    if (a->ns != b->ns) return a->ns < b->ns ? -1 : 1;
    if (a->unit != b->unit) return a->unit < b->unit ? -1 : 1;
    return a->entry < b->entry ? -1 : a->entry > b->entry;
}

/* Its items by time; NULL: out of memory. */
static struct opened *open_page(struct merge *m, const struct stretch *s)
{
    struct opened *page = malloc(sizeof *page + s->items * sizeof *page->due);
    const struct ft_head *record;
    bool sorted = true, writes = false;
    uint32_t count = 0;
    int64_t before = INT64_MIN;
    if (!page) return NULL;
    for (size_t at = 0; (record = next_record(m->order, s, &at));) {
        struct due due = {
            .task = task_of_ref(m, record->task),
            .unit = (uint16_t)(((const uint8_t *)record - s->page) / FT_REF_UNIT),
        };
        uint32_t from = count;
        if (ft_is_writes(record->type)) {
            writes = true;
            count += entries(m, record, due, page->due + count, s->items - count);
        } else if (count < s->items) { /* always, unless a file in place was changed meanwhile */
            due.ns = time_of(m, ft_began(record));
            page->due[count++] = due;
        }
        for (; from < count; from++) { /* one that is not earlier is behind in the page, too */
            sorted &= before <= page->due[from].ns;
            before = page->due[from].ns;
        }
    }
    if (!sorted) qsort(page->due, count, sizeof *page->due, by_time);
    page->of = s;
    page->writes = writes;
    page->first =
        count && !writes ? ft_reader_place(m->reader, record_of(s, page->due), s->ref + page->due->unit) : 0;
    page->next = page->due;
    page->end = page->due + count;
    return page;
}

/* --- the heap --------------------------------------------------------------------------------- */

static bool earlier(const struct turn *a, const struct turn *b)
{
    if (a->ns != b->ns) return a->ns < b->ns;
    return a->page->of->ref + a->page->next->unit < b->page->of->ref + b->page->next->unit;
}

static void sink(struct merge *m, size_t i)
{
    for (struct turn turn = m->heap[i];;) {
        size_t least = 2 * i + 1;
        if (least + 1 < m->count && earlier(&m->heap[least + 1], &m->heap[least])) least++;
        if (least >= m->count || !earlier(&m->heap[least], &turn)) {
            m->heap[i] = turn;
            return;
        }
        m->heap[i] = m->heap[least];
        i = least;
    }
}

static void rise(struct merge *m, size_t i)
{
    struct turn turn = m->heap[i];
    for (; i && earlier(&turn, &m->heap[(i - 1) / 2]); i = (i - 1) / 2) m->heap[i] = m->heap[(i - 1) / 2];
    m->heap[i] = turn;
}

static bool add(struct merge *m, struct opened *page)
{
    if (m->count == m->room) {
        size_t room = m->room ? 2 * m->room : 64;
        struct turn *grown = reallocarray(m->heap, room, sizeof *grown);
        if (!grown) return false;
        m->heap = grown;
        m->room = room;
    }
    m->heap[m->count] = (struct turn){page->next->ns, page};
    rise(m, m->count++);
    return true;
}

/* When the next page begins that has not been opened. */
static int64_t next_start(const struct merge *m)
{
    const struct order *o = m->order;
    if (m->next == o->stretch_count) return INT64_MAX;
    return order_since((int64_t)o->stretches[m->next].time, o->origin);
}

/* Those pages that begin before the earliest item, or with it. */
static bool open_pages(struct merge *m)
{
    while (m->next < m->order->stretch_count && (!m->count || next_start(m) <= m->heap[0].ns)) {
        struct opened *page = open_page(m, &m->order->stretches[m->next]);
        if (!page) return false;
        bool empty = page->next == page->end, added = !empty && add(m, page);
        if (!added) free(page);
        if (!added && !empty) return false;
        if (++m->next % FORGET == 0) ft_reader_forget(m->reader);
    }
    return true;
}

static ft_place place_of(const struct merge *m, const struct opened *page, const struct due *due)
{
    if (!page->writes) return page->first ? page->first + due->unit - page->due->unit : 0;
    const struct ft_head *record = record_of(page->of, due);
    ft_ref ref = page->of->ref + due->unit;
    return ft_is_writes(record->type) ? ft_reader_place_entry(m->reader, record, ref, due->entry)
                                      : ft_reader_place(m->reader, record, ref);
}

/* The first page's next item, and those behind it that are earlier than anything else; their number. */
static size_t give(struct merge *m, struct item *to, size_t room)
{
    struct opened *page = m->heap[0].page;
    const struct stretch *s = page->of;
    const struct due *due = page->next;
    int64_t others = next_start(m);
    for (size_t i = 1; i < 3 && i < m->count; i++)
        if (m->heap[i].ns < others) others = m->heap[i].ns;
    size_t n = 0;
    do {
        to[n++] = (struct item){
            .ns = due->ns,
            .record = record_of(s, due),
            .ref = s->ref + due->unit,
            .task = due->task,
            .entry = due->entry,
            .place = place_of(m, page, due),
        };
    } while (++due != page->end && due->ns < others && n < room);
    page->next = due;
    if (due != page->end) {
        m->heap[0].ns = due->ns;
    } else {
        free(page);
        m->heap[0] = m->heap[--m->count];
    }
    if (m->count) sink(m, 0);
    return n;
}

bool merge_next(struct merge *m, struct item *items, size_t room, size_t *count)
{
    if (!m->begun) begin(m);
    for (*count = 0; *count < room; *count += give(m, items + *count, room - *count)) {
        if (!open_pages(m)) return false;
        if (!m->count) break;
    }
    return true;
}
