/*
 * rows.h: the tree at the left, flattened: one row for each process (which is
 * also the lane of its main thread), each other thread, each ghost and each
 * copy of a global worth a look, in order, without what is folded away.
 */
#ifndef TUI_ROWS_H
#define TUI_ROWS_H

#include "filter.h"
#include "viewer/timeline/timeline.h"

enum row_kind { ROW_PROCESS, ROW_THREAD, ROW_GHOST, ROW_COPY };

/* Which copies of globals have a row: those that diverged or are watched, every one, none. */
enum rows_copies { COPIES_NOTABLE, COPIES_ALL, COPIES_NONE, COPIES_COUNT };

struct row {
    uint8_t kind;    /* enum row_kind */
    bool last;       /* no sibling below */
    bool folded;     /* a process whose threads and children are hidden */
    bool parent;     /* a process that has something to fold */
    uint16_t depth;  /* 0: no parent here */
    uint32_t ghost;  /* index in its process's ghosts */
    copy_id copy;    /* ROW_COPY: whose value over time it is */
    uint32_t hidden; /* lanes folded away below this one */
    uint64_t open;   /* bit d: a sibling of the ancestor at depth d is still to come (d < 64) */
    process_id process;
    thread_id thread; /* main thread (also of a copy), thread, or the parent's thread that is lost here */
};

struct rows {
    struct row *row;
    size_t count;
    uint8_t copies;              /* enum rows_copies; kept over rows_build */
    const struct filter *filter; /* what has a row; NULL: everything. Not owned */
    bool *folded;                /* by process; kept over rows_build */
    uint32_t *of_thread;         /* row of a thread: its own, or that of the process it is hidden in */
    uint32_t *of_process;
    size_t process_count, thread_count; /* the three arrays are this long */
};

/* Lay out anew, after another timeline or a change of `folded`. False: out of memory; rows are as they were.
 */
bool rows_build(struct rows *rows, const struct timeline *t);
void rows_free(struct rows *rows);

/* Whether a copy has a row by COPIES_NOTABLE. */
bool rows_notable(const struct timeline *t, copy_id c);

/* Times of a row's lane; the end is `now` while it runs. */
int64_t row_start(const struct timeline *t, const struct row *row);
int64_t row_end(const struct timeline *t, const struct row *row, int64_t now);
bool row_running(const struct timeline *t, const struct row *row);

#endif
