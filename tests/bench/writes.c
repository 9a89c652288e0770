/*
 * writes.c: the writes to C globals in a trace, counted: `writes FILE` prints
 * "task site writes ascending" for each task and store, where ascending tells
 * whether, in the order of their times, each value is the one before plus 1.
 *
 * flags: -U_GNU_SOURCE trace/parallel.c trace/reader*.c
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "trace/reader.h"

struct write {
    uint64_t time, value;
    ft_ref task;
    uint32_t site;
};

static struct write *writes;
static size_t count, room;

static void add(const struct ft_head *record, uint64_t time, uint64_t site, uint64_t value)
{
    if (count == room) {
        room = room ? room * 2 : 1 << 16;
        writes = realloc(writes, room * sizeof *writes);
        if (!writes) exit(2);
    }
    writes[count++] = (struct write){time, value, record->task, (uint32_t)site};
}

static int visit(void *context, const struct ft_head *record, ft_ref ref)
{
    (void)context, (void)ref;
    if (record->type == FT_C_WRITE) {
        struct ft_c_write w = FT_GET(c_write, record);
        add(record, record->time >> 4 << 4, w.site, w.value);
    }
    if (record->type != FT_C_WRITES) return 0;
    size_t length;
    const struct ft_c_entry *e = ft_tail(record, offsetof(struct ft_c_writes, entry), &length);
    const uint64_t high = record->time >> FT_C_STAMP_BITS << FT_C_STAMP_BITS;
    for (size_t i = 0; i < length / sizeof *e; i++)
        if (e[i].stamp && FT_C_STAMP_SITE(e[i].stamp) != FT_C_HELD)
            add(record, high | FT_C_STAMP_COUNTER(e[i].stamp), FT_C_STAMP_SITE(e[i].stamp), e[i].value);
    return 0;
}

static int in_order(const void *x, const void *y)
{
    const struct write *a = x, *b = y;
    if (a->task != b->task) return a->task < b->task ? -1 : 1;
    if (a->site != b->site) return a->site < b->site ? -1 : 1;
    return a->time < b->time ? -1 : a->time > b->time;
}

static void tell(void)
{
    for (size_t i = 0, end; i < count; i = end) {
        bool ascending = true;
        for (end = i + 1;
             end < count && writes[end].task == writes[i].task && writes[end].site == writes[i].site; end++)
            ascending &= writes[end].value == writes[end - 1].value + 1;
        printf("%u %u %zu %d\n", writes[i].task, writes[i].site, end - i, ascending);
    }
}

int main(int argc, char **argv)
{
    struct ft_reader reader;
    char text[512];
    enum ft_reader_error error = ft_reader_open(&reader, argc > 1 ? argv[1] : "", true);
    if (error) {
        fprintf(stderr, "writes: %s\n", ft_reader_message(error, &reader, text, sizeof text));
        return 2;
    }
    ft_reader_each(&reader, visit, NULL);
    qsort(writes, count, sizeof *writes, in_order);
    tell();
    ft_reader_close(&reader);
    return 0;
}
