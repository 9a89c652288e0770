/*
 * write.h: from the ring buffer to the trace file. One struct output a run of
 * forktrace-ebpf; one thread.
 */
#ifndef FT_EBPF_WRITE_H
#define FT_EBPF_WRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "record.h"
#include "trace/writer.h"

struct pair { /* the counter of the records and CLOCK_MONOTONIC at one moment */
    uint64_t counter, ns;
};

struct known { /* a task by its tid */
    ft_ref task;
    uint32_t pid;
    uint64_t start;
    struct ft_wait_slot *waiting; /* NULL: for nothing, or not for long */
    uint64_t waiting_since;
};

/* A function that was entered and has not yet become what it asks for. */
struct pending {
    uint32_t tid; /* 0: none */
    uint32_t call;
    uint64_t ns, sp;
    uint64_t function; /* a start routine, or 0 */
    struct ft_origin origin;
};
#define PENDING 1024 /* by tid: more at once displace each other */

struct output {
    struct ft_writer writer;
    struct ft_interned interned[FT_INTERNED];
    struct pair before, middle,
        now;               /* of looks at the ring: now is the last, before at least BASE_LINE older */
    uint64_t clock_told;   /* ns: of the last FT_CLOCK */
    struct known *known;   /* by tid */
    int covered;           /* the map of images that have the library in them; -1: none */
    uint64_t alive;        /* processes of the tree that have not ended */
    bool began;            /* one was seen */
    uint64_t lost;         /* told so far */
    struct probes *probes; /* probes for those the library is not in; NULL: none */
    struct stores *stores; /* C globals watched in them; NULL: none */
    struct pending pending[PENDING];
    struct python *python; /* watched globals of Python; NULL: none */
};

/* Room for what is remembered. False: no memory. After the writer has been opened. */
bool write_begin(struct output *o);
void write_end(struct output *o);

/* One event (record.h) of the ring; a nonsensical one is left out. */
void write_event(struct output *o, const void *event, size_t size);

/* A record of this task, dated; a task by its tid: what is known of it (NULL: no such number), its name (0).
 */
void *write_record(struct output *o, enum ft_type type, size_t size, ft_ref task, uint64_t ns);
struct known *write_known(struct output *o, uint32_t tid);
ft_ref write_task(struct output *o, uint32_t tid);

/* Events the kernel had no room for since the last call. */
void write_lost(struct output *o, enum ft_lost reason, uint64_t count);

/* About a task (0: about all of it) at a moment of CLOCK_MONOTONIC. text may be NULL. */
void write_note(struct output *o, enum ft_note_what what, const char *text, ft_ref task, uint64_t ns);

#endif
