/*
 * weigh.c: how many records of each type a trace holds, and their bytes. `weigh FILE` prints "type records
 * bytes".
 *
 * flags: -U_GNU_SOURCE trace/parallel.c trace/reader*.c
 */
#include <stdio.h>

#include "trace/reader.h"

struct weight {
    unsigned long records, bytes;
};

static int visit(void *context, const struct ft_head *record, ft_ref ref)
{
    struct weight *weight = (struct weight *)context + record->type;
    weight->records++;
    weight->bytes += record->size;
    (void)ref;
    return 0;
}

int main(int argc, char **argv)
{
    struct ft_reader reader;
    struct weight weight[256] = {{0, 0}};
    char text[512];
    enum ft_reader_error error = ft_reader_open(&reader, argc > 1 ? argv[1] : "", true);
    if (error) {
        fprintf(stderr, "weigh: %s\n", ft_reader_message(error, &reader, text, sizeof text));
        return 2;
    }
    ft_reader_each(&reader, visit, weight);
    for (unsigned type = 0; type < 256; type++)
        if (weight[type].records)
            printf("%s %lu %lu\n", ft_type_name(type) ? ft_type_name(type) : "unknown", weight[type].records,
                   weight[type].bytes);
    ft_reader_close(&reader);
    return 0;
}
