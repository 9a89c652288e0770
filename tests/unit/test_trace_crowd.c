/* test_trace_crowd.c: many writers at once, and writers that are killed: every committed record is there,
 * once. */
#include "trace.h"

#include <signal.h>
#include <time.h>

TestSuite(trace_crowd, .init = setup, .fini = teardown, .timeout = 120);

struct job {
    uint32_t writer;
    uint64_t count;
};

static void *put_many(void *argument)
{
    struct job *job = argument;
    for (uint64_t i = 0; i < job->count; i++) cr_assert(put_numbered(job->writer, i));
    return NULL;
}

static void put_in_threads(uint32_t first_writer, unsigned threads, uint64_t count)
{
    pthread_t thread[16];
    struct job job[16];
    for (unsigned i = 0; i < threads; i++) {
        job[i] = (struct job){first_writer + i, count};
        cr_assert_eq(pthread_create(&thread[i], NULL, put_many, &job[i]), 0);
    }
    for (unsigned i = 0; i < threads; i++) pthread_join(thread[i], NULL);
}

/* Every number of every writer exactly once. */
static void check_complete(unsigned writers, uint64_t count)
{
    uint8_t *seen = calloc(writers, count);
    read_back(path);
    for (size_t i = 0; i < found_count; i++) {
        struct ft_sigmask m = get_numbered(found[i].record);
        cr_assert(m.head.task < writers && m.site < count);
        cr_assert(!seen[m.head.task * count + m.site]++, "writer %u number %lu twice", m.head.task,
                  (unsigned long)m.site);
        cr_assert_eq(ft_reader_find(&r, found[i].ref, FT_SIGMASK), found[i].record);
    }
    cr_assert_eq(found_count, writers * count);
    cr_assert_eq(lost_in_all(), 0);
    cr_assert_eq(r.torn, 0);
}

Test(trace_crowd, threads)
{
    create(256 * MIB);
    put_in_threads(0, 8, 50000); /* 19 MiB: past the first window */
    check_complete(8, 50000);
}

Test(trace_crowd, forked_processes_with_threads)
{
    enum { PROCESSES = 6, THREADS = 4, COUNT = 5000 };
    pid_t children[PROCESSES];
    create(256 * MIB);
    for (uint32_t p = 0; p < PROCESSES; p++)
        if (!(children[p] = fork())) {
            put_in_threads(p * THREADS, THREADS, COUNT);
            _exit(0);
        }
    for (int p = 0; p < PROCESSES; p++) reap(children[p], 0);
    check_complete(PROCESSES * THREADS, COUNT);
}

Test(trace_crowd, processes_that_join_by_path)
{
    enum { PROCESSES = 30, COUNT = 300 };
    pid_t children[PROCESSES];
    create(256 * MIB);
    for (uint32_t p = 0; p < PROCESSES; p++)
        if (!(children[p] = fork())) {
            static struct ft_writer own;
            if (ft_writer_join(&own, path)) _exit(1);
            w = own;
            for (uint64_t i = 0; i < COUNT; i++) put_numbered(p, i);
            _exit(0);
        }
    for (int p = 0; p < PROCESSES; p++) reap(children[p], 0);
    check_complete(PROCESSES, COUNT);
}

Test(trace_crowd, short_lives_share_pages)
{
    enum { LIVES = 2000 };
    create(64 * MIB);
    uint64_t before = w.header->next;
    for (uint32_t i = 0; i < LIVES; i++) {
        pid_t child = fork();
        if (!child) {
            for (uint64_t n = 0; n < 3; n++) put_numbered(i, n);
            _exit(0);
        }
        reap(child, 0);
    }
    uint64_t bytes = (w.header->next - before) * FT_PAGE;
    check_complete(LIVES, 3);
    cr_assert(bytes / LIVES < 256, "%lu bytes each", (unsigned long)(bytes / LIVES));
}

/* --- killed --------------------------------------------------------------------------------- */

enum { VICTIMS = 3, VICTIM_THREADS = 2, WRITERS = VICTIMS * VICTIM_THREADS };

/* What each writer has committed for certain: in memory of its own, a cache line each. */
static struct {
    _Atomic uint64_t committed;
    uint64_t pad[7];
} * certain;

static void *put_until_killed(void *argument)
{
    uint32_t writer = (uint32_t)(uintptr_t)argument;
    for (uint64_t i = 0; put_numbered(writer, i); i++) certain[writer].committed = i + 1;
    _exit(1);
}

static void victim(uint32_t first_writer)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, put_until_killed, (void *)(uintptr_t)(first_writer + 1))) _exit(2);
    put_until_killed((void *)(uintptr_t)first_writer);
}

/* The numbers of each writer are 0, 1, 2, ... without a gap, at least as many as it was certain of. */
static uint64_t check_prefixes(void)
{
    uint64_t count[WRITERS] = {0}, sum[WRITERS] = {0};
    read_back(path);
    for (size_t i = 0; i < found_count; i++) {
        struct ft_sigmask m = get_numbered(found[i].record);
        cr_assert(m.head.task < WRITERS);
        count[m.head.task]++;
        sum[m.head.task] += m.site;
    }
    for (int i = 0; i < WRITERS; i++) {
        cr_assert(count[i] == certain[i].committed || count[i] == certain[i].committed + 1,
                  "writer %d: %lu records, certain of %lu", i, (unsigned long)count[i],
                  (unsigned long)certain[i].committed);
        cr_assert_eq(sum[i], count[i] ? count[i] * (count[i] - 1) / 2 : 0);
    }
    cr_assert(r.torn <= WRITERS);
    return found_count;
}

Test(trace_crowd, killed_in_mid_record)
{
    uint64_t records = 0, torn = 0;
    certain = mmap(NULL, FT_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    srandom(1);
    for (int round = 0; round < 60; round++) {
        pid_t children[VICTIMS];
        memset(certain, 0, FT_PAGE);
        memset(&w, 0, sizeof w);
        create(256 * MIB);
        for (uint32_t i = 0; i < VICTIMS; i++)
            if (!(children[i] = fork())) victim(i * VICTIM_THREADS);
        for (int i = 0; i < VICTIMS; i++) {
            usleep((useconds_t)(random() % 3000));
            kill(children[i], SIGKILL);
        }
        for (int i = 0; i < VICTIMS; i++) reap(children[i], SIGKILL);
        records += check_prefixes();
        torn += r.torn;
        ft_reader_close(&r);
        munmap(w.header, (size_t)w.window_pages * FT_PAGE);
        unlink(path);
    }
    cr_assert(records > 1000, "the victims were at work: %lu", (unsigned long)records);
    cr_log_info("%lu records, %lu torn", (unsigned long)records, (unsigned long)torn);
}
