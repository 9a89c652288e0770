/*
 * push.c: `forktrace push`: traces into a ClickHouse database, for questions about many
 * runs.
 */
#include <getopt.h>
#include <string.h>

#include "command.h"
#include "load.h"
#include "push/send.h"
#include "push/tables.h"

static struct {
    const char *url, *build;
    bool again;
} want = {.build = ""};

static bool option(int letter, const char *value)
{
    switch (letter) {
    case 'c': want.url = value; break;
    case 'b': want.build = value; break;
    default: want.again = true;
    }
    return true;
}

/* --- help ------------------------------------------------------------------------------------- */

static void list_columns(FILE *out, const char *table, const struct column *columns)
{
    int at = fprintf(out, "  %-22s", table);
    for (const struct column *c = columns; c->name; c++) {
        int length = (int)(strlen(c->name) + strlen(c->type)) + 1;
        if (at + length + 2 > 110) at = fprintf(out, "\n%24s", "") - 1;
        at += fprintf(out, " %s %s%s", c->name, c->type, c[1].name ? "," : "");
    }
    fputc('\n', out);
}

void push_help(FILE *out)
{
    fputs("\nTables (views: each run once, as it was pushed last):\n", out);
    list_columns(out, "all", push_common);
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        char name[64];
        snprintf(name, sizeof name, "forktrace_%s", push_tables[i].name);
        list_columns(out, name, push_tables[i].columns);
    }
}

/* --- the command ------------------------------------------------------------------------------ */

static int wrong_usage(const struct reading *reading)
{
    if (!want.url)
        return command_usage("push", "where to? --clickhouse http://[USER[:PASSWORD]@]HOST:8123/DATABASE");
    for (size_t i = 0; i < reading->count; i++)
        if (strstr(reading->files[i], "://")) /* not shown: there may be a password in it */
            return command_usage("push", "a URL stands where a FILE should: only one, after --clickhouse");
    return 0;
}

int push_main(int argc, char **argv)
{
    static const struct option own[] = {{"clickhouse", required_argument, NULL, 'c'},
                                        {"build", required_argument, NULL, 'b'},
                                        {"again", no_argument, NULL, 'a'},
                                        {0}};
    struct reading reading;
    struct server server;
    int error = command_reading_many(argc, argv, own, "", option, &reading);
    if (!error) error = wrong_usage(&reading);
    if (!error) error = server_open(&server, want.url);
    if (error) return error;
    error = send_tables(&server);
    size_t there = 0;
    for (size_t i = 0; !error && i < reading.count; i++) {
        struct loaded l;
        if (load(&l, reading.files[i], reading.partial)) continue;
        error = send_trace(&server, &l, want.build, want.again);
        unload(&l);
        there += !error;
    }
    server_close(&server);
    return there == reading.count ? EXIT_CLEAN : error || !there ? EXIT_UNUSABLE : EXIT_FINDINGS;
}
