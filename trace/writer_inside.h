/*
 * writer_inside.h: what the files of the writer share among themselves. Nobody
 * else includes it. Three levels, each rarer than the one before:
 *   ft_begin        one atomic add on the current page            writer.c
 *   ftw_next_page   the page is full: another one of the run      writer_pages.c
 *   ftw_next_run    the run is used up: claim, map and back one   writer_runs.c
 * writer_file.c makes, joins and hands over the file itself.
 *
 * Anything may be interrupted by a signal handler that records too, run in
 * several threads at once, or stop for ever in the middle: every step leaves
 * shared state usable by the others, at worst wasting a page.
 */
#ifndef FT_WRITER_INSIDE_H
#define FT_WRITER_INSIDE_H

#include <string.h>
#include <time.h>

#include "counter.h"
#include "syscall.h"
#include "writer.h"

/* A page that is not in use: given out with a new number, or in somebody's hands (who may have died). */
#define PAGE_FREE 0x46505446u /* "FTPF" */
#define PAGE_BUSY 0x42505446u /* "FTPB" */

#define CLOSED   (1u << 24) /* added to a cursor: nobody can claim here any more */
#define RUN_MASK (FT_PAGE - 1)
#define TRIES    64 /* bounds every loop over shared state */

#define load(p)     __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define add(p, v)   __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL)

static inline bool swap(uint64_t *p, uint64_t old, uint64_t new)
{
    return __atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static inline bool swap32(uint32_t *p, uint32_t old, uint32_t new)
{
    return __atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static inline struct ft_page *run_base(uint64_t run)
{
    return (struct ft_page *)(uintptr_t)(run & ~(uint64_t)RUN_MASK);
}
static inline uint32_t run_pages(uint64_t run) { return run & RUN_MASK; }

#define sys ft_syscall

static inline bool failed(long r) { return r < 0 && r > -4096; }

static inline uint64_t monotonic(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Size, type and state go to memory as one word, so that a reader sees all or nothing. */
static inline void set_word(struct ft_head *head, uint16_t size, uint8_t type, uint8_t state)
{
    struct {
        uint16_t size;
        uint8_t type, state;
    } parts = {size, type, state};
    uint32_t word;
    memcpy(&word, &parts, 4);
    store((uint32_t *)(void *)head, word);
}

/* Both clocks at one moment, as nearly as can be had: an interruption in between shows in the counter. */
void ftw_clock_pair(uint32_t clock, uint64_t *count, uint64_t *ns);

/* writer_pages.c: the page to append to instead of `full`; NULL: none can be had, w->why_not says why. */
struct ft_page *ftw_next_page(struct ft_writer *w, enum ft_class class, struct ft_page *full);
/* Every record in the first `used` bytes is committed for good; *records counts them. */
bool ftw_settled(const struct ft_page *page, uint32_t used, uint64_t *records);
/*
 * Prepare a page of an earlier turn for its use as `seq`: what it holds goes.
 * False: leave it alone this time round. It stays closed until it is opened.
 */
bool ftw_recycle(struct ft_writer *w, struct ft_page *page, uint64_t seq);

/* writer_runs.c: replace the used-up run. False: none can be had. */
bool ftw_next_run(struct ft_writer *w, uint64_t used_up);
/* The run newcomers share, if it is another than `used_up` and still has pages; or 0. */
uint64_t ftw_shared_run(struct ft_writer *w, uint64_t used_up);
/* The mapping of a run that has become current, or will not be used, may be used again when idle. */
void ftw_release_map(struct ft_writer *w, const struct ft_page *base);
/* The kernel reads nothing ahead of what is touched in this mapping of ours. */
void ftw_no_readahead(void *base, size_t size);
/* Our file, opened for a moment (-errno). Never kept: the program owns the descriptor table. */
int ftw_open_file(const struct ft_writer *w);

#endif
