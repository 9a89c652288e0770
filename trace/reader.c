/*
 * reader.c: opening a trace file, what is wrong with it, and handing out its
 * records. reader_pages.c finds them, reader_records.c answers about each, reader_clock.c dates them.
 */
#define _GNU_SOURCE
#include "reader_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- opening -------------------------------------------------------------------------------- */

static enum ft_reader_error check_header(const struct ft_header *h, size_t have)
{
    static const struct ft_header nothing; /* the file has its size before its header: killed in between */
    size_t of_magic = have < sizeof h->magic ? have : sizeof h->magic;
    if (!have || !memcmp(h, &nothing, have < sizeof nothing ? have : sizeof nothing)) return FT_READ_EMPTY;
    if (memcmp(h->magic, FT_MAGIC, of_magic)) return FT_READ_FOREIGN;
    if (have < offsetof(struct ft_header, page_size)) return FT_READ_TRUNCATED;
    if (h->endian == __builtin_bswap32(FT_ENDIAN)) return FT_READ_ENDIAN;
    if (h->endian != FT_ENDIAN) return FT_READ_DAMAGED;
    if (h->min_reader > FT_VERSION) return FT_READ_NEWER;
    if (have < sizeof *h) return FT_READ_TRUNCATED;
    if (h->page_size != FT_PAGE || h->header_size != FT_PAGE || !h->capacity ||
        h->capacity > FT_CAPACITY_MAX || h->clock > FT_CLOCK_TSC || !h->next || h->next >> 48)
        return FT_READ_DAMAGED;
    return FT_READ_OK;
}

static uint64_t size_needed(const struct ft_header *h)
{
    return (1 + (h->next - 1 < h->capacity ? h->next - 1 : h->capacity)) * FT_PAGE;
}

static ssize_t header_of(const struct ft_reading *in, struct ft_header *header, struct stat *status)
{
    ssize_t have;
    do have = pread(in->fd, header, sizeof *header, 0);
    while (have < 0 && errno == EINTR);
    return have < 0 || fstat(in->fd, status) ? -1 : have;
}

/* Look at the header and the size again: both change while the run goes on. */
static enum ft_reader_error read_header(struct ft_reader *r)
{
    struct ft_reading *in = r->private;
    struct ft_header header = {0};
    struct stat status;
    ssize_t have = header_of(in, &header, &status);
    if (have < 0) return FT_READ_OPEN;
    enum ft_reader_error error = check_header(&header, (size_t)have);
    if (error) return error;
    if (in->header.next && (header.capacity != in->header.capacity || header.clock != in->header.clock ||
                            header.next < in->header.next))
        return FT_READ_DAMAGED; /* a header that was good until now: keep that one */
    in->header = header;
    uint64_t needed = size_needed(&header), size = (uint64_t)status.st_size;
    r->size = size;
    r->missing = size < needed ? needed - size : 0;
    r->truncated = r->missing;
    return FT_READ_OK;
}

void *ft_reserve(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static enum ft_reader_error prepare(struct ft_reader *r)
{
    struct ft_reading *in = r->private;
    enum ft_reader_error error = read_header(r);
    if (error) return error;
    /* large, sparse and mostly untouched: address space only */
    in->by_key = ft_reserve(FT_KEYS * sizeof *in->by_key);
    in->by_position = ft_reserve((in->header.capacity + 1) * sizeof *in->by_position);
    in->scratch = aligned_alloc(FT_PAGE, 2 * FT_SCRATCH * FT_PAGE);
    if (!in->by_key || !in->by_position || !in->scratch) return FT_READ_MEMORY;
    if (!ft_clock_add(in, in->header.counter0, in->header.monotonic0)) return FT_READ_MEMORY;
    ft_map_open(in, r->size);
    if (!ft_pages_load(r)) return FT_READ_MEMORY;
    return ft_map_was_cut(in) ? read_header(r) : FT_READ_OK;
}

enum ft_reader_error ft_reader_open(struct ft_reader *r, const char *path, bool partial)
{
    *r = (struct ft_reader){0};
    struct ft_reading *in = calloc(1, sizeof *in);
    if (!in) return FT_READ_MEMORY;
    r->private = in;
    r->header = &in->header;
    in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO must not block us */
    struct stat status;
    enum ft_reader_error error = in->fd < 0 || fstat(in->fd, &status) ? FT_READ_OPEN : FT_READ_OK;
    if (!error && S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        error = FT_READ_OPEN;
    }
    if (!error && !S_ISREG(status.st_mode)) error = FT_READ_FOREIGN;
    if (!error) error = prepare(r);
    if (!error && r->truncated && !partial) error = FT_READ_TRUNCATED;
    if (error) {
        int why = errno;
        uint64_t missing = r->missing;
        ft_reader_close(r);
        r->missing = missing;
        errno = why;
    }
    return error;
}

void ft_reader_close(struct ft_reader *r)
{
    struct ft_reading *in = r->private;
    if (in) {
        ft_map_close(in);
        if (in->fd >= 0) close(in->fd);
        if (in->by_key) munmap(in->by_key, FT_KEYS * sizeof *in->by_key);
        if (in->by_position) munmap(in->by_position, (in->header.capacity + 1) * sizeof *in->by_position);
        for (void *chunk = in->chunks, *next; chunk; chunk = next) {
            next = *(void **)chunk;
            free(chunk);
        }
        for (struct ft_owns *owns = in->owns, *next; owns; owns = next) {
            next = owns->next;
            free(owns);
        }
        free(in->scratch);
        free(in->copies);
        free(in->voices);
        free(in->pairs);
        free(in->knots);
        free(in);
    }
    *r = (struct ft_reader){0};
}

const char *ft_reader_message(enum ft_reader_error error, const struct ft_reader *r, char *buffer,
                              size_t size)
{
    switch (error) {
    case FT_READ_OK: return "no error";
    case FT_READ_OPEN:
        snprintf(buffer, size, "cannot be read: %s: give the path of a trace you may read", strerror(errno));
        return buffer;
    case FT_READ_EMPTY: return "is empty: was the run stopped before it began? record it again";
    case FT_READ_FOREIGN: return "is not a forktrace file: give a file written by `forktrace record`";
    case FT_READ_NEWER: return "was written by a newer forktrace: update this one";
    case FT_READ_ENDIAN:
        return "was written on a machine of the other byte order: read it on a machine of the same kind";
    case FT_READ_DAMAGED: return "is damaged, its header contradicts itself: copy it again or record again";
    case FT_READ_TRUNCATED:
        if (!r || !r->missing) return "is cut off within its header: copy it again";
        snprintf(buffer, size, "is cut off, %llu bytes that were written are missing: copy it again",
                 (unsigned long long)r->missing);
        return buffer;
    case FT_READ_MEMORY: return "needs more memory than there is: close something or raise the limit";
    }
    return "cannot be read";
}

/* --- records -------------------------------------------------------------------------------- */

static int hand_out_copy(struct ft_reader *r, struct ft_copy *copy, ft_ref first, bool all, ft_visit *visit,
                         void *context)
{
    FT_EACH_PLACE(n, all ? &copy->own->records : &copy->own->fresh)
    {
        if (ft_place_in(&copy->own->fresh, n)) r->records++;
        ft_place_drop(&copy->own->fresh, n);
        const void *record = copy->page->room + n * FT_REF_UNIT;
        int result = visit(context, record, first + n);
        if (result) return result;
    }
    return 0;
}

static int hand_out_in_place(struct ft_reader *r, struct ft_copy *copy, ft_ref first, bool all,
                             ft_visit *visit, void *context)
{
    bool again = copy->told;
    if (again && !all) return 0;
    copy->told = true;
    const struct ft_head *record;
    for (size_t at = 0; (record = ft_page_next(copy->page, &at));) {
        size_t n = (size_t)((const uint8_t *)record - copy->page->room) / FT_REF_UNIT;
        r->records += !again;
        int result = visit(context, record, first + (ft_ref)n);
        if (result) return result;
    }
    return 0;
}

static int hand_out_whole(struct ft_reader *r, struct ft_copy *copy, ft_ref first, ft_visit_page *whole,
                          void *context)
{
    struct ft_reading *in = r->private;
    const struct ft_summary *summary = &in->summaries[copy->page - in->map];
    if (!copy->told) r->records += summary->records;
    copy->told = true;
    return whole(context, copy->page, first, summary);
}

/* `whole`: pages in place go to it, not to visit. */
static int hand_out(struct ft_reader *r, bool all, ft_visit *visit, ft_visit_page *whole, void *context)
{
    struct ft_reading *in = r->private;
    int result = 0;
    for (size_t i = 0; i < in->count && !result; i++) {
        struct ft_copy *copy = &in->copies[i]; /* visit may look things up, but loads nothing */
        ft_ref first = (ft_ref)((ft_seq_of(in, copy) * FT_PAGE + FT_PAGE_HEADER) / FT_REF_UNIT);
        if (copy->own)
            result = hand_out_copy(r, copy, first, all, visit, context);
        else if (!whole)
            result = hand_out_in_place(r, copy, first, all, visit, context);
        else
            result = hand_out_whole(r, copy, first, whole, context);
        if (i % FORGET == FORGET - 1 && !whole) ft_reader_forget(r);
    }
    ft_reader_forget(r);
    return result;
}

int ft_reader_each(struct ft_reader *r, ft_visit *visit, void *context)
{
    return hand_out(r, true, visit, NULL, context);
}

int ft_reader_each_page(struct ft_reader *r, ft_visit *visit, ft_visit_page *whole, void *context)
{
    return hand_out(r, true, visit, whole, context);
}

const struct ft_voice *ft_reader_voices(const struct ft_reader *r, size_t *count)
{
    const struct ft_reading *in = r->private;
    *count = in->voice_count;
    return in->voices;
}

int ft_reader_new(struct ft_reader *r, ft_visit *visit, void *context)
{
    /* a header that cannot be read any more, or no memory: what is there stays as it is */
    if (!read_header(r) && !ft_pages_load(r)) r->truncated = true;
    return hand_out(r, false, visit, NULL, context);
}

enum ft_fate ft_reader_fate(const struct ft_reader *r, const char *path)
{
    const struct ft_reading *in = r->private;
    struct ft_header header = {0};
    struct stat status, there;
    ssize_t have = header_of(in, &header, &status);
    if (have < 0) return FT_FATE_NONE; /* nothing is known of it */
    enum ft_reader_error error = check_header(&header, (size_t)have);
    if (error == FT_READ_EMPTY) return FT_FATE_EMPTIED;
    if (error == FT_READ_TRUNCATED) return FT_FATE_CUT;
    if (error || memcmp(header.run_id, in->header.run_id, sizeof header.run_id)) return FT_FATE_OVERWRITTEN;
    if ((uint64_t)status.st_size < size_needed(&header)) return FT_FATE_CUT;
    if (stat(path, &there)) return errno == ENOENT ? FT_FATE_REMOVED : FT_FATE_NONE;
    bool same = there.st_dev == status.st_dev && there.st_ino == status.st_ino;
    return same ? FT_FATE_NONE : FT_FATE_REPLACED;
}

/* --- names ---------------------------------------------------------------------------------- */

uint64_t ft_reader_lost(const struct ft_reader *r, enum ft_lost reason)
{
    return (unsigned)reason < FT_LOST_ROOM ? r->header->lost[reason] : 0;
}

static const struct {
    const char *name, *text;
} reasons[] = {
#define X(id, name, text) {name, text},
    FT_LOST_REASONS(X)
#undef X
};
static_assert(FT_LOST_COUNT <= FT_LOST_ROOM, "each reason has its counter");

const char *ft_lost_name(enum ft_lost reason)
{
    return (unsigned)reason < FT_LOST_COUNT ? reasons[reason].name : "unknown";
}

const char *ft_lost_text(enum ft_lost reason)
{
    return (unsigned)reason < FT_LOST_COUNT ? reasons[reason].text : "a reason newer than this forktrace";
}

static const struct {
    const char *name, *text;
} blinds[] = {
#define X(number, NAME, name, text) [number] = {name, text},
    FT_BLINDS(X)
#undef X
};

static bool is_blind(unsigned why) { return why < sizeof blinds / sizeof *blinds && blinds[why].name; }

const char *ft_blind_name(unsigned why) { return is_blind(why) ? blinds[why].name : "unknown"; }

const char *ft_blind_text(unsigned why)
{
    return is_blind(why) ? blinds[why].text : "for a reason newer than this forktrace";
}

const char *ft_type_name(unsigned type)
{
    static const char *const names[256] = {
#define X(number, NAME, name, class) [number] = #name,
        FT_TYPES(X)
#undef X
    };
    return type < 256 ? names[type] : NULL;
}

const char *ft_note_text(unsigned what)
{
#define X(number, NAME, text) [number] = text,
    static const char *const texts[] = {FT_NOTES(X)};
#undef X
    const char *text = what < sizeof texts / sizeof *texts ? texts[what] : NULL;
    return text ? text : "a note of a newer version";
}
