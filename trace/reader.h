/*
 * reader.h: a trace file, checked, as a stream of records. Never trusts a byte
 * of it: a hostile or damaged file gives an error or fewer records, no crash
 * and no endless loop. The file may still be growing while it is read.
 *
 * Not async-signal-safe; one ft_reader is used by one thread.
 */
#ifndef FT_READER_H
#define FT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "format.h"

struct ft_reader {
    const struct ft_header *header; /* a checked copy */
    uint64_t size;                  /* of the file in bytes, mostly holes: see format.h */
    bool truncated;                 /* pages that were written are missing from the file */
    uint64_t missing;               /* bytes of them */
    uint64_t torn;                  /* records claimed and never committed (their writer was killed) */
    uint64_t damaged;               /* pages whose content contradicts itself: read up to there */
    uint64_t records;               /* committed ones handed out so far */
    void *private;
};

/* Errors of ft_reader_open: one clear sentence each through ft_reader_error. */
enum ft_reader_error {
    FT_READ_OK = 0,
    FT_READ_OPEN,      /* errno says why */
    FT_READ_EMPTY,     /* no bytes */
    FT_READ_FOREIGN,   /* not a forktrace file */
    FT_READ_NEWER,     /* written by a newer forktrace that this one cannot read */
    FT_READ_ENDIAN,    /* from a machine of the other endianness */
    FT_READ_DAMAGED,   /* the header contradicts itself */
    FT_READ_TRUNCATED, /* shorter than what was written; only an error unless `partial` */
    FT_READ_MEMORY,
};

/*
 * Open PATH. `partial`: accept a truncated file and read what is there.
 * On error nothing is left open.
 */
enum ft_reader_error ft_reader_open(struct ft_reader *r, const char *path, bool partial);
void ft_reader_close(struct ft_reader *r);

/* "what is wrong: what to do", without the path; static or in `buffer`. */
const char *ft_reader_message(enum ft_reader_error error, const struct ft_reader *r, char *buffer,
                              size_t size);

/*
 * Call visit for every committed record (FT_OPEN and FT_DONE, wait slots that
 * are in use too), page by page: in order within a page, not sorted by time.
 * `record` stays valid until ft_reader_close, but an FT_OPEN one or a slot of a
 * live trace may change. The record is at least sizeof(struct ft_head) long and
 * lies in the file; use ft_get to read further than that. Types this reader
 * does not know are handed out too: ignore them. A non-zero result of visit
 * stops and is returned. A page that is overwritten (flight recorder) while the
 * reader is open is kept as it was.
 */
typedef int ft_visit(void *context, const struct ft_head *record, ft_ref ref);
int ft_reader_each(struct ft_reader *r, ft_visit *visit, void *context);

/*
 * Let readers that are opened from here on look at large files in place where that is as safe as a copy
 * (reader_map.c), and take SIGBUS for that: for the commands, before they open anything.
 */
void ft_reader_in_place(void);
/* For a later handler of SIGBUS: the address was one of ours, and can be read now. Async-signal-safe. */
bool ft_reader_mend(const void *address);
/* What has been read of a file in place need not stay in memory: it comes back when it is looked at. */
void ft_reader_forget(const struct ft_reader *r);

/* Whether a record that was handed out lies in such a file. */
bool ft_reader_is_in_place(const struct ft_reader *r, const struct ft_head *record);

/*
 * As ft_reader_each, but a page that is looked at in place is given as a whole, with
 * what is known of it: it need not be touched for that. Its records, which are
 * those ft_reader_each would have visited, are had by ft_page_next.
 */
struct ft_summary {
    uint64_t earliest;           /* the least ft_began */
    uint64_t counter, monotonic; /* its clock pair */
    uint32_t lap;                /* how often what lies there had been overwritten */
    uint16_t items;  /* the records, but each write of FT_C_WRITES and FT_PY_WRITES for itself, at most */
    uint8_t records; /* a page has no more than 252 */
    bool writes;     /* the first is one of those two */
};
static_assert(FT_PAGE_ROOM / sizeof(struct ft_head) <= UINT8_MAX, "ft_summary.records");
typedef int ft_visit_page(void *context, const struct ft_page *page, ft_ref first,
                          const struct ft_summary *summary);
int ft_reader_each_page(struct ft_reader *r, ft_visit *visit, ft_visit_page *whole, void *context);
/* Who wrote the records of all these pages, by reference, and the greatest time of each one's. */
struct ft_voice {
    ft_ref task;
    uint64_t latest;
};
const struct ft_voice *ft_reader_voices(const struct ft_reader *r, size_t *count);
/* The record at or after a place, which is 0 at first and moves behind it; NULL: there are no more. */
const struct ft_head *ft_page_next(const struct ft_page *page, size_t *at);
/* Each of its entries is a write with a time of its own. */
static inline bool ft_is_writes(unsigned type) { return type == FT_C_WRITES || type == FT_PY_WRITES; }
/* When what is recorded began: of a wait, or the run of a greenlet, that is not when it was written. */
uint64_t ft_began(const struct ft_head *record);

/*
 * What became of the file, which somebody may have done something to since it
 * was opened. `path` is the one it was opened by. From CUT on it has nothing
 * more to give: ft_reader_new is not to be called any more, what was handed out
 * stays.
 */
enum ft_fate {
    FT_FATE_NONE,
    FT_FATE_REMOVED,
    FT_FATE_REPLACED,
    FT_FATE_CUT,
    FT_FATE_EMPTIED,
    FT_FATE_OVERWRITTEN
};
enum ft_fate ft_reader_fate(const struct ft_reader *r, const char *path);

/* The records that were committed since the last call of either, and slots with a new wait (live traces). */
int ft_reader_new(struct ft_reader *r, ft_visit *visit, void *context);

/*
 * A copy of `record` as a struct of `size` bytes: missing fields are zero, extra
 * bytes of the record are left out. For variable parts see ft_tail.
 */
void ft_get(const struct ft_head *record, void *structure, size_t size);
/* One field of a record, 0 if it is not there: quicker than FT_GET where there are millions. */
#define FT_FIELD(type, record, field)                                                            \
    ({                                                                                           \
        const struct ft_##type *ft_record_ = (const void *)(record);                             \
        size_t ft_end_ = offsetof(struct ft_##type, field) + sizeof ft_record_->field;           \
        ft_record_->head.size >= ft_end_ ? ft_record_->field : (__typeof__(ft_record_->field))0; \
    })
#define FT_GET(type, record)                        \
    ({                                              \
        struct ft_##type ft_get_;                   \
        ft_get((record), &ft_get_, sizeof ft_get_); \
        ft_get_;                                    \
    })
/*
 * What follows the first `fixed` bytes of the record, and how many bytes that is (0 if none; up to 7 more
 * than were meant). For a variable part, fixed is its offsetof: sizeof may be more (struct ft_string).
 */
const void *ft_tail(const struct ft_head *record, size_t fixed, size_t *length);

/* The record a reference names, or NULL (overwritten, torn, nonsense, or not of `type`; type 0: any). */
const struct ft_head *ft_reader_find(const struct ft_reader *r, ft_ref ref, unsigned type);

/*
 * A place: 32 bits that name a record which was handed out, or an entry of one
 * that is a page full of writes (FT_C_WRITES, FT_PY_WRITES), for as long as the
 * reader is open. Never 0; 0: this one has none. From it the record is had
 * quicker than from a reference, which nobody has checked.
 */
typedef uint32_t ft_place;
ft_place ft_reader_place(const struct ft_reader *r, const struct ft_head *record, ft_ref ref);
ft_place ft_reader_place_entry(const struct ft_reader *r, const struct ft_head *record, ft_ref ref,
                               uint32_t entry);
const struct ft_head *ft_reader_at(const struct ft_reader *r, ft_place place) __attribute__((pure));
uint32_t ft_place_entry(ft_place place);

/* The text of an FT_STRING; "" with *length 0 if there is none. Not NUL-terminated. *cut: it was longer. */
const char *ft_reader_string(const struct ft_reader *r, ft_ref ref, size_t *length, bool *cut);

/* A record's counter value as ns of CLOCK_MONOTONIC, from the clock pairs in the file (interpolated). */
int64_t ft_reader_ns(const struct ft_reader *r, uint64_t counter);

/* The same for many that are near each other. */
struct ft_line {
    uint64_t counter, span; /* the clock's curve is a line for the `span` counters from here on */
    uint64_t monotonic, ns; /* which go from `monotonic` on, `ns` far */
    uint64_t inverse;       /* UINT64_MAX / span */
};
/* The line a counter lies on. False: on none of which ft_line_ns can tell. */
bool ft_reader_line(const struct ft_reader *r, uint64_t counter, struct ft_line *line);
static inline bool ft_line_has(const struct ft_line *line, uint64_t counter)
{
    return counter - line->counter < line->span;
}
/*
 * Exactly monotonic + ticks * ns / span. A division takes longer than two products; the quotient by the
 * inverse is at most 2 too low.
 */
static inline int64_t ft_line_ns(const struct ft_line *line, uint64_t counter)
{
    uint64_t part = (counter - line->counter) * line->ns;
    uint64_t quotient = (uint64_t)((unsigned __int128)part * line->inverse >> 64);
    for (uint64_t rest = part - quotient * line->span; rest >= line->span; rest -= line->span) quotient++;
    return (int64_t)(line->monotonic + quotient);
}

/* Records lost for a reason, and in all. */
uint64_t ft_reader_lost(const struct ft_reader *r, enum ft_lost reason);
const char *ft_lost_name(enum ft_lost reason);
const char *ft_lost_text(enum ft_lost reason);
const char *ft_type_name(unsigned type); /* "fork"; NULL if unknown */

/* Why the library is not in an image (enum ft_blind_why): "static" and a sentence; "unknown" for other
 * numbers. */
const char *ft_blind_name(unsigned why);
const char *ft_blind_text(unsigned why);
/* enum ft_note_what as a sentence. */
const char *ft_note_text(unsigned what);

#endif
