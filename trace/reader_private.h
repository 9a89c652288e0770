/*
 * reader_private.h: what the parts of the reader share. reader.c opens and
 * hands out, reader_records.c answers, reader_pages.c copies and checks pages, reader_map.c says which files
 * need no copies, reader_clock.c converts time.
 */
#ifndef FT_READER_PRIVATE_H
#define FT_READER_PRIVATE_H

#include "reader.h"

#define FT_CLOSED       (1u << 24) /* the writer adds it to the cursor of a page nobody may append to */
#define FT_CAPACITY_MAX ((1ull << 34) / FT_PAGE) /* a reference reaches 32 GiB, twice the largest file */
#define FT_KEYS         (1u << 23) /* a reference names a page by the low 23 bits of its number */
#define FT_SCRATCH      64u        /* pages read at once */
#define FORGET          8192u      /* pages: what is in memory of a file in place, at most */
#define FT_UNITS        (FT_PAGE_ROOM / FT_REF_UNIT)

/* A set of places in a page: bit n stands for room + 8 * n. */
struct ft_places {
    uint64_t bits[(FT_UNITS + 63) / 64];
};

/* What is kept of a page. */
struct ft_copy {
    const struct ft_page *page;   /* our own copy: what was checked cannot change any more; or in place */
    struct ft_own {               /* of a copy; NULL: in place, all of it are committed records */
        struct ft_places records; /* committed records begin here */
        struct ft_places fresh;   /* of them, not handed out yet */
    } * own;
    uint32_t torn;
    bool settled; /* full and all committed for good (or damaged): not read again */
    bool damaged;
    bool told;   /* in place: handed out */
    bool writes; /* its first record is a page full of them */
};

struct ft_pair {
    uint64_t counter, monotonic;
};

struct ft_reading {
    int fd;
    uint64_t size; /* of the file */
    struct ft_header header;
    struct ft_copy *copies;
    size_t count, room;
    uint32_t *by_key;          /* FT_KEYS: index in copies + 1 of the newest page of that key */
    uint32_t *by_position;     /* capacity + 1: the same, by physical page */
    const struct ft_page *map; /* the file in place (reader_map.c), or NULL */
    size_t map_size;
    struct ft_summary *summaries; /* of pages in place, by position; records 0: it is not one */
    struct ft_voice *voices;      /* of them all */
    size_t voice_count, voice_room;
    void *chunks;            /* memory of the page copies: each begins with a pointer to the next */
    struct ft_owns *owns;    /* memory of struct ft_own */
    size_t chunk_left;       /* pages left in the first of them */
    struct ft_page *scratch; /* two times FT_SCRATCH pages */
    struct ft_pair *pairs;
    size_t pair_count, pair_room, pairs_known;
    struct ft_line *knots; /* of the clock's curve */
    size_t knot_count;
    size_t knot_at; /* where the last time asked for lay */
    double rate;    /* ns a tick, overall */
};

struct ft_owns {
    struct ft_owns *next;
    size_t used;
    struct ft_own own[510];
};

/* Address space, of which only what is used takes memory; NULL: there is none. For munmap. */
void *ft_reserve(size_t size);

/* Sets map, if the file of this size may be looked at in place. */
void ft_map_open(struct ft_reading *in, uint64_t size);
bool ft_map_was_cut(const struct ft_reading *in); /* or could not be read: some of its pages are zeros now */
void ft_map_close(struct ft_reading *in);
void ft_map_crowded(void); /* many pages have been looked at: forget them, of all files in place */

/* reader_place.c: which of the pages up to number `last` can stay where they are. False: out of memory. */
bool ft_survey(struct ft_reading *in, uint64_t last);

extern const uint8_t ft_classes[256];
static inline enum ft_class ft_class_of(unsigned type) /* FT_LINEAGE: also of an unknown one */
{
    return ft_classes[type & 255];
}

size_t ft_read_at(int fd, void *to, size_t size, uint64_t at); /* bytes; what is missing becomes zero */
/* Whether it is the page that belongs at this position. */
static inline bool ft_page_belongs(const struct ft_reading *in, const struct ft_page *page, uint64_t position)
{
    return page->magic == FT_PAGE_MAGIC && page->class < FT_CLASSES && page->seq &&
           page->seq < in->header.next && 1 + (page->seq - 1) % in->header.capacity == position;
}
/* Its number, without touching it if it is in place. */
static inline uint64_t ft_seq_of(const struct ft_reading *in, const struct ft_copy *copy)
{
    if (copy->own) return copy->page->seq;
    uint64_t position = (uint64_t)(copy->page - in->map);
    return position + in->summaries[position].lap * in->header.capacity;
}

/* Read pages that are new or may have changed. False: out of memory. */
bool ft_pages_load(struct ft_reader *r);

/* Take what is known about the clock into account. False: out of memory. */
bool ft_clock_add(struct ft_reading *in, uint64_t counter, uint64_t monotonic);
bool ft_clock_build(struct ft_reading *in);

/* for each place n of a set (a copy of it: the set may change meanwhile) */
#define FT_EACH_PLACE(n, set)                                                  \
    for (unsigned word_ = 0, n; word_ < sizeof(struct ft_places) / 8; word_++) \
        for (uint64_t bits_ = (set)->bits[word_];                              \
             bits_ && (n = word_ * 64 + (unsigned)__builtin_ctzll(bits_), 1); bits_ &= bits_ - 1)

static inline bool ft_place_in(const struct ft_places *set, unsigned n)
{
    return set->bits[n / 64] >> n % 64 & 1;
}
static inline void ft_place_add(struct ft_places *set, unsigned n) { set->bits[n / 64] |= 1ull << n % 64; }
static inline void ft_place_drop(struct ft_places *set, unsigned n)
{
    set->bits[n / 64] &= ~(1ull << n % 64);
}

#endif
