/*
 * seeds.c: small traces to begin fuzzing with: one of every record type, a flight recorder gone round, a bare
 * one.
 *
 *     build/tests/seeds DIRECTORY
 */
#define _GNU_SOURCE
#include "trace/writer.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct ft_writer writer;

static const char *directory;

static int begin(const char *name, uint64_t max)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    unlink(path);
    memset(&writer, 0, sizeof writer);
    return ft_writer_create(&writer, path, max, 100);
}

static void every_type(unsigned times)
{
    ft_ref string = ft_string(&writer, "/usr/bin/true", 13, 0);
    for (unsigned i = 0; i < times; i++) {
#define X(number, NAME, name, class)                                                     \
    if (FT_##class != FT_SLOTS) {                                                        \
        struct ft_##name *record = ft_begin(&writer, number, sizeof *record, string);    \
        if (record) memset((char *)record + 16, (int)(number + i), sizeof *record - 16); \
        ft_commit(record);                                                               \
    }
        FT_TYPES(X)
#undef X
    }
    ft_publish(ft_begin(&writer, FT_FORK, sizeof(struct ft_fork), string));
    ft_begin(&writer, FT_FORK, sizeof(struct ft_fork), string);
    struct ft_wait_slot *slot = ft_slot_new(&writer, string);
    if (slot) ft_slot_set(slot, FT_WAIT_SLOT, string, ft_now(&writer));
}

/* Full pages of events: those that may be looked at in place. */
static void events(unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        struct ft_sigmask *mask = ft_begin(&writer, FT_SIGMASK, sizeof *mask, 1 + i / 50 % 6);
        if (mask) mask->new_mask = i;
        ft_commit(mask);
        if (i % 100) continue;
        struct ft_wait *wait = ft_begin(&writer, FT_WAIT, sizeof *wait, 1);
        if (wait) wait->since = ft_now(&writer);
        ft_commit(wait);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) return fprintf(stderr, "usage: seeds DIRECTORY\n"), 2;
    directory = argv[1];
    mkdir(directory, 0755);
    if (begin("bare", 32 << 10)) return 1;
    if (begin("every-type", 64 << 10)) return 1;
    every_type(1);
    if (begin("gone-round", 40 << 10)) return 1;
    every_type(60);
    if (begin("events", 64 << 10)) return 1;
    events(700);
    return 0;
}
