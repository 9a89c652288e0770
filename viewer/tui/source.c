/* source.c: see source.h. The names come from a trace, which anybody may have written. */
#define _GNU_SOURCE
#include "source.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST      (1 << 20)
#define AROUND    1u
#define LINE_MOST 160

/* O_PATH opens nothing yet: a device or pipe must not be opened even to be looked at. */
static int open_regular(const char *path, struct stat *stat)
{
    char link[40];
    int found = open(path, O_PATH | O_CLOEXEC), fd = -1;
    if (found < 0) return -1;
    if (fstat(found, stat) == 0 && S_ISREG(stat->st_mode)) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", found);
        fd = open(link, O_RDONLY | O_CLOEXEC);
    }
    close(found);
    return fd;
}

static char *read_file(const char *path, struct stat *stat)
{
    int fd = open_regular(path, stat);
    char *text = fd < 0 ? NULL : malloc(MOST + 1);
    size_t size = 0;
    while (text && size < MOST) {
        ssize_t n = read(fd, text + size, MOST - size);
        if (n <= 0) break;
        size += (size_t)n;
    }
    if (text) text[size] = 0;
    if (fd >= 0) close(fd);
    return text;
}

bool source_path(const struct timeline *t, const struct event *e, const char *file, char *path, size_t size)
{
    int n = snprintf(path, size, "%s", file);
    if (*file != '/') {
        if (e->process >= t->process_count || e->image >= t->processes[e->process].image_count) return false;
        const char *cwd = t->processes[e->process].images[e->image].cwd;
        if (!cwd || *cwd != '/') return false;
        n = snprintf(path, size, "%s/%s", cwd, file);
    }
    return n > 0 && (size_t)n < size;
}

static void add_lines(struct facts *f, const char *text, uint32_t line, bool changed)
{
    uint32_t number = 1;
    for (const char *p = text; p && *p && number <= (uint64_t)line + AROUND; number++) {
        const char *end = strchrnul(p, '\n');
        size_t length = (size_t)(end - p) < LINE_MOST ? (size_t)(end - p) : LINE_MOST;
        if (length && p[length - 1] == '\r') length--;
        char shown[LINE_MOST + 1];
        for (size_t i = 0; i < length; i++) shown[i] = p[i] == '\t' ? ' ' : p[i];
        if ((uint64_t)number + AROUND >= line)
            facts_add(f, number + AROUND == line || number == 1 ? "source" : "",
                      number == line ? STYLE_TITLE : STYLE_DIM, "%s%4u  %.*s", number == line ? "→" : " ",
                      number, (int)length, shown);
        p = *end ? end + 1 : NULL;
    }
    if (changed && number > line) facts_add(f, "", STYLE_TROUBLE, "the file has been changed since this run");
}

void facts_add_source(struct facts *f, const struct event *e, const char *file, uint32_t line)
{
    char path[PATH_MAX];
    struct stat stat;
    if (!names_symbols || !file || !*file || !line || !source_path(f->timeline, e, file, path, sizeof path))
        return;
    char *text = read_file(path, &stat);
    if (text) add_lines(f, text, line, stat.st_mtime > f->timeline->realtime / 1000000000 + 1);
    free(text);
}
