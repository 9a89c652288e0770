/*
 * doctor.c: the subcommand: its options, its lines, its verdict.
 */
#include "doctor.h"

#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "text.h"

#define LABEL 20

void doctor_heading(const char *text) { printf("%s%s%s\n", text_ink(INK_BOLD), text, text_ink(INK_PLAIN)); }

void doctor_say(enum opinion opinion, const char *what, const char *remedy, const char *format, ...)
{
    static const char *const words[] = {"ok", "hint", "off"};
    static const enum ink inks[] = {INK_GOOD, INK_BOLD, INK_BAD};
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf("  %s%-4s%s  ", text_ink(inks[opinion]), words[opinion], text_ink(INK_PLAIN));
    size_t columns = text_put(stdout, what);
    printf("%*s", columns < LABEL ? (int)(LABEL - columns) : 1, "");
    text_put(stdout, text);
    putchar('\n');
    if (!remedy) return;
    printf("%*s%s", 8 + LABEL, "", text_ink(INK_DIM));
    text_put(stdout, remedy);
    printf("%s\n", text_ink(INK_PLAIN));
}

/* Of FORKTRACE_OUT; here, if there is none or it is a pattern. */
static const char *trace_directory(char directory[PATH_MAX])
{
    const char *output = getenv("FORKTRACE_OUT"), *slash = output ? strrchr(output, '/') : NULL;
    const char *pattern = output ? strchr(output, '%') : NULL;
    snprintf(directory, PATH_MAX, ".");
    if (slash && (!pattern || pattern > slash))
        snprintf(directory, PATH_MAX, "%.*s", slash == output ? 1 : (int)(slash - output), output);
    char *real = realpath(directory, NULL);
    if (real) snprintf(directory, PATH_MAX, "%s", real);
    free(real);
    return directory;
}

static const struct option options[] = {{"color", required_argument, NULL, 'c'}, {0}};

int doctor_main(int argc, char **argv)
{
    opterr = 0;
    for (int letter; (letter = getopt_long(argc, argv, "+:", options, NULL)) != -1;) {
        if (letter != 'c')
            return command_usage("doctor", "%s: %s", argv[optind - 1],
                                 letter == ':' ? "it needs a value" : "no such option");
        if (!text_set_color(optarg)) return command_usage("doctor", "--color is auto, always or never");
    }
    char **command = optind < argc ? argv + optind : NULL;
    int error = command ? doctor_usable(command[0]) : 0;
    if (error) return error;
    char directory[PATH_MAX];
    bool library = doctor_library(trace_directory(directory)), kernel = doctor_kernel();
    /* What the library sees of the command is all that is asked for; without a command: all there is. */
    bool good = library && (command ? doctor_command(command, kernel) : kernel);
    return good ? EXIT_CLEAN : EXIT_FINDINGS;
}
