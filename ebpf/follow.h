/*
 * follow.h: the BPF programs: loading them, following a tree, stopping.
 * Errors are negative errno.
 */
#ifndef FT_EBPF_FOLLOW_H
#define FT_EBPF_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "record.h"
#include "write.h"

struct follow {
    struct forktrace *bpf;
    struct ring_buffer *ring;
    struct probes *probes;
    struct python *python;
    struct stores *stores;
    struct output *output;
    uint64_t lost[LOST_WHYS]; /* told so far */
    uint64_t wait_ns;         /* shorter waits are not told */
    uint64_t scanned;         /* ns: when waits that last were looked for */
};

/* Load and attach: from then on nothing of the tree is missed, once it has a root. */
struct follow_wishes {
    uint32_t ring;    /* bytes */
    uint32_t wait_ms; /* shorter waits are not recorded */
    bool verbose;
    bool like_5_15;    /* without what later kernels have */
    const char *watch; /* "py:app.i;counter", kept by the caller; NULL: nothing is */
};
int follow_open(struct follow *f, struct output *output, const struct follow_wishes *wishes);
void follow_close(struct follow *f);

/* Take in PID (as seen here) with its threads and descendants. -ESRCH: there is none. */
int follow_root(struct follow *f, uint32_t pid, bool started_for_us);

/* Write down what has happened. To be called ten times a second, or when follow_fd is readable. */
int follow_look(struct follow *f);
int follow_fd(const struct follow *f);

/* The whole tree has ended. */
bool follow_over(const struct follow *f);

#endif
