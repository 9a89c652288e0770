/*
 * command.c: what the subcommands share: errors, and the options of those that
 * read a trace.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "text.h"

static void complain(const char *subject, const char *format, va_list arguments)
{
    fputs("forktrace: ", stderr);
    if (subject) {
        text_put(stderr, subject);
        fputs(": ", stderr);
    }
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int command_error(const char *subject, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(subject, format, arguments);
    va_end(arguments);
    return EXIT_UNUSABLE;
}

int command_usage(const char *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(command, format, arguments);
    va_end(arguments);
    fprintf(stderr, "forktrace%s%s --help tells more\n", command ? " " : "", command ? command : "");
    return EXIT_UNUSABLE;
}

/* --- options of commands that read a trace ------------------------------------------------------ */

enum { OPTION_PARTIAL = 1000, OPTION_COLOR };
static const struct option shared[] = {{"partial", no_argument, NULL, OPTION_PARTIAL},
                                       {"color", required_argument, NULL, OPTION_COLOR}};

static int wrong_option(int letter, char **argv)
{
    const char *wrong = argv[optind - 1]; /* without its value: that may be a secret */
    return command_usage(argv[0], "%.*s: %s", (int)strcspn(wrong, "="), wrong,
                         letter == ':' ? "it needs a value" : "no such option");
}

static int read_options(int argc, char **argv, const struct option *own, const char *letters,
                        bool (*extra)(int letter, const char *value), struct reading *reading)
{
    struct option options[16] = {shared[0], shared[1]};
    for (size_t i = 2; own && own->name && i + 1 < sizeof options / sizeof *options; i++) options[i] = *own++;
    char text[32];
    snprintf(text, sizeof text, ":%s", letters);
    *reading = (struct reading){0};
    opterr = 0;
    for (int letter; (letter = getopt_long(argc, argv, text, options, NULL)) != -1;) {
        if (letter == OPTION_PARTIAL)
            reading->partial = true;
        else if (letter == '?' || letter == ':')
            return wrong_option(letter, argv);
        else if (letter == OPTION_COLOR) {
            if (!text_set_color(optarg)) return command_usage(argv[0], "--color is auto, always or never");
        } else if (!extra(letter, optarg))
            return EXIT_UNUSABLE;
    }
    return 0;
}

int command_reading(int argc, char **argv, const struct option *own, const char *letters,
                    bool (*extra)(int letter, const char *value), struct reading *reading)
{
    int error = read_options(argc, argv, own, letters, extra, reading);
    if (error) return error;
    if (optind + 1 != argc)
        return command_usage(argv[0], optind < argc ? "one FILE at a time" : "which FILE?");
    reading->file = argv[optind];
    return 0;
}

int command_reading_two(int argc, char **argv, const struct option *own, const char *letters,
                        bool (*extra)(int letter, const char *value), struct reading *reading)
{
    int error = read_options(argc, argv, own, letters, extra, reading);
    if (error) return error;
    if (optind + 2 != argc) return command_usage(argv[0], "which two traces? A and B");
    reading->file = argv[optind];
    reading->second = argv[optind + 1];
    return 0;
}

int command_reading_many(int argc, char **argv, const struct option *own, const char *letters,
                         bool (*extra)(int letter, const char *value), struct reading *reading)
{
    int error = read_options(argc, argv, own, letters, extra, reading);
    if (error) return error;
    if (optind >= argc) return command_usage(argv[0], "which FILE?");
    reading->files = argv + optind;
    reading->count = (size_t)(argc - optind);
    return 0;
}
