/*
 * fuzz_reader.c: any bytes as a trace: opened, read twice, every record looked
 * at and every number in it followed as if it were a reference.
 *
 *     make fuzz          with libFuzzer (clang); FUZZ_SECONDS=60
 *     fuzz_reader FILE...  without: replays files (replay.c)
 */
#define _GNU_SOURCE
#include "trace/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int file = -1;
    static char path[32];
    if (file < 0) {
        file = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    if (ftruncate(file, 0) || pwrite(file, data, size, 0) != (ssize_t)size) return 0;
    struct ft_reader r;
    char text[200];
    enum ft_reader_error error = ft_reader_open(&r, path, true);
    if (error) {
        sink += strlen(ft_reader_message(error, &r, text, sizeof text));
        return 0;
    }
    ft_reader_each(&r, look, &r);
    if (size > FT_PAGE) { /* it changes under our eyes */
        if (pwrite(file, data, size / 2, FT_PAGE) < 0 || ftruncate(file, (off_t)(size - size / 4))) return 0;
        ft_reader_new(&r, look, &r);
        ft_reader_each(&r, look, &r);
    }
    ft_reader_close(&r);
    return 0;
}
