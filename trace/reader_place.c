/*
 * reader_place.c: pages that are looked at in place (reader_map.c): full, of
 * events, all of them committed for good. Which they are, and their records.
 */
#define _GNU_SOURCE
#include "parallel.h"
#include "reader_private.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* --- the survey ------------------------------------------------------------------------------- */

#define PIECE  256u /* pages one thread surveys at a time */
#define CHUNK  32u  /* of them read at once: they stay in a processor's own cache */
#define VOICES 32u

/* Several threads survey; each hears who wrote what it reads. */
struct survey {
    struct ft_reading *in;
    pthread_mutex_t lock; /* in->voices */
    bool failed;
};

struct heard {
    struct ft_voice list[VOICES];
    unsigned count, last;
};

static void pass_on(struct survey *s, struct heard *h)
{
    struct ft_reading *in = s->in;
    if (!h->count) return;
    pthread_mutex_lock(&s->lock);
    if (in->voice_count + h->count > in->voice_room) {
        size_t room = 2 * in->voice_room + VOICES;
        struct ft_voice *grown = realloc(in->voices, room * sizeof *grown);
        if (grown) in->voices = grown, in->voice_room = room;
        s->failed |= !grown;
    }
    if (!s->failed) memcpy(in->voices + in->voice_count, h->list, h->count * sizeof *h->list);
    if (!s->failed) in->voice_count += h->count;
    pthread_mutex_unlock(&s->lock);
    h->count = h->last = 0;
}

static void hear(struct survey *s, struct heard *h, ft_ref task, uint64_t time)
{
    if (h->last >= h->count || h->list[h->last].task != task) {
        for (h->last = 0; h->last < h->count && h->list[h->last].task != task;) h->last++;
        if (h->last == VOICES) pass_on(s, h);
        if (h->last == h->count) h->list[h->count++] = (struct ft_voice){.task = task};
    }
    if (time > h->list[h->last].latest) h->list[h->last].latest = time;
}

/* False: it cannot be looked at in place. */
static bool survey_page(struct survey *s, struct heard *h, const struct ft_page *page,
                        struct ft_summary *summary)
{
    uint64_t lap = (page->seq - 1) / s->in->header.capacity;
    if (page->class != FT_EVENTS || page->cursor % FT_CLOSED < FT_PAGE_ROOM || lap > UINT32_MAX) return false;
    struct ft_summary sum = {
        .earliest = UINT64_MAX,
        .counter = page->counter,
        .monotonic = page->monotonic,
        .lap = (uint32_t)lap,
        .writes = ft_is_writes(sound_word(page, 0).type),
    };
    size_t at = 0;
    for (struct word w; (w = sound_word(page, at)).size; at += w.size) {
        const struct ft_head *record = (const void *)(page->room + at);
        if (w.type == FT_FILLER) continue;
        if (ft_class_of(w.type) != FT_EVENTS) return false; /* others may refer to it, or it is unknown */
        uint64_t begin = ft_began(record);
        if (begin < sum.earliest) sum.earliest = begin;
        sum.records++;
        sum.items += ft_is_writes(w.type) ? w.size / sizeof(struct ft_c_entry) : 1;
        hear(s, h, record->task, record->time);
    }
    *summary = sum;
    return at == FT_PAGE_ROOM;
}

/* Read, not looked at in the mapping: to map a page and to forget it again takes longer than to copy it. */
static void survey_pages(void *context, size_t from, size_t to)
{
    struct survey *s = context;
    struct ft_reading *in = s->in;
    _Alignas(8) uint8_t room[CHUNK * FT_PAGE];
    struct heard heard = {.count = 0};
    for (size_t at = from + 1, n; at <= to; at += n) {
        off_t data = lseek(in->fd, (off_t)(at * FT_PAGE), SEEK_DATA);
        if (data < 0) break; /* holes up to the end */
        if ((size_t)data / FT_PAGE > at) at = (size_t)data / FT_PAGE;
        if (at > to) break;
        n = to - at < CHUNK ? to - at + 1 : CHUNK;
        ft_read_at(in->fd, room, n * FT_PAGE, at * FT_PAGE);
        for (size_t i = 0; i < n; i++) {
            const struct ft_page *page = (const void *)(room + i * FT_PAGE);
            struct ft_summary *summary = &in->summaries[at + i];
            if (!ft_page_belongs(in, page, at + i) || !survey_page(s, &heard, page, summary))
                summary->records = 0;
        }
    }
    pass_on(s, &heard);
}

static int by_task(const void *x, const void *y)
{
    const struct ft_voice *a = x, *b = y;
    if (a->task != b->task) return a->task < b->task ? -1 : 1;
    return a->latest < b->latest ? -1 : a->latest > b->latest;
}

bool ft_survey(struct ft_reading *in, uint64_t last)
{
    struct survey s = {.in = in, .lock = PTHREAD_MUTEX_INITIALIZER};
    uint64_t whole = in->map_size / FT_PAGE - 1; /* without the header */
    ft_parallel(last < whole ? last : whole, PIECE, survey_pages, &s);
    if (s.failed || !in->voice_count) return !s.failed;
    qsort(in->voices, in->voice_count, sizeof *in->voices, by_task);
    size_t count = 0;
    for (size_t i = 1; i < in->voice_count; i++) {
        count += in->voices[i].task != in->voices[count].task;
        in->voices[count] = in->voices[i]; /* of one task the last is the latest */
    }
    in->voice_count = count + 1;
    return true;
}
