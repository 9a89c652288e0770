/*
 * dump.c: prints a trace record by record, one a line, all fields: for
 * debugging and for tests that want to know what is really in a file.
 *
 *     build/tests/dump FILE [TYPE...]      -f: follow a run that still goes on
 */
#define _GNU_SOURCE
#include "tests/tools/dump/field.h"
#include "tests/tools/dump/records.h"

#include <string.h>
#include <unistd.h>

struct ft_reader dump_reader;
static char **wanted;
static int64_t origin = -1;

static int print_line(void *context, const struct ft_head *head, ft_ref ref)
{
    static const char states[] = "?cO ";
    const char *name = ft_type_name(head->type);
    bool show = !*wanted;
    for (char **w = wanted; *w; w++) show |= name && !strcmp(*w, name);
    if (!show) return 0;
    int64_t ns = ft_reader_ns(&dump_reader, head->time);
    printf("%8x task=%-8x %14.3fus %c %-14s %3u", ref, head->task, (double)(ns - origin) / 1000,
           states[head->state & 3], name ? name : "(unknown)", head->size);
    print_record(head);
    putchar('\n');
    return 0;
}

int main(int argc, char **argv)
{
    bool follow = argc > 1 && !strcmp(argv[1], "-f");
    argv += follow;
    argc -= follow;
    if (argc < 2) return fprintf(stderr, "usage: dump [-f] FILE [TYPE...]\n"), 2;
    char text[256];
    enum ft_reader_error error = ft_reader_open(&dump_reader, argv[1], true);
    if (error) {
        fprintf(stderr, "dump: %s: %s\n", argv[1], ft_reader_message(error, &dump_reader, text, sizeof text));
        return 2;
    }
    wanted = argv + 2;
    const struct ft_header *h = dump_reader.header;
    origin = ft_reader_ns(&dump_reader, h->counter0);
    printf("# version %u, capacity %" PRIu64 " pages, next page %" PRIu64
           ", clock %s, threshold %u ms, root pid %u,"
           " host %.64s, kernel %.64s, %.16s\n",
           h->version, h->capacity, h->next, h->clock ? "tsc" : "monotonic", h->wait_threshold, h->root_pid,
           h->host, h->kernel, h->arch);
    ft_reader_each(&dump_reader, print_line, NULL);
    while (follow) {
        fflush(stdout);
        usleep(200000);
        ft_reader_new(&dump_reader, print_line, NULL);
    }
    printf("# %" PRIu64 " records, %" PRIu64 " torn, %" PRIu64 " damaged pages, %" PRIu64 " bytes missing\n",
           dump_reader.records, dump_reader.torn, dump_reader.damaged, dump_reader.missing);
    for (unsigned i = 0; i < FT_LOST_ROOM; i++)
        if (ft_reader_lost(&dump_reader, i))
            printf("# lost: %" PRIu64 " %s\n", ft_reader_lost(&dump_reader, i), ft_lost_name(i));
    ft_reader_close(&dump_reader);
    return 0;
}
