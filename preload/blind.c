/*
 * blind.c: see blind.h. What the file is, symbols/target.c knows.
 */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "blind.h"
#include "readable.h"
#include "self.h"
#include "symbols/target.h"

#define PATH_ROOM 1024 /* a longer one is not looked at: not worth a page of somebody's stack */

enum ft_blind_why blind_at(const char *path)
{
    return ft_writer_on(&ft) && readable(path) ? target_why(path) : 0;
}

/* Not getenv: a shell has its own, which gives its variables. execvp() is libc's. */
static const char *search_path(void)
{
    for (char **e = environ; e && *e; e++)
        if (!strncmp(*e, "PATH=", 5)) return *e + 5;
    return NULL;
}

enum ft_blind_why blind_in_path(const char *name)
{
    char found[PATH_ROOM];
    if (!ft_writer_on(&ft) || !readable(name)) return 0;
    return target_find(name, search_path(), found, sizeof found) ? target_why(found) : 0;
}

enum ft_blind_why blind_at_fd(int fd)
{
    char path[32] = "/proc/self/fd/", digits[12], *at = digits + sizeof digits;
    if (fd < 0) return 0;
    *--at = 0;
    do *--at = (char)('0' + fd % 10);
    while (fd /= 10);
    return blind_at(strcat(path, at));
}

void blind_record(ft_ref task, ft_ref fork, ft_ref path, enum ft_blind_why why)
{
    struct ft_blind *record = task && why ? ft_begin(&ft, FT_BLIND, sizeof *record, task) : NULL;
    if (!record) return;
    record->fork = fork;
    record->path = path;
    record->why = why;
    ft_commit(record);
}

void blind_child(const struct ft_fork *record, const char *path, enum ft_blind_why why)
{
    if (!record || !why) return;
    ft_ref task = record->head.task;
    blind_record(task, ft_ref_of(record), readable(path) ? ft_string(&ft, path, strlen(path), task) : 0, why);
}
