/* test_trace_place.c: pages of a file at rest are looked at in place: the same records, and as safe. */
#include "trace.h"

#include "trace/reader_private.h"

TestSuite(trace_place, .init = setup, .fini = teardown, .timeout = 60);

enum { EVENTS = 5000, WRITERS = 6 };

/* Full pages of events by several writers, waits among them, and what is never looked at in place. */
static void make_trace(void)
{
    create(2 * MIB);
    for (uint64_t i = 0; i < EVENTS; i++) {
        cr_assert(put_numbered((uint32_t)(1 + i / 100 % WRITERS), i));
        if (i % 1000) continue;
        struct ft_kill *kill = ft_begin(&w, FT_KILL, sizeof *kill, 1);
        kill->signal = 1;
        ft_commit(kill);
    }
    struct ft_wait *wait = ft_begin(&w, FT_WAIT, sizeof *wait, 1);
    wait->since = 1;
    ft_commit(wait);
    for (uint64_t i = 0; i < 200; i++) put_numbered(1, i);
}

/* Nobody writes it any more, as after a run. */
static void finish(void)
{
    ft_writer_stop(&w);
    int fd = open(path, O_RDONLY), to;
    char rest[96];
    snprintf(rest, sizeof rest, "%s/rest", directory);
    struct stat status;
    cr_assert(fd >= 0 && !fstat(fd, &status) && (to = open(rest, O_CREAT | O_WRONLY, 0600)) >= 0);
    cr_assert_eq(copy_file_range(fd, NULL, to, NULL, (size_t)status.st_size, 0), status.st_size);
    close(fd), close(to);
    cr_assert_eq(rename(rest, path), 0);
}

static size_t in_place(void)
{
    const struct ft_reading *in = r.private;
    size_t count = 0;
    for (size_t i = 0; i < in->count; i++) count += !in->copies[i].own;
    return count;
}

static uint64_t sum;

static int add(void *context, const struct ft_head *record, ft_ref ref)
{
    uint8_t all[FT_PAGE];
    ft_get(record, all, sizeof all);
    cr_assert_eq(ft_reader_find(&r, ref, record->type), record);
    for (size_t i = 0; i < sizeof all; i++) sum = (sum ^ all[i]) * 0x100000001b3u;
    sum += ref;
    ++*(size_t *)context;
    return 0;
}

static size_t sum_of(uint64_t *sum_up)
{
    size_t count = 0;
    sum = 0;
    cr_assert_eq(ft_reader_each(&r, add, &count), 0);
    *sum_up = sum;
    return count;
}

Test(trace_place, the_same_records_as_copied)
{
    uint64_t copied, placed;
    make_trace();
    finish();
    cr_assert_eq(ft_reader_open(&r, path, false), FT_READ_OK);
    cr_expect_eq(in_place(), 0);
    size_t count = sum_of(&copied), torn = r.torn;
    cr_expect_geq(count, EVENTS + 200);
    ft_reader_close(&r);
    ft_reader_in_place();
    cr_assert_eq(ft_reader_open(&r, path, false), FT_READ_OK);
    cr_expect_geq(in_place(), EVENTS * sizeof(struct ft_sigmask) / FT_PAGE / 2);
    cr_expect_eq(sum_of(&placed), count);
    cr_expect_eq(placed, copied);
    cr_expect_eq(r.records, count);
    cr_expect_eq(r.torn, torn);
    cr_expect_eq(r.damaged, 0);
    ft_reader_close(&r);
}

static uint64_t latest[WRITERS + 1], placed[WRITERS + 1];
static size_t items;

static int seen(void *context, const struct ft_head *record, ft_ref ref)
{
    if (record->task <= WRITERS && record->time > latest[record->task]) latest[record->task] = record->time;
    items++;
    return 0;
}

static int seen_page(void *context, const struct ft_page *page, ft_ref first, const struct ft_summary *s)
{
    const struct ft_head *record;
    struct ft_summary mine = {.earliest = UINT64_MAX};
    for (size_t at = 0; (record = ft_page_next(page, &at)); mine.records++) {
        if (ft_began(record) < mine.earliest) mine.earliest = ft_began(record);
        cr_assert_eq(ft_reader_find(&r, first + (ft_ref)((const uint8_t *)record - page->room) / 8, 0),
                     record);
        seen(context, record, 0);
        if (record->time > placed[record->task]) placed[record->task] = record->time;
    }
    cr_assert_eq(mine.records, s->records);
    cr_assert_eq(mine.earliest, s->earliest);
    return 0;
}

Test(trace_place, a_summary_says_what_a_page_holds)
{
    make_trace();
    finish();
    ft_reader_in_place();
    cr_assert_eq(ft_reader_open(&r, path, false), FT_READ_OK);
    cr_assert(in_place());
    cr_assert_eq(ft_reader_each_page(&r, seen, seen_page, NULL), 0);
    cr_expect_eq(items, r.records);
    for (int i = 1; i <= WRITERS; i++) cr_expect_gt(latest[i], 0);
    size_t count;
    const struct ft_voice *voices = ft_reader_voices(&r, &count);
    cr_assert_eq(count, WRITERS);
    for (size_t i = 0; i < count; i++) cr_expect_eq(voices[i].latest, placed[voices[i].task]);
    ft_reader_close(&r);
}

static int count_zero(void *context, const struct ft_head *record, ft_ref ref)
{
    *(size_t *)context += FT_GET(sigmask, record).head.time == 0;
    return 0;
}

Test(trace_place, cut_off_while_it_is_looked_at)
{
    make_trace();
    finish();
    ft_reader_in_place();
    read_back(path);
    cr_assert(in_place());
    cr_assert_eq(truncate(path, 3 * FT_PAGE), 0);
    size_t gone = 0;
    for (size_t i = 0; i < found_count; i++) count_zero(&gone, found[i].record, 0);
    cr_expect_gt(gone, EVENTS / 2, "%zu records of zeros", gone);
    size_t left = 0, torn = 0;
    ft_reader_each(&r, count_zero, &left);
    ft_reader_new(&r, count_zero, &torn);
    cr_expect(r.truncated);
    ft_reader_close(&r);
}

Test(trace_place, not_while_somebody_may_write_it)
{
    make_trace();
    ft_reader_in_place();
    cr_assert_eq(ft_reader_open(&r, path, false), FT_READ_OK);
    cr_expect_eq(in_place(), 0, "its writer has it mapped");
    ft_reader_close(&r);
    finish();
    int fd = open(path, O_WRONLY);
    cr_assert_eq(ft_reader_open(&r, path, false), FT_READ_OK);
    cr_expect_eq(in_place(), 0, "open for writing");
    ft_reader_close(&r);
    close(fd);
    cr_assert_eq(chmod(path, 0620), 0);
    cr_assert_eq(ft_reader_open(&r, path, false), FT_READ_OK);
    cr_expect_eq(in_place(), 0, "others may open it for writing");
    ft_reader_close(&r);
    cr_assert_eq(chmod(path, 0600), 0);
    cr_assert_eq(ft_reader_open(&r, path, false), FT_READ_OK);
    cr_expect(in_place());
    ft_reader_close(&r);
}
