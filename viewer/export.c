/*
 * export.c: `forktrace export`: the timeline in a format of other programs.
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "command.h"
#include "export/json.h"
#include "load.h"

static const struct format {
    const char *name;
    bool (*write)(FILE *out, const struct loaded *l);
} formats[] = {{"json", export_json},     {"ndjson", export_ndjson},     {"svg", export_svg},
               {"chrome", export_chrome}, {"perfetto", export_perfetto}, {"mermaid", export_mermaid},
               {"otlp", export_otlp}};
#define FORMATS "json, ndjson, svg, chrome, perfetto, mermaid or otlp"

static const struct format *format;
static const char *output;

static bool option(int letter, const char *value)
{
    if (letter == 'o') {
        output = value;
        return true;
    }
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (!strcmp(formats[i].name, value)) format = &formats[i];
    if (!format) command_usage("export", "--format %s: this version knows " FORMATS, value);
    return format;
}

static int write_to(const char *path, const struct loaded *l)
{
    FILE *out = path ? fopen(path, "we") : stdout;
    if (!out) return command_error(path, "cannot be written: %s", strerror(errno));
    bool ok = format->write(out, l);
    int error = fflush(out) || ferror(out) ? errno : 0;
    if (path && fclose(out) && !error) error = errno;
    if (!ok) return command_error(l->path, "not enough memory to export it: use a machine with more");
    if (error)
        return command_error(path ? path : "standard output", "cannot be written: %s", strerror(error));
    return EXIT_CLEAN;
}

int export_main(int argc, char **argv)
{
    static const struct option own[] = {
        {"format", required_argument, NULL, 'f'}, {"output", required_argument, NULL, 'o'}, {0}};
    struct reading reading;
    struct loaded l;
    int error = command_reading(argc, argv, own, "f:o:", option, &reading);
    if (!error && !format) error = command_usage("export", "which --format: " FORMATS "?");
    if (!error) error = load(&l, reading.file, reading.partial);
    if (error) return error;
    int status = write_to(output, &l);
    unload(&l);
    return status;
}
