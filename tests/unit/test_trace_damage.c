/* test_trace_damage.c: files that are not, no longer or not yet what they should be: an error or fewer
 * records. */
#include "trace.h"

TestSuite(trace_damage, .init = setup, .fini = teardown, .timeout = 300);

static uint8_t *good; /* a small trace, whole */
static size_t good_size;
static int copy = -1; /* a file in memory, for damaged ones */
static char copy_path[64];

static void make_good(void)
{
    create(96 * KIB);
    for (uint32_t i = 0; i < 120; i++) {
        struct ft_fork *f = ft_begin(&w, FT_FORK, sizeof *f, ft_string(&w, (char *)&i, 4, 0));
        f->result = (int32_t)i;
        ft_commit(f);
        put_numbered(i, i);
    }
    ft_publish(ft_begin(&w, FT_KILL, sizeof(struct ft_kill), 1));
    ft_begin(&w, FT_KILL, sizeof(struct ft_kill), 1);
    struct ft_wait_slot *slot = ft_slot_new(&w, 1);
    ft_slot_set(slot, FT_WAIT_SLOT, 1, ft_now(&w));
    read_back(path);
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    good_size = (size_t)status.st_size;
    good = malloc(good_size);
    int fd = open(path, O_RDONLY);
    cr_assert_eq(read(fd, good, good_size), (ssize_t)good_size);
    close(fd);
    copy = memfd_create("damaged", MFD_CLOEXEC);
    snprintf(copy_path, sizeof copy_path, "/proc/self/fd/%d", copy);
}

static void write_copy(const void *bytes, size_t size)
{
    cr_assert_eq(ftruncate(copy, 0), 0);
    cr_assert_eq(pwrite(copy, bytes, size, 0), (ssize_t)size);
}

static uint64_t visited, sink;

/* Look at a record every way there is. */
static int use(void *context, const struct ft_head *record, ft_ref ref)
{
    struct ft_reader *reader = context;
    uint8_t everything[FT_PAGE];
    size_t length;
    bool cut;
    ft_get(record, everything, sizeof everything);
    ft_tail(record, 40, &length);
    cr_assert(length <= FT_PAGE_ROOM);
    cr_assert(record->size >= sizeof *record && record->state >= FT_OPEN);
    cr_assert_eq(ft_reader_find(reader, ref, 0), record);
    const char *text = ft_reader_string(reader, record->task, &length, &cut);
    for (size_t i = 0; i < length; i++) sink += (uint8_t)text[i];
    ft_reader_find(reader, (ft_ref)record->time, 0);
    cr_assert(ft_reader_ns(reader, record->time) >= 0);
    visited++;
    return 0;
}

/* Open, read and close it; the number of records, or -error. */
static int64_t try(const char *from, bool partial)
{
    struct ft_reader reader;
    char text[200] = "";
    enum ft_reader_error error = ft_reader_open(&reader, from, partial);
    if (error) {
        const char *message = ft_reader_message(error, &reader, text, sizeof text);
        cr_assert(strchr(message, ':') && strlen(message) > 20, "what is wrong: what to do, not '%s'",
                  message);
        return -(int64_t)error;
    }
    visited = 0;
    cr_assert_eq(ft_reader_each(&reader, use, &reader), 0);
    cr_assert_eq(reader.records, visited);
    cr_assert_eq(ft_reader_new(&reader, use, &reader), 0);
    cr_assert_eq(reader.records, visited);
    int64_t count = (int64_t)reader.records;
    ft_reader_close(&reader);
    return count;
}

static int64_t try_bytes(const void *bytes, size_t size, bool partial)
{
    write_copy(bytes, size);
    return try(copy_path, partial);
}

Test(trace_damage, what_is_no_trace)
{
    make_good();
    struct ft_header *h = (struct ft_header *)good, intact = *h;
    int64_t whole = try_bytes(good, good_size, false);
    cr_assert(whole > 300);
    cr_assert_eq(try("/nonexistent/trace", true), -FT_READ_OPEN);
    cr_assert_eq(try("/tmp", true), -FT_READ_OPEN);
    cr_assert_eq(try("/dev/null", true), -FT_READ_FOREIGN);
    cr_assert_eq(try("/proc/self/exe", true), -FT_READ_FOREIGN);
    static const char unwritten[8192];
    cr_assert_eq(try_bytes("", 0, true), -FT_READ_EMPTY);
    cr_assert_eq(try_bytes(unwritten, sizeof unwritten, true), -FT_READ_EMPTY,
                 "it has its size before its header");
    cr_assert_eq(try_bytes("\0\0\0\0\0\0\0\0\1", 9, true), -FT_READ_FOREIGN);
    cr_assert_eq(try_bytes("hello", 5, true), -FT_READ_FOREIGN);
    h->magic[5] ^= 1;
    cr_assert_eq(try_bytes(good, good_size, true), -FT_READ_FOREIGN);
    *h = intact;
    h->version = 9; /* newer, but says that we can read it */
    cr_assert_eq(try_bytes(good, good_size, true), whole);
    h->min_reader = FT_VERSION + 1;
    h->page_size = 65536; /* nothing behind min_reader is looked at before it */
    cr_assert_eq(try_bytes(good, good_size, true), -FT_READ_NEWER);
    h->endian = __builtin_bswap32(FT_ENDIAN); /* nor min_reader before this */
    cr_assert_eq(try_bytes(good, good_size, true), -FT_READ_ENDIAN);
    h->endian = 7;
    cr_assert_eq(try_bytes(good, good_size, true), -FT_READ_DAMAGED);
    static const struct {
        size_t at;
        uint64_t value;
    } wrong[] = {
        {offsetof(struct ft_header, capacity), 0},  {offsetof(struct ft_header, capacity), UINT64_MAX},
        {offsetof(struct ft_header, next), 0},      {offsetof(struct ft_header, next), UINT64_MAX},
        {offsetof(struct ft_header, page_size), 0}, {offsetof(struct ft_header, clock), 77}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        *h = intact;
        memcpy(good + wrong[i].at, &wrong[i].value, 8);
        cr_assert_eq(try_bytes(good, good_size, true), -FT_READ_DAMAGED, "%zu", i);
    }
    *h = intact;
    h->next = 1ull << 40; /* as if it had gone round often: what is there is still checked page by page */
    cr_assert(try_bytes(good, good_size, true) >= 0);
    *h = intact;
    h->capacity *= 1000;
    cr_assert_eq(try_bytes(good, good_size, true), whole,
                 "cut off behind what was claimed: nothing is missing");
}

Test(trace_damage, cut_off_anywhere)
{
    make_good();
    int64_t whole = try_bytes(good, good_size, false), last = 0;
    size_t needed = (1 + (w.header->next - 1 < w.capacity ? w.header->next - 1 : w.capacity)) * FT_PAGE;
    for (size_t size = 1; size <= good_size; size += size < 20 * KIB ? 1 : 512) {
        int64_t all = try_bytes(good, size, false), part = try(copy_path, true);
        if (size >= needed) {
            cr_assert_eq(all, whole);
            cr_assert_eq(part, whole);
            continue;
        }
        cr_assert_eq(all, -FT_READ_TRUNCATED, "%zu bytes: %ld", size, (long)all);
        if (size < sizeof(struct ft_header)) {
            cr_assert_eq(part, -FT_READ_TRUNCATED);
            continue;
        }
        cr_assert(part >= last && part <= whole, "%zu bytes: %ld records", size, (long)part);
        last = part;
    }
    cr_assert(last > 0);
}

Test(trace_damage, cut_off_while_it_is_read)
{
    make_good();
    write_copy(good, good_size);
    struct ft_reader reader;
    cr_assert_eq(ft_reader_open(&reader, copy_path, false), FT_READ_OK);
    cr_assert_eq(ft_reader_each(&reader, use, &reader), 0);
    uint64_t before = reader.records;
    cr_assert_eq(ftruncate(copy, FT_PAGE + 100), 0);
    cr_assert_eq(ft_reader_new(&reader, use, &reader), 0);
    cr_assert(reader.truncated && reader.missing > 0);
    cr_assert_eq(ftruncate(copy, 0), 0);
    cr_assert_eq(ft_reader_new(&reader, use, &reader), 0);
    cr_assert_eq(ft_reader_each(&reader, use, &reader), 0); /* all that was handed out is still there */
    cr_assert_eq(reader.records, before);
    ft_reader_close(&reader);
}

Test(trace_damage, bits_flipped_at_random)
{
    make_good();
    uint8_t *bad = malloc(good_size);
    size_t used = w.header->next * FT_PAGE;
    if (used > good_size) used = good_size;
    int64_t opened = 0, refused = 0;
    srandom(2);
    write_copy(good, good_size);
    for (int round = 0; round < 100000; round++) {
        size_t at[8];
        int flips = 1 + (int)(random() % 8);
        memcpy(bad, good, used);
        for (int i = 0; i < flips; i++) { /* heads and headers more often than their share */
            size_t place = (size_t)random() % used;
            if (random() % 4 == 0) place = place / FT_PAGE * FT_PAGE + (size_t)random() % 160;
            at[i] = place;
            bad[place] ^= (uint8_t)(1 << random() % 8);
        }
        for (int i = 0; i < flips; i++) cr_assert_eq(pwrite(copy, bad + at[i], 1, (off_t)at[i]), 1);
        if (try(copy_path, true) >= 0)
            opened++;
        else
            refused++;
        for (int i = 0; i < flips; i++) cr_assert_eq(pwrite(copy, good + at[i], 1, (off_t)at[i]), 1);
    }
    cr_assert(opened > 1000 && refused > 10, "%ld opened, %ld refused", (long)opened, (long)refused);
}

Test(trace_damage, a_header_that_lies_to_a_writer)
{
    create(MIB);
    put_numbered(1, 0);
    int fd = open(path, O_RDWR);
    uint64_t lies[] = {0, 1, 7, UINT64_MAX, 1ull << 33};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
        for (size_t at = 0; at < FT_PAGE;
             at += 8) { /* every word of the header, also while it is written to */
            if (at < 8) continue;
            uint64_t was;
            cr_assert_eq(pread(fd, &was, 8, (off_t)at), 8);
            cr_assert_eq(pwrite(fd, &lies[i], 8, (off_t)at), 8);
            w.retry_at = 0;
            for (uint64_t n = 0; n < 200; n++) put_numbered(1, n);
            static struct ft_writer other;
            memset(&other, 0, sizeof other);
            if (!ft_writer_join(&other, path)) {
                ft_commit(ft_begin(&other, FT_FORK, 48, 1));
                munmap(other.file, (size_t)other.window_pages * FT_PAGE);
            }
            cr_assert_eq(pwrite(fd, &was, 8, (off_t)at), 8);
        }
    srandom(3);
    for (int i = 0; i < 20000; i++) { /* and of the pages */
        uint64_t value = (uint64_t)random() << 32 ^ (uint64_t)random();
        off_t at = FT_PAGE + random() % 200 * FT_PAGE + random() % 8 * 8;
        cr_assert_eq(pwrite(fd, &value, 8, at), 8);
        for (uint64_t n = 0; n < 50; n++) put_numbered(1, n);
    }
}
