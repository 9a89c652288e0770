/*
 * writes.h: writes to watched globals as events: a record each by a thread that
 * writes now and then, 16 bytes of a page by one that goes on. Inside
 * preload/python/ only; GIL held.
 */
#ifndef PYTHON_WRITES_H
#define PYTHON_WRITES_H

#include "preload/python/spot.h"

/*
 * Where this thread's next write goes. Known to stub.S: cursor is first. It is
 * behind the page when that is full. A forked child has its parent's: but no
 * spot that refers to it.
 */
struct writes {
    uint64_t cursor;
    struct ft_page *page;
    uint64_t process; /* whose page it is, */
    ft_ref task;      /* and which thread's */
    uint32_t count;   /* writes before there was a page */
    uint32_t strange; /* writes that found no room for their site in the page */
};
extern __thread struct writes writes __attribute__((tls_model("initial-exec")));

#define WRITES_NO_PAGE ((const void *)(UINTPTR_MAX & ~(uintptr_t)(FT_PAGE - 1))) /* no cursor is near it */

/*
 * A write of what the spot says. Its time; 0: it was lost. The spot remembers
 * where in the page its site is.
 */
uint64_t write_event(struct spot *spot, ft_ref task, uint8_t kind, uint64_t bits);

/* Does the next write of a small int at this spot need no more than an entry in the page? */
static inline bool write_is_plain(const struct spot *spot)
{
    const struct lane *lane = self.lane;
    if (writes.cursor - (uintptr_t)spot->page >= FT_PAGE || (lane ? lane->held : 0) != spot->held)
        return false;
    return !spot->held || (lane->lock[0].address == spot->lock[0] &&
                           (spot->held == 1 || lane->lock[1].address == spot->lock[1]));
}

static inline void write_entry(const struct spot *spot, uint64_t bits, uint64_t time)
{
    struct ft_c_entry *entry = (struct ft_c_entry *)(uintptr_t)writes.cursor;
    entry->value = bits;
    __atomic_store_n(&entry->stamp, FT_C_STAMP(time, spot->site), __ATOMIC_RELEASE);
    writes.cursor += sizeof *entry;
}

#endif
