/*
 * load.h: from a file's name to a timeline, with the errors said as a person
 * can use them. What every subcommand begins with.
 */
#ifndef LOAD_H
#define LOAD_H

#include "timeline/timeline.h"

struct loaded {
    const char *path;
    struct ft_reader reader;
    struct timeline *timeline;
};

/* 0, or 2 after one sentence on stderr (nothing is left open then). `partial`: read a truncated file. */
int load(struct loaded *l, const char *path, bool partial);
void unload(struct loaded *l);

/* A timeline_alive for traces of this machine since its last boot; context: the reader. */
bool load_alive(void *context, uint32_t pid, uint64_t start_ticks);

#endif
