/* test_trace_limits.c: when room runs out: flight recorder, no path, full disk, resource limits. Loss is
 * counted. */
#include "trace.h"

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/wait.h>

TestSuite(trace_limits, .init = setup, .fini = teardown, .timeout = 120);

static uint64_t put_all(uint32_t writer, uint64_t count)
{
    uint64_t kept = 0;
    for (uint64_t i = 0; i < count; i++) kept += put_numbered(writer, i);
    return kept;
}

/* Numbered events in the trace, each proved; the smallest such that all from there to `count` are present. */
static uint64_t newest_run(uint64_t count)
{
    uint8_t *seen = calloc(count, 1);
    for (size_t i = 0; i < found_count; i++) {
        if (found[i].record->type != FT_SIGMASK) continue;
        struct ft_sigmask m = get_numbered(found[i].record);
        cr_assert(m.site < count && !seen[m.site]++);
    }
    uint64_t from = count;
    while (from && seen[from - 1]) from--;
    free(seen);
    return from;
}

/* --- pages ---------------------------------------------------------------------------------- */

/* As if the kernel had larger pages: the writer must map the file from such pages on alone. */
static unsigned long machine_page;
unsigned long getauxval(unsigned long type)
{
    if (type == AT_PAGESZ && machine_page) return machine_page;
    static unsigned long (*real)(unsigned long);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "getauxval");
    return real(type);
}

/* How often our file is mapped. */
static unsigned mappings_at_pages(void)
{
    char line[512];
    unsigned count = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    cr_assert(f);
    while (fgets(line, sizeof line, f)) {
        unsigned long start, end, offset;
        if (!strstr(line, path) || sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset) != 3) continue;
        cr_assert_eq(offset % machine_page, 0, "%s", line);
        count++;
    }
    fclose(f);
    return count;
}

/* Several processes share runs that begin anywhere; the ring goes round more than once. */
static void large_pages(unsigned long size, uint64_t max)
{
    enum { COUNT = 200000, CHILDREN = 4 };
    machine_page = size;
    create(max);
    for (int i = 0; i < CHILDREN; i++) {
        pid_t pid = fork();
        if (!pid) _exit(put_all(2 + (uint32_t)i, COUNT) > COUNT);
    }
    cr_assert(put_all(1, COUNT));
    for (int status, i = 0; i < CHILDREN; i++) {
        cr_assert(wait(&status) > 0);
        cr_assert_eq(status, 0);
    }
    unsigned mapped = mappings_at_pages();
    /* in a larger file the children may have had the rest */
    cr_assert(mapped && (mapped == 1 || max > 16 * MIB), "%u", mapped);
    read_back(path);
    cr_assert_eq(found_count + lost_in_all(), (1 + CHILDREN) * COUNT);
    cr_assert_eq(lost_in_all(), ft_reader_lost(&r, FT_LOST_OVERWRITTEN));
}

Test(trace_limits, pages_of_16k) { large_pages(16 * KIB, 24 * MIB); }
Test(trace_limits, pages_of_64k) { large_pages(64 * KIB, 24 * MIB + 5 * FT_PAGE); }
Test(trace_limits, pages_of_64k_and_no_loss) { large_pages(64 * KIB, 256 * MIB); }
Test(trace_limits, pages_of_64k_in_a_small_ring) { large_pages(64 * KIB, MIB + 3 * FT_PAGE); }

Test(trace_limits, records_of_all_sizes_fill_pages_and_none_is_lost)
{
    enum { COUNT = 20000 };
    create(64 * MIB);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        size_t size = 16 + i * 37 % 4017;
        struct ft_head *record = ft_begin(&w, i % 2 ? FT_STACK : FT_SIGMASK, size, i);
        cr_assert(record);
        cr_assert(record->size >= size && record->size < size + 8 && record->size % 8 == 0);
        for (size_t at = sizeof *record; at < size; at++) cr_assert_eq(((uint8_t *)record)[at], 0);
        memset(record + 1, (int)i, record->size - sizeof *record);
        sum += record->size;
        ft_commit(record);
    }
    read_back(path);
    cr_assert_eq(found_count, COUNT);
    for (size_t i = 0; i < found_count; i++) {
        const struct ft_head *record = found[i].record;
        const uint8_t *bytes = (const uint8_t *)(record + 1);
        for (size_t at = 0; at < record->size - sizeof *record; at++)
            cr_assert_eq(bytes[at], (uint8_t)record->task);
        sum -= record->size;
    }
    cr_assert_eq(sum, 0);
}

/* --- flight recorder ------------------------------------------------------------------------ */

static void flight_recorder(uint64_t max, uint64_t count)
{
    create(max);
    cr_assert_eq(put_all(7, count), count);
    read_back(path);
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    cr_assert((uint64_t)status.st_size <= max);
    cr_assert_eq(found_count + ft_reader_lost(&r, FT_LOST_OVERWRITTEN), count);
    cr_assert_eq(lost_in_all(), ft_reader_lost(&r, FT_LOST_OVERWRITTEN));
    uint64_t kept = count - newest_run(count);
    cr_assert(kept * sizeof(struct ft_sigmask) > max / 2, "%lu newest kept of %lu", (unsigned long)kept,
              (unsigned long)count);
}

Test(trace_limits, flight_recorder_64k) { flight_recorder(64 * KIB, 100000); }
Test(trace_limits, flight_recorder_1m) { flight_recorder(MIB, 300000); }
Test(trace_limits, flight_recorder_past_the_window) { flight_recorder(24 * MIB, 1500000); }

/* A later mapping of the file's end is used again: none of it may lie behind the end. */
Test(trace_limits, flight_recorder_maps_its_end_again)
{
    struct rlimit limit = {RLIM_INFINITY - 1, RLIM_INFINITY - 1}; /* any: then there are few mappings */
    setrlimit(RLIMIT_AS, &limit);
    flight_recorder(3 * MIB + 5 * FT_PAGE, 1000000);
}

Test(trace_limits, flight_recorder_keeps_lineage)
{
    enum { FORKS = 400, COUNT = 200000 };
    create(MIB);
    ft_ref refs[FORKS];
    for (uint32_t i = 0; i < FORKS; i++) {
        struct ft_fork *f = ft_begin(&w, FT_FORK, sizeof *f, i);
        refs[i] = ft_ref_of(f);
        f->result = (int32_t)i;
        ft_commit(f);
        put_all(7, COUNT / FORKS);
    }
    read_back(path);
    for (uint32_t i = 0; i < FORKS; i++) {
        const struct ft_head *record = ft_reader_find(&r, refs[i], FT_FORK);
        cr_assert(record, "fork %u", i);
        cr_assert_eq(FT_GET(fork, record).result, (int32_t)i);
    }
    cr_assert_eq(found_count + lost_in_all(), COUNT + FORKS);
}

Test(trace_limits, flight_recorder_keeps_what_is_open)
{
    create(64 * KIB);
    struct ft_kill *record = ft_begin(&w, FT_KILL, sizeof *record, 42);
    ft_ref ref = ft_ref_of(record);
    ft_publish(record);
    struct ft_wait_slot *slot = ft_slot_new(&w, 43);
    slot->address = 0xabc;
    ft_slot_set(slot, FT_WAIT_SLOT, 43, ft_now(&w));
    put_all(7, 50000);
    record->error = 13;
    ft_commit(record);
    read_back(path);
    cr_assert(ft_reader_find(&r, ref, FT_KILL));
    cr_assert_eq(FT_GET(kill, ft_reader_find(&r, ref, FT_KILL)).error, 13);
    bool waits = false;
    for (size_t i = 0; i < found_count; i++)
        waits |= found[i].record->type == FT_WAIT_SLOT && FT_GET(wait_slot, found[i].record).address == 0xabc;
    cr_assert(waits);
}

/* Several processes and threads lapping each other in a ring of few pages: all is there, or counted. */
static void *put_thread(void *argument)
{
    return (void *)(uintptr_t)put_all((uint32_t)(uintptr_t)argument, 60000);
}

static void crowded_ring(uint64_t max)
{
    enum { PROCESSES = 3, THREADS = 3, COUNT = 60000 };
    pid_t children[PROCESSES];
    create(max);
    for (uint32_t p = 0; p < PROCESSES; p++)
        if (!(children[p] = fork())) {
            pthread_t thread[THREADS];
            for (uint32_t t = 0; t < THREADS; t++)
                pthread_create(&thread[t], NULL, put_thread, (void *)(uintptr_t)(p * THREADS + t));
            for (uint32_t t = 0; t < THREADS; t++) pthread_join(thread[t], NULL);
            _exit(0);
        }
    static struct ft_reader live;
    cr_assert_eq(ft_reader_open(&live, path, false), FT_READ_OK);
    for (int p = 0; p < PROCESSES; p++) {
        int status;
        while (!waitpid(children[p], &status, WNOHANG)) { /* a reader meanwhile sees whole records only */
            found_count = 0;
            ft_reader_new(&live, collect, NULL);
            for (size_t i = 0; i < found_count; i++) get_numbered(found[i].record);
            cr_assert_eq(live.damaged, 0);
            usleep(2000);
        }
        cr_assert_eq(status, 0);
    }
    ft_reader_close(&live);
    read_back(path);
    uint8_t *seen = calloc(PROCESSES * THREADS, COUNT);
    for (size_t i = 0; i < found_count; i++) {
        struct ft_sigmask m = get_numbered(found[i].record);
        cr_assert(m.head.task < PROCESSES * THREADS && m.site < COUNT &&
                  !seen[m.head.task * COUNT + m.site]++);
        cr_assert_eq(ft_reader_find(&r, found[i].ref, 0), found[i].record);
    }
    free(seen);
    cr_assert_eq(r.torn, 0);
    cr_assert_eq(found_count + lost_in_all(), PROCESSES * THREADS * COUNT, "%lu read + %lu lost",
                 (unsigned long)found_count, (unsigned long)lost_in_all());
    cr_assert(found_count > 100);
}

Test(trace_limits, crowded_ring_64k) { crowded_ring(64 * KIB); }
Test(trace_limits, crowded_ring_1m) { crowded_ring(MIB); }

/* --- the path is out of reach --------------------------------------------------------------- */

static void grow_without_path(bool renamed)
{
    enum { COUNT = 700000 }; /* 33 MiB: window, then later mappings, reused */
    char other[128], kept[64];
    create(256 * MIB);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(kept, sizeof kept, "/proc/self/fd/%d", fd);
    snprintf(other, sizeof other, "%s.moved", path);
    cr_assert_eq(renamed ? rename(path, other) : unlink(path), 0);
    if (renamed)
        cr_assert_eq(mknod(path, S_IFREG | 0600, 0),
                     0); /* somebody else's file at our path: not ours to touch */
    cr_assert_eq(put_all(1, COUNT), COUNT);
    read_back(renamed ? other : kept);
    cr_assert_eq(found_count, COUNT);
    cr_assert_eq(newest_run(COUNT), 0);
    cr_assert_eq(lost_in_all(), 0);
    struct stat status;
    if (renamed) cr_assert(!stat(path, &status) && status.st_size == 0);
    unlink(other);
}

Test(trace_limits, growth_after_unlink) { grow_without_path(false); }
Test(trace_limits, growth_after_rename) { grow_without_path(true); }

Test(trace_limits, an_existing_file_is_never_touched)
{
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    cr_assert_eq(write(fd, "mine", 4), 4);
    cr_assert_eq(ft_writer_create(&w, path, MIB, 100), -EEXIST);
    cr_assert_not(ft_writer_on(&w));
    cr_assert_eq(lseek(fd, 0, SEEK_END), 4);
    cr_assert_eq(ft_writer_join(&w, path), -EPROTO);
    cr_assert_eq(lseek(fd, 0, SEEK_END), 4);
    cr_assert_null(ft_begin(&w, FT_FORK, 48, 0));
}

/* --- limits --------------------------------------------------------------------------------- */

/* A disk of its own for `directory`; containers often forbid that even to root. */
static void small_disk(const char *size)
{
    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("none", directory, "tmpfs", 0, size))
        cr_skip_test("needs the right to mount a small tmpfs");
}

Test(trace_limits, full_disk)
{
    enum { COUNT = 60000 }; /* 2.9 MiB of events for a disk of 1 */
    small_disk("size=1m");
    create(64 * MIB);
    uint64_t kept = put_all(1, COUNT);
    read_back(path);
    cr_assert_eq(found_count, kept);
    cr_assert_eq(newest_run(kept), 0, "the oldest are kept, without a gap");
    cr_assert_eq(ft_reader_lost(&r, FT_LOST_DISK_FULL), COUNT - kept);
    cr_assert(kept * sizeof(struct ft_sigmask) > 800 * KIB, "%lu kept", (unsigned long)kept);
    unlink(path);
    umount2(directory, MNT_DETACH);
}

Test(trace_limits, full_disk_from_the_start)
{
    small_disk("size=4k");
    cr_assert_eq(ft_writer_create(&w, path, MIB, 100), -ENOSPC);
    cr_assert(access(path, F_OK), "nothing is left behind");
    cr_assert_not(ft_writer_on(&w));
    umount2(directory, MNT_DETACH);
}

Test(trace_limits, file_size_limit_raises_no_signal)
{
    struct rlimit limit = {256 * KIB, RLIM_INFINITY};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    create(64 * MIB); /* kept below the limit: a small flight recorder */
    put_all(1, 20000);
    struct stat status;
    cr_assert(!stat(path, &status) && status.st_size <= (off_t)(256 * KIB));
    limit.rlim_cur = 4 * KIB; /* and one that comes while we are at it */
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    put_all(2, 20000);
    read_back(path);
    cr_assert_eq(found_count + lost_in_all(), 40000);
    cr_assert(found_count > 1000);
    memset(&w, 0, sizeof w);
    char other[128];
    snprintf(other, sizeof other, "%s.2", path);
    cr_assert_eq(ft_writer_create(&w, other, MIB, 100), -EFBIG);
    cr_assert(access(other, F_OK));
}

Test(trace_limits, file_size_limit_set_later_stops_nothing)
{
    create(64 * MIB);
    struct rlimit limit = {4 * KIB, RLIM_INFINITY};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(put_all(1, 400000), 400000); /* 19 MiB, within the file's size from the start */
    read_back(path);
    cr_assert_eq(found_count, 400000);
}

static uint64_t address_space(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    cr_assert(f && fscanf(f, "%lu", &pages) == 1);
    fclose(f);
    return pages * FT_PAGE;
}

Test(trace_limits, address_space_limit)
{
    enum { COUNT = 600000 };
    struct rlimit before, limit;
    getrlimit(RLIMIT_AS, &before);
    for (unsigned spare = 0; spare <= 32; spare += spare ? spare : 1) { /* MiB */
        limit = (struct rlimit){address_space() + spare * MIB, before.rlim_max};
        cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
        memset(&w, 0, sizeof w);
        int result = ft_writer_create(&w, path, 256 * MIB, 100);
        w.interned = interned;
        uint64_t used = result ? 0 : put_all(1, COUNT);
        setrlimit(RLIMIT_AS, &before);
        if (result) {
            cr_assert(spare < 2, "%u MiB: %d", spare, result);
            cr_assert(access(path, F_OK), "nothing is left behind");
            continue;
        }
        read_back(path);
        cr_assert_eq(found_count, used);
        cr_assert_eq(lost_in_all(), COUNT - used);
        cr_assert(newest_run(COUNT) == 0 || lost_in_all());
        if (spare >= 4) cr_assert_eq(used, COUNT, "%u MiB: %lu", spare, (unsigned long)used);
        ft_reader_close(&r);
        munmap(w.header, (size_t)w.window_pages * FT_PAGE);
        for (unsigned i = 0; i < FT_MAPS; i++)
            if (w.maps[i]) munmap((void *)(uintptr_t)(w.maps[i] & ~1ull), (size_t)FT_RUN_MAX * FT_PAGE);
        unlink(path);
    }
}
