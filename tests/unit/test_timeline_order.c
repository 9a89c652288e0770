/*
 * test_timeline_order.c: records of a large trace come in the order of time,
 * whoever merges them (one thread, or another ahead of it) and wherever they
 * are looked at (copies, or the file in place).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build_trace.h"

TestSuite(timeline_order, .init = trace_begin, .fini = trace_end, .timeout = 120);

enum { THREADS = 5, LARGE = 100000, SMALL = 3000 }; /* records: LARGE fills more pages than ahead.c's WORTH */

/*
 * Every seventh is a wait that began long before, so that many pages are open at once; no two of them at the
 * same time: these would be one. Each record has a number.
 */
static void make_trace(unsigned count)
{
    ft_ref task[THREADS] = {trace_image(100, 1, FT_BIRTH_ROOT, "prog")};
    for (uint32_t i = 1; i < THREADS; i++) task[i] = trace_thread_at(task[0], 100, 100 + i, 0x7000 + i);
    uint64_t begin = trace_now();
    for (uint64_t i = 0; i < count; i++) {
        ft_ref by = task[i / 300 % THREADS];
        if (i % 7)
            trace_sigmask(by, i, 0);
        else
            trace_wait(by, begin + 2 * i, i, 0);
    }
}

/* As after a run: nobody has it open for writing, and it is read where it lies, if `in_place`. */
static void open_at_rest(struct ft_reader *r, bool in_place)
{
    struct stat status;
    int from = open(trace_path(), O_RDONLY);
    cr_assert(from >= 0 && !fstat(from, &status) && !unlink(trace_path()));
    int to = open(trace_path(), O_CREAT | O_EXCL | O_WRONLY, 0600);
    off_t at = 0, size = status.st_size;
    for (off_t end; (at = lseek(from, at, SEEK_DATA)) >= 0 && at < size; at = end) {
        end = lseek(from, at, SEEK_HOLE);
        off_t there = at;
        while (at < end) cr_assert_gt(copy_file_range(from, &at, to, &there, (size_t)(end - at), 0), 0);
    }
    cr_assert(!ftruncate(to, size) && !close(from) && !close(to));
    if (in_place) ft_reader_in_place();
    cr_assert_eq(ft_reader_open(r, trace_path(), false), FT_READ_OK);
}

struct expected {
    int64_t ns;
    ft_ref ref;
    uint64_t number;
};

static struct expected *expected;
static size_t expected_count;
static struct ft_reader reader;

static uint64_t number_of(const struct ft_head *record)
{
    return record->type == FT_WAIT ? FT_GET(wait, record).address : FT_GET(sigmask, record).old_mask;
}

static int expect(void *context, const struct ft_head *record, ft_ref ref)
{
    if (record->type != FT_WAIT && record->type != FT_SIGMASK) return 0;
    expected[expected_count++] =
        (struct expected){ft_reader_ns(&reader, ft_began(record)), ref, number_of(record)};
    return 0;
}

static int by_time(const void *x, const void *y)
{
    const struct expected *a = x, *b = y;
    if (a->ns != b->ns) return a->ns < b->ns ? -1 : 1;
    return a->ref < b->ref ? -1 : a->ref > b->ref;
}

/* Sorted all at once, from what the reader gives one by one. */
static void list_all(unsigned count)
{
    expected = malloc(count * sizeof *expected);
    cr_assert(expected);
    ft_reader_each(&reader, expect, NULL);
    cr_assert_eq(expected_count, count);
    qsort(expected, count, sizeof *expected, by_time);
}

static void check(unsigned count, bool in_place)
{
    make_trace(count);
    open_at_rest(&reader, in_place);
    list_all(count);
    struct timeline *t = timeline_build(&reader, NULL, NULL, NULL);
    cr_assert(t);
    size_t n = 0;
    for (event_id i = 0; i < t->event_count; i++) {
        const struct event e = timeline_event(t, i);
        if (e.type != EVENT_LOCK_WAIT && e.type != EVENT_SIGMASK) continue;
        cr_assert_lt(n, expected_count);
        cr_assert_eq(number_of(e.record), expected[n].number, "event %u", (unsigned)i);
        cr_assert_eq(e.ns + t->origin, expected[n].ns);
        cr_assert_eq(e.thread, expected[n].number / 300 % THREADS);
        n++;
    }
    cr_expect_eq(n, count);
    timeline_free(t);
    ft_reader_close(&reader);
}

Test(timeline_order, small_trace) { check(SMALL, false); }
Test(timeline_order, small_trace_in_place) { check(SMALL, true); }
Test(timeline_order, large_trace) { check(LARGE, false); }
Test(timeline_order, large_trace_in_place) { check(LARGE, true); }

Test(timeline_order, cut_off_before_it_is_merged)
{
    make_trace(LARGE);
    open_at_rest(&reader, true);
    cr_assert_eq(truncate(trace_path(), 100 * FT_PAGE), 0);
    struct timeline *t = timeline_build(&reader, NULL, NULL, NULL);
    cr_assert(t);
    cr_expect_lt(t->event_count, LARGE / 4);
    timeline_free(t);
    ft_reader_close(&reader);
}
