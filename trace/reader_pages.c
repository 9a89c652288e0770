/*
 * reader_pages.c: copies the pages of a trace and finds the committed records
 * in them. Nothing outside is believed: see struct ft_copy for what is kept.
 *
 * Pages are copied with pread rather than mapped: a mapped file that is cut
 * off or hits an I/O error raises SIGBUS, and its bytes could change after
 * they were checked (hostile writer, or flight recorder going round). Memory
 * is what the used pages take, never more than the file. The exception is
 * reader_map.c's: a full page of finished events in a file at rest.
 *
 * Each page is read twice, because its writers may be at work (format.h):
 * - a record counts if its head said so the first time; its content is taken
 *   from the second, which began after that commit;
 * - a hole is a word that was zero both times. One that was filled in between
 *   may have shown us its body before its head: skip it as a whole.
 * A page about to be overwritten loses its magic before anything else changes,
 * so if magic and number still stand after the second time, it was whole.
 */
#define _GNU_SOURCE
#include "reader_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK 63u        /* copies per piece of memory */
#define LARGE (2u << 20) /* later pieces: what a large page holds */

struct word {
    uint16_t size;
    uint8_t type, state;
};

static struct word word_at(const struct ft_page *page, size_t at)
{
    struct word word;
    memcpy(&word, page->room + at, sizeof word);
    return word;
}

static bool is_zero(struct word w) { return !w.size && !w.type && !w.state; }

size_t ft_read_at(int fd, void *to, size_t size, uint64_t at)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(fd, (char *)to + done, size - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += (size_t)n;
    }
    memset((char *)to + done, 0, size - done);
    return done;
}

/* --- one page ------------------------------------------------------------------------------- */

/* What a page's records look like now. */
struct look {
    struct ft_places records;
    uint32_t torn;
    bool unfinished; /* something may still be committed, or change */
    bool damaged;
};

static struct look look_at_records(const struct ft_page *first, const struct ft_page *second, size_t room)
{
    struct look look = {0};
    size_t used = first->cursor % FT_CLOSED, at = 0;
    size_t limit = used < room ? used : room;
    look.unfinished = used < FT_PAGE_ROOM;
    while (at + FT_REF_UNIT <= limit) {
        struct word one = word_at(first, at), two = word_at(second, at);
        if (is_zero(one)) {
            look.unfinished = true;
            if (is_zero(two)) {
                at += FT_REF_UNIT;
                continue;
            }
        }
        size_t least = two.type == FT_FILLER ? FT_REF_UNIT : sizeof(struct ft_head);
        if (two.size < least || two.size % FT_REF_UNIT || two.state < FT_CLAIMED || two.state > FT_DONE ||
            (!is_zero(one) && (one.size != two.size || one.type != two.type || one.state > two.state))) {
            look.damaged = true;
            break;
        }
        if (two.size > limit - at) {
            look.damaged = limit == used || limit == FT_PAGE_ROOM; /* else just cut off */
            break;
        }
        if (two.type != FT_FILLER) {
            if (one.state >= FT_OPEN) ft_place_add(&look.records, (unsigned)(at / FT_REF_UNIT));
            look.torn += two.state == FT_CLAIMED;
            look.unfinished |= one.state != FT_DONE;
        }
        at += two.size;
    }
    return look;
}

const uint8_t ft_classes[256] = {
#define X(number, NAME, name, class) [number] = FT_##class,
    FT_TYPES(X)
#undef X
};

static bool is_slot(unsigned type) { return ft_class_of(type) == FT_SLOTS; }

/*
 * A slot may be overwritten at any time. A wait that was not the same both
 * times is no long one; anything else (the last value of a global that is
 * written all the time) is taken as it was the second time.
 */
static struct look look_at_slots(const struct ft_page *first, const struct ft_page *second, size_t room)
{
    struct look look = {.unfinished = true};
    for (size_t at = 0; at + FT_SLOT_SIZE <= room; at += FT_SLOT_SIZE) {
        struct word one = word_at(first, at), two = word_at(second, at);
        if (two.state == FT_OPEN && is_slot(two.type) && two.size == FT_SLOT_SIZE &&
            !memcmp(&one, &two, sizeof two) &&
            (two.type != FT_WAIT_SLOT || !memcmp(first->room + at, second->room + at, FT_SLOT_SIZE)))
            ft_place_add(&look.records, (unsigned)(at / FT_REF_UNIT));
    }
    return look;
}

/* --- the copies ----------------------------------------------------------------------------- */

static struct ft_page *new_page(struct ft_reading *in)
{
    if (!in->chunk_left) {
        void *chunk = NULL; /* the first page of a chunk only holds the link */
        bool large = in->chunks;
        size_t size = large ? LARGE : (CHUNK + 1) * FT_PAGE;
        if (posix_memalign(&chunk, large ? LARGE : FT_PAGE, size)) return NULL;
        if (large) madvise(chunk, size, MADV_HUGEPAGE); /* a page fault for 512 copies: it may say no */
        *(void **)chunk = in->chunks;
        in->chunks = chunk;
        in->chunk_left = (unsigned)(size / FT_PAGE - 1);
    }
    return (struct ft_page *)in->chunks + in->chunk_left--;
}

static struct ft_own *new_own(struct ft_reading *in)
{
    if (!in->owns || in->owns->used == sizeof in->owns->own / sizeof *in->owns->own) {
        struct ft_owns *owns = malloc(sizeof *owns);
        if (!owns) return NULL;
        owns->next = in->owns;
        owns->used = 0;
        in->owns = owns;
    }
    struct ft_own *own = &in->owns->own[in->owns->used++];
    *own = (struct ft_own){0};
    return own;
}

static struct ft_copy *new_entry(struct ft_reading *in)
{
    if (in->count == in->room) {
        size_t room = in->room ? in->room * 2 : 64;
        struct ft_copy *grown = realloc(in->copies, room * sizeof *grown);
        if (!grown) return NULL;
        in->copies = grown;
        in->room = room;
    }
    return &in->copies[in->count++];
}

static struct ft_copy *new_copy(struct ft_reading *in)
{
    struct ft_page *page = new_page(in);
    struct ft_own *own = page ? new_own(in) : NULL;
    struct ft_copy *copy = own ? new_entry(in) : NULL;
    if (copy) *copy = (struct ft_copy){.page = memset(page, 0, FT_PAGE), .own = own};
    return copy;
}

/* The newest entry is what lies at a position from now on. */
static void file_entry(struct ft_reading *in, uint64_t seq, uint64_t position)
{
    in->by_position[position] = (uint32_t)in->count;
    uint32_t *key = &in->by_key[seq % FT_KEYS];
    if (!*key || ft_seq_of(in, &in->copies[*key - 1]) < seq) *key = (uint32_t)in->count;
}

/* The records handed out before must still be there as they were: callers have pointers to them. */
static bool still_there(const struct ft_copy *copy, const struct ft_page *now, const struct look *look)
{
    FT_EACH_PLACE(n, &copy->own->records)
    {
        struct word old = word_at(copy->page, n * FT_REF_UNIT), new = word_at(now, n * FT_REF_UNIT);
        if (!ft_place_in(&look->records, n) || old.size != new.size || old.type != new.type) return false;
    }
    return true;
}

static bool update(struct ft_reading *in, struct ft_copy *copy, const struct ft_page *now,
                   const struct look *look)
{
    bool slots = now->class == FT_SLOTS;
    if (!slots && !still_there(copy, now, look)) {
        copy->settled = copy->damaged = true;
        return true;
    }
    struct ft_own *own = copy->own;
    for (size_t i = 0; i < sizeof own->fresh.bits / sizeof *own->fresh.bits; i++)
        own->fresh.bits[i] &= look->records.bits[i]; /* not a slot that is no longer in use */
    FT_EACH_PLACE(n, &look->records)
    {
        const uint8_t *record = now->room + n * FT_REF_UNIT;
        bool known = ft_place_in(&own->records, n) &&
                     (!slots || !memcmp(copy->page->room + n * FT_REF_UNIT, record, FT_SLOT_SIZE));
        if (known) continue;
        ft_place_add(&own->fresh, n);
        struct ft_clock clock = {0};
        if (word_at(now, n * FT_REF_UNIT).type != FT_CLOCK) continue;
        ft_get((const struct ft_head *)(const void *)record, &clock, sizeof clock);
        if (!ft_clock_add(in, clock.head.time, clock.monotonic)) return false;
    }
    memcpy((void *)(uintptr_t)copy->page, now, FT_PAGE);
    own->records = look->records;
    copy->writes = ft_place_in(&look->records, 0) && ft_is_writes(word_at(now, 0).type);
    copy->torn = look->torn;
    copy->damaged = look->damaged;
    copy->settled = look->damaged || !look->unfinished;
    return true;
}

/* --- the file ------------------------------------------------------------------------------- */

/* False: out of memory. */
static bool load_page(struct ft_reading *in, const struct ft_page *first, const struct ft_page *second,
                      size_t have, uint64_t position)
{
    if (have < FT_PAGE_HEADER || !ft_page_belongs(in, first, position) ||
        !ft_page_belongs(in, second, position) || first->seq != second->seq || first->class != second->class)
        return true;
    if (in->header.next > in->header.capacity) { /* being overwritten? */
        struct {
            uint8_t bytes[FT_PAGE_HEADER];
        } again;
        ft_read_at(in->fd, &again, sizeof again, position * FT_PAGE);
        if (memcmp(&again, first, 4) || memcmp(again.bytes + 8, &first->seq, 8)) return true;
    }
    size_t room = (have < FT_PAGE ? have : FT_PAGE) - FT_PAGE_HEADER;
    struct look look =
        first->class == FT_SLOTS ? look_at_slots(first, second, room) : look_at_records(first, second, room);
    uint32_t known = in->by_position[position];
    struct ft_copy *copy = known ? &in->copies[known - 1] : NULL;
    if (!copy || ft_seq_of(in, copy) != first->seq) {
        if (!(copy = new_copy(in))) return false;
        file_entry(in, first->seq, position);
        if (!ft_clock_add(in, first->counter, first->monotonic)) return false;
    } else if (copy->settled || copy->page->class != first->class)
        return true;
    return update(in, copy, second, &look);
}

/* Whether nothing at a position can have changed: its newest page is known and complete. */
static bool is_final(const struct ft_reading *in, uint64_t position)
{
    uint32_t known = in->by_position[position];
    if (!known || !in->copies[known - 1].settled) return false;
    uint64_t last = in->header.next - 1, capacity = in->header.capacity;
    uint64_t newest = last - (last - position) % capacity; /* claimed for this position */
    return ft_seq_of(in, &in->copies[known - 1]) == newest;
}

/* Pages [at, at + n): no more than FT_SCRATCH. */
static bool load_pages(struct ft_reading *in, uint64_t at, size_t n)
{
    struct ft_page *first = in->scratch, *second = in->scratch + FT_SCRATCH;
    size_t have = ft_read_at(in->fd, first, n * FT_PAGE, at * FT_PAGE);
    size_t again = ft_read_at(in->fd, second, n * FT_PAGE, at * FT_PAGE);
    if (again < have) have = again;
    for (size_t i = 0; i < n && i * FT_PAGE < have; i++)
        if (!load_page(in, first + i, second + i, have - i * FT_PAGE, at + i)) return false;
    return true;
}

/* --- in place --------------------------------------------------------------------------------- */

static bool may_stay(const struct ft_reading *in, uint64_t position)
{
    return in->map && (position + 1) * FT_PAGE <= in->map_size && !in->by_position[position] &&
           in->summaries[position].records;
}

static bool load_in_place(struct ft_reading *in, uint64_t position)
{
    const struct ft_summary *summary = &in->summaries[position];
    struct ft_copy *entry = new_entry(in);
    if (!entry) return false;
    *entry = (struct ft_copy){.page = in->map + position, .settled = true, .writes = summary->writes};
    file_entry(in, ft_seq_of(in, entry), position);
    return ft_clock_add(in, summary->counter, summary->monotonic);
}

/* So many pages, copied but for those that may stay where they are. */
static bool load_range(struct ft_reading *in, uint64_t at, size_t n)
{
    size_t from = 0; /* the first that has not been loaded */
    for (size_t i = 0; i < n; i++) {
        if (!may_stay(in, at + i)) continue;
        if (from < i && !load_pages(in, at + from, i - from)) return false;
        if (!load_in_place(in, at + i)) return false;
        from = i + 1;
    }
    return from == n || load_pages(in, at + from, n - from);
}

bool ft_pages_load(struct ft_reader *r)
{
    struct ft_reading *in = r->private;
    uint64_t last = in->header.next - 1;
    if (last > in->header.capacity) last = in->header.capacity;
    if (in->map && !in->count && !ft_survey(in, last)) return false;
    for (uint64_t at = 1; at <= last;) {
        if (is_final(in, at)) {
            at++;
            continue;
        }
        off_t data = may_stay(in, at) ? 0 : lseek(in->fd, (off_t)(at * FT_PAGE), SEEK_DATA);
        if (data < 0 && errno == ENXIO) break; /* holes up to the end */
        if (data > 0 && (uint64_t)data / FT_PAGE > at) {
            at = (uint64_t)data / FT_PAGE;
            continue;
        }
        size_t n = last - at + 1 < FT_SCRATCH ? (size_t)(last - at + 1) : FT_SCRATCH;
        if (!load_range(in, at, n)) return false;
        at += n;
    }
    if (ft_map_was_cut(in)) r->truncated = true;
    r->torn = r->damaged = 0;
    for (size_t i = 0; i < in->count; i++) {
        r->torn += in->copies[i].torn;
        r->damaged += in->copies[i].damaged;
    }
    return ft_clock_build(in);
}
