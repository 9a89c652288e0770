/*
 * fuzz_reader.c: any bytes as a trace: opened, read twice, every record looked
 * at and every number in it followed as if it were a reference. Then the same
 * in place (reader_map.c): it must be the same, and bear being cut off.
 *
 *     make fuzz          with libFuzzer (clang); FUZZ_SECONDS=60
 *     fuzz_reader FILE...  without: replays files (replay.c)
 */
#define _GNU_SOURCE
#include "trace/reader.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sink; /* so that what is read is really read */

static int look(void *context, const struct ft_head *record, ft_ref ref)
{
    const struct ft_reader *r = context;
    uint8_t whole[FT_PAGE];
    size_t length;
    bool cut;
    ft_get(record, whole, sizeof whole);
    const uint8_t *tail = ft_tail(record, 24, &length);
    for (size_t i = 0; i < length; i++) sink += tail[i];
    for (size_t at = 0; at + 4 <= record->size; at += 4) {
        ft_ref any;
        memcpy(&any, whole + at, 4);
        const struct ft_head *other = ft_reader_find(r, any, 0);
        if (other) sink += other->size;
        const char *text = ft_reader_string(r, any, &length, &cut);
        for (size_t i = 0; i < length; i++) sink += (uint8_t)text[i];
    }
    if (ft_reader_find(r, ref, record->type) != record || ft_reader_ns(r, record->time) < 0) abort();
    return 0;
}

static uint64_t sum;

static int add(void *context, const struct ft_head *record, ft_ref ref)
{
    uint8_t whole[FT_PAGE];
    ft_get(record, whole, sizeof whole);
    sum += ref;
    for (size_t i = 0; i < sizeof whole; i++) sum = (sum ^ whole[i]) * 0x100000001b3u;
    return 0;
}

/* The file is closed now: nobody writes it. */
static void look_in_place(const char *path, size_t size, uint64_t records, uint64_t damaged)
{
    struct ft_reader r;
    uint64_t copied = sum;
    sum = 0;
    if (ft_reader_open(&r, path, true)) abort();
    ft_reader_each(&r, add, NULL);
    if (sum != copied || r.records != records || r.damaged != damaged) abort();
    if (truncate(path, (off_t)(size / 2))) abort();
    ft_reader_each(&r, add, NULL);
    ft_reader_new(&r, add, NULL);
    ft_reader_close(&r);
}

/* `file` is open for writing: pages are copied. */
static void one_input(const char *path, int file, const uint8_t *data, size_t size)
{
    struct ft_reader r;
    char text[200];
    if (pwrite(file, data, size, 0) != (ssize_t)size) abort();
    enum ft_reader_error error = ft_reader_open(&r, path, true);
    if (error) {
        sink += strlen(ft_reader_message(error, &r, text, sizeof text));
        close(file);
        return;
    }
    ft_reader_each(&r, look, &r);
    sum = 0;
    ft_reader_each(&r, add, NULL);
    uint64_t was = sum, records = r.records, damaged = r.damaged;
    if (size > FT_PAGE) { /* it changes under our eyes */
        if (pwrite(file, data, size / 2, FT_PAGE) < 0 || ftruncate(file, (off_t)(size - size / 4))) abort();
        ft_reader_new(&r, look, &r);
        ft_reader_each(&r, look, &r);
    }
    ft_reader_close(&r);
    if (ftruncate(file, 0) || pwrite(file, data, size, 0) != (ssize_t)size) abort();
    close(file);
    sum = was;
    look_in_place(path, size, records, damaged);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[64];
    if (!*path) {
        snprintf(path, sizeof path, "/dev/shm/fuzz_reader.%d", getpid());
        ft_reader_in_place();
    }
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) abort();
    one_input(path, file, data, size);
    unlink(path);
    return 0;
}
