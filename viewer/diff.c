/*
 * diff.c: `forktrace diff`: two runs side by side. Exit status 0 if nothing
 * differs that matters, 1 if something does, 2 if a trace cannot be used.
 */
#include <getopt.h>
#include <string.h>

#include "allow.h"
#include "command.h"
#include "diff/diff.h"

enum { OPTION_NO_SYMBOLS = 1 };

static diff_format *format = diff_text;

static bool option(int letter, const char *value)
{
    if (letter == OPTION_NO_SYMBOLS) return names_symbols = false, true;
    if (!strcmp(value, "text")) return format = diff_text, true;
    if (!strcmp(value, "json")) return format = diff_json, true;
    return command_usage("diff", "--format is text or json"), false;
}

static int compare(const struct loaded *a, const struct loaded *b)
{
    struct diff *d = diff_of(a, b);
    bool done = d && format(stdout, d);
    int status = !done            ? command_error(NULL, "not enough memory to compare %s",
                                                  "these traces: use a machine with more")
                 : d->differences ? EXIT_FINDINGS
                                  : EXIT_CLEAN;
    diff_free(d);
    return status;
}

int diff_main(int argc, char **argv)
{
    static const struct option own[] = {
        {"format", required_argument, NULL, 'f'}, {"no-symbols", no_argument, NULL, OPTION_NO_SYMBOLS}, {0}};
    struct reading reading;
    struct loaded a, b;
    int error = command_reading_two(argc, argv, own, "f:", option, &reading);
    if (!error) error = allow_file();
    if (!error) error = load(&a, reading.file, reading.partial);
    if (error) return error;
    error = load(&b, reading.second, reading.partial);
    if (!error) error = compare(&a, &b), unload(&b);
    unload(&a);
    return error;
}
