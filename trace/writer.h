/*
 * writer.h: appending to a trace file from inside a traced process (or from
 * forktrace-ebpf). Wait-free on the common path: one atomic add, no lock, no
 * malloc, no system call; async-signal-safe; usable in a vfork child.
 *
 * The file is written by other processes too, some of them with other rights:
 * nothing read from it is ever used as an address or a length without a check.
 *
 * All functions here leave errno alone and are async-signal-safe unless they
 * say otherwise. System calls are made without libc (syscall.h), never through a
 * wrapper the program may have replaced or that is a cancellation point.
 */
#ifndef FT_WRITER_H
#define FT_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "format.h"

#define FT_PATH_MAX     4096
#define FT_WINDOW_PAGES 4096u /* mapped from the start: 16 MiB of addresses, no memory */
#define FT_SHARED_PAGES 16u   /* a run everybody shares */
#define FT_RUN_MAX      256u  /* largest run: 1 MiB, about the size of a later mapping */
#define FT_MAPS         40u   /* later mappings: 40 MiB at most */
#define FT_MAPS_LIMITED 8u    /* under RLIMIT_AS */
#define FT_INTERNED     1024u

struct ft_interned {
    uint64_t hash;
    ft_ref ref;
};

/* One per process; all zero is "not recording". Only the writer's files look inside (but `interned` is set by
 * its owner). */
struct ft_writer {
    struct ft_page *current[FT_CLASSES]; /* where the next record of a class goes */
    struct ft_header *header;            /* NULL: not recording */
    struct ft_header *file;              /* the same, also after ft_writer_stop: others may be appending */
    uint64_t capacity;                   /* header's, checked */
    uint32_t clock;
    uint32_t window_pages; /* pages mapped behind header, with it */
    uint32_t unit;       /* the kernel maps so many bytes at a time: a page of the machine, FT_PAGE or more */
    uint64_t retry_at;   /* counter: no new run before this, the last one could not be had */
    uint64_t run, spare; /* address of its head page | number of pages; 0 none */
    uint64_t maps[FT_MAPS];       /* later mappings, of runs */
    uint32_t map_next;            /* the oldest of them */
    uint32_t map_room;            /* how many of them may be used */
    uint32_t pid;                 /* that claimed the current run */
    enum ft_lost why_not;         /* the last run could not be had */
    char path[FT_PATH_MAX];       /* absolute */
    struct ft_interned *interned; /* FT_INTERNED entries, the caller's; NULL: nothing is remembered */
};

/*
 * Create PATH (absolute; never an existing file) for at most max_bytes and
 * start writing to it. Not async-signal-safe. Returns 0 or -errno; on failure
 * nothing is left behind and *w stays "not recording".
 */
int ft_writer_create(struct ft_writer *w, const char *path, uint64_t max_bytes, uint32_t wait_threshold_ms);

/* Join the run recorded in PATH (absolute). Returns 0 or -errno (-EPROTO: not a trace we can write). */
int ft_writer_join(struct ft_writer *w, const char *path);

/* Stop recording in this process. Mappings stay: other threads may be writing. */
void ft_writer_stop(struct ft_writer *w);
/* It was stopped for nothing: go on. */
void ft_writer_resume(struct ft_writer *w);

static inline bool ft_writer_on(const struct ft_writer *w)
{
    return __atomic_load_n(&w->header, __ATOMIC_RELAXED) != NULL;
}

/* The clock of the records, in its own unit. */
uint64_t ft_now(const struct ft_writer *w);

/* So many nanoseconds, about, in that unit: to a microsecond, and on x86-64 within a factor of two. */
uint64_t ft_about(const struct ft_writer *w, uint64_t ns);

/* That clock and CLOCK_MONOTONIC (ns) at one moment, as nearly as can be had. */
void ft_clock_pair(const struct ft_writer *w, uint64_t *count, uint64_t *ns);

/*
 * Claim a record of `size` bytes (rounded up to 8, zero-filled beyond the
 * head), its head filled in with now. Finish it with ft_commit or ft_publish.
 * NULL: not recording, or lost and counted.
 */
void *ft_begin(struct ft_writer *w, enum ft_type type, size_t size, ft_ref task);

/* In a fork child, before its first record: saves one of the two page faults that takes. */
void ft_touch(struct ft_writer *w);

/* The record is complete. */
void ft_commit(void *record);
/* The record counts from now on, but its owner will still change its result: end with ft_commit. */
void ft_publish(void *record);

/* The name of a claimed record; 0 for NULL. Valid between ft_begin and ft_commit. */
ft_ref ft_ref_of(const void *record);

/* Whether this definition may be overwritten soon (flight recorder): write it again. */
bool ft_stale(const struct ft_writer *w, ft_ref ref);

/* Add to a reason's count of lost records. */
void ft_count_lost(struct ft_writer *w, enum ft_lost reason, uint64_t count);

/*
 * Write a definition once: `hash` stands for its content. ft_interned_find
 * returns 0 if it has to be written (again); ft_interned_keep remembers it.
 */
ft_ref ft_interned_find(struct ft_writer *w, uint64_t hash);
void ft_interned_keep(struct ft_writer *w, uint64_t hash, ft_ref ref);
/* The same for who has entries of his own, and knows which. */
ft_ref ft_known(const struct ft_writer *w, const struct ft_interned *entry, uint64_t hash);
void ft_remember(struct ft_interned *entry, uint64_t hash, ft_ref ref);
uint64_t ft_hash(const void *bytes, size_t length);

/* FT_STRING of these bytes (cut to a page), interned. 0 if lost or NULL. */
ft_ref ft_string(struct ft_writer *w, const char *bytes, size_t length, ft_ref task);

/*
 * A slot, zeroed, for `task`. The caller overwrites it in place: fields first,
 * ft_slot_set (which fills in the head) last. It stays mapped until ft_slot_free.
 */
void *ft_slot_new(struct ft_writer *w, ft_ref task);
void ft_slot_set(void *slot, enum ft_type type, ft_ref task, uint64_t time);
void ft_slot_clear(void *slot);
void ft_slot_free(void *slot);

/*
 * Pictures of C memory (FT_C_PICTURE). May so many bytes more be written of them? They are counted then.
 * A child has left one; and has one of this process's children, or of one whose pid is much like it?
 */
bool ft_picture_room(struct ft_writer *w, uint64_t bytes);
void ft_picture_left(struct ft_writer *w, uint32_t parent);
bool ft_picture_expected(const struct ft_writer *w, uint32_t pid);

/* Give the file to uid/gid (-1: leave it), if it is still at its path and ours. 0 or -errno. */
int ft_writer_chown(struct ft_writer *w, unsigned uid, unsigned gid);

#endif
