/*
 * reader_place.c: the records of a page that is looked at in place
 * (reader_map.c): full, of events, all of them committed for good.
 */
#include "reader_private.h"

#include <string.h>

struct word {
    uint16_t size;
    uint8_t type, state;
};

/* The word at a place, its size checked against what is left of the page; size 0: there is none. */
static inline struct word sound_word(const struct ft_page *page, size_t at)
{
    struct word w = {0};
    if (at + FT_REF_UNIT > FT_PAGE_ROOM) return w;
    uint32_t whole = __atomic_load_n((const uint32_t *)(const void *)(page->room + at), __ATOMIC_ACQUIRE);
    memcpy(&w, &whole, sizeof w);
    size_t least = w.type == FT_FILLER ? FT_REF_UNIT : sizeof(struct ft_head);
    bool sound =
        w.size >= least && w.size % FT_REF_UNIT == 0 && w.size <= FT_PAGE_ROOM - at && w.state == FT_DONE;
    return sound ? w : (struct word){0};
}

const struct ft_head *ft_page_next(const struct ft_page *page, size_t *at)
{
    for (struct word w; (w = sound_word(page, *at)).size;) {
        size_t here = *at;
        *at += w.size;
        if (w.type != FT_FILLER) return (const void *)(page->room + here);
    }
    return NULL;
}

uint64_t ft_began(const struct ft_head *record)
{
    if (record->type == FT_WAIT) return FT_GET(wait, record).since;
    return record->type == FT_GREENLET_RUN ? FT_GET(greenlet_run, record).since : record->time;
}

static void note_task(struct ft_summary *s, const struct ft_head *record)
{
    unsigned i = 0;
    while (i < s->tasks && s->task[i] != record->task) i++;
    if (i >= FT_SUMMARY_TASKS) {
        s->tasks = FT_SUMMARY_TASKS + 1;
        return;
    }
    if (i == s->tasks) s->task[s->tasks++] = record->task, s->latest[i] = 0;
    if (record->time > s->latest[i]) s->latest[i] = record->time;
}

bool ft_page_survey(const struct ft_page *page, struct ft_summary *s)
{
    uint32_t used = __atomic_load_n(&page->cursor, __ATOMIC_RELAXED) % FT_CLOSED;
    *s = (struct ft_summary){.earliest = UINT64_MAX};
    if (page->class != FT_EVENTS || used < FT_PAGE_ROOM) return false;
    size_t at = 0;
    for (struct word w; (w = sound_word(page, at)).size; at += w.size) {
        const struct ft_head *record = (const void *)(page->room + at);
        if (w.type == FT_FILLER) continue;
        if (ft_class_of(w.type) != FT_EVENTS) return false; /* others may refer to it, or it is unknown */
        bool writes = w.type == FT_C_WRITES || w.type == FT_PY_WRITES;
        uint64_t begin = ft_began(record);
        if (begin < s->earliest) s->earliest = begin;
        s->records++;
        s->items += writes ? w.size / sizeof(struct ft_c_entry) : 1;
        note_task(s, record);
    }
    return at == FT_PAGE_ROOM;
}
