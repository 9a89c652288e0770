/*
 * watching.h: what stores.c, breakpoints.c and storeprobes.c share: the watches
 * of a run, the images they are put on, and one look at an image.
 */
#ifndef FT_EBPF_WATCHING_H
#define FT_EBPF_WATCHING_H

#include <limits.h>

#include "stores.h"
#include "symbols/watch.h"

#define ASKED       64
#define OBJECTS     512
#define WATCH_SLOTS 4  /* of the processor */
#define FDS         64 /* of an image: slots times the threads it had */

struct place { /* that a breakpoint, or a probe, is for */
    uint64_t address;
    ft_ref global;
    uint8_t offset, size;
};

struct watched_image {
    uint64_t number; /* member.image; of one that began before our eyes: made of its pid */
    uint32_t pid;    /* in which it began */
    unsigned looks;
    uint64_t found; /* watches that it is not to be looked at again for; bit n: number n */
    struct place places[WATCH_SLOTS];
    unsigned place_count;
    int fds[FDS];
    unsigned fd_count;
    struct known_global {
        uint64_t address;
        ft_ref global;
    } globals[ASKED];
    unsigned global_count;
};

struct stores {
    char *list;
    const char *watch[ASKED];
    size_t length[ASKED], watch_count;
    struct bpf_program *stored, *store_done;
    struct probes *probes;
    int map; /* of struct store_place */
    uint32_t probe_count;
    struct probed { /* a watched object in a file that has its probes */
        char path[PATH_MAX];
        uint64_t start;
        uint32_t stores, placed;
        struct probed *next;
    } * probed;
    struct watched_image *images;
    size_t image_count;
};

struct looking {
    struct stores *stores;
    struct output *output;
    struct watched_image *image;
    uint32_t pid;
    ft_ref task;
    char program[PATH_MAX];
    struct watch_object objects[OBJECTS];
    char *paths[OBJECTS]; /* as the process says them */
    size_t count;
    uint64_t number;
};

/* The processor's breakpoints on this object, in each thread of its process; its threads and forked children
 * inherit them. How many were put; *error: why the next one could not be. */
unsigned breakpoints_put(struct looking *l, const struct watch *w, uint64_t address, int *error);
void breakpoints_close(struct watched_image *image);

/*
 * Probes behind the stores that name this object, in its file, once: they hold for all processes that run it.
 * NULL: no memory.
 */
const struct probed *storeprobes_put(struct looking *l, const struct watch *w, struct stores_counts *counts);
bool storeprobes_may(const char *path);

/* The FT_C_GLOBAL of an object, or of a part of one. */
ft_ref stores_describe(struct looking *l, const char *name, const struct watch *w,
                       const struct watch_type *type, uint64_t address);

#endif
