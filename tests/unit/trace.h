/* trace.h: for the tests of trace/: a writer on a file of its own, and everything a reader finds in it. */
#ifndef TEST_TRACE_H
#define TEST_TRACE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trace/reader.h"
#include "trace/writer.h"

#define KIB 1024ull
#define MIB (1024 * KIB)

static struct ft_writer w;
static char directory[64], path[96];
static struct ft_interned interned[FT_INTERNED];

/* Criterion runs each test in a process of its own: one trace each. */
__attribute__((unused)) static void temporary(void)
{
    strcpy(directory, "/tmp/forktrace-unit-XXXXXX");
    cr_assert(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/trace", directory);
}

__attribute__((unused)) static void setup(void) { temporary(); }

__attribute__((unused)) static void teardown(void)
{
    unlink(path);
    rmdir(directory);
}

__attribute__((unused)) static void create(uint64_t max)
{
    int result = ft_writer_create(&w, path, max, 100);
    cr_assert_eq(result, 0, "create: %d", result);
    w.interned = interned;
}

struct found {
    const struct ft_head *record;
    ft_ref ref;
};

/* What is in the trace; lives until the process ends. */
static struct ft_reader r;
static struct found *found;
static size_t found_count;

__attribute__((unused)) static int collect(void *context, const struct ft_head *record, ft_ref ref)
{
    static size_t room;
    if (found_count == room) {
        room = room ? room * 2 : 1024;
        found = realloc(found, room * sizeof *found);
        cr_assert(found);
    }
    found[found_count++] = (struct found){record, ref};
    return 0;
}

__attribute__((unused)) static void read_back(const char *from)
{
    char text[200];
    enum ft_reader_error error = ft_reader_open(&r, from, false);
    cr_assert_eq(error, FT_READ_OK, "%s", ft_reader_message(error, &r, text, sizeof text));
    found_count = 0;
    cr_assert_eq(ft_reader_each(&r, collect, NULL), 0);
    cr_assert_eq(r.records, found_count);
    cr_assert_eq(r.damaged, 0);
}

__attribute__((unused)) static uint64_t lost_in_all(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < FT_LOST_ROOM; i++) sum += ft_reader_lost(&r, i);
    return sum;
}

/* An event that proves itself: who wrote it, its number, and a third field that follows from both. */
__attribute__((unused)) static bool put_numbered(uint32_t writer, uint64_t number)
{
    struct ft_sigmask *m = ft_begin(&w, FT_SIGMASK, sizeof *m, writer);
    if (!m) return false;
    m->site = number;
    m->old_mask = (number + 1) * 0x9e3779b97f4a7c15u ^ writer;
    m->how = 1; /* keeps the tail */
    ft_commit(m);
    return true;
}

/* A numbered event as it was written; no record here may be anything else. */
__attribute__((unused)) static struct ft_sigmask get_numbered(const struct ft_head *record)
{
    struct ft_sigmask m = FT_GET(sigmask, record);
    cr_assert_eq(record->type, FT_SIGMASK);
    cr_assert_eq(record->state, FT_DONE);
    cr_assert_eq(m.old_mask, (m.site + 1) * 0x9e3779b97f4a7c15u ^ m.head.task);
    return m;
}

__attribute__((unused)) static void reap(pid_t child, int expected)
{
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, expected, "status %#x", (unsigned)status);
}

#endif
