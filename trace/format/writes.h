/*
 * writes.h: entries of the pages that hold a thread's writes to watched
 * globals, Python's and C's alike. Part of ../format.h, which includes it.
 */
#ifndef FT_FORMAT_WRITES_H
#define FT_FORMAT_WRITES_H

/*
 * A thread that writes often has a page of its own (FT_PY_WRITES, FT_C_WRITES), 16 bytes a write. An entry
 * counts once its stamp is not 0, and is never changed then. Its time is exact to 16 counts of the clock; the
 * order of a thread's writes is that of the entries. Of a C object of at most 8 bytes the value is the whole
 * object's, else what was stored.
 */
struct ft_c_entry {
    uint64_t stamp; /* counter >> 4 << 16 | its site */
    uint64_t value;
};
#define FT_C_STAMP(counter, site) ((counter) >> 4 << 16 | (site))
#define FT_C_STAMP_SITE(stamp)    ((stamp)&0xffff)
#define FT_C_STAMP_BITS           52 /* of a counter that a stamp holds */
#define FT_C_STAMP_COUNTER(stamp) ((stamp) >> 16 << 4)
#define FT_C_ENTRIES              ((FT_PAGE - 128) / sizeof(struct ft_c_entry))
/* FT_C_WRITES: the site of an entry that is no write: its value is signs of the locks held from here on. */
#define FT_C_HELD 0xffffu

#endif
