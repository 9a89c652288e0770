/*
 * main.c: the `forktrace` command: one table of subcommands and their help.
 */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "text.h"
#include "tui/key.h"

/* clang-format off */
#define COLOR_OPTION   "  --color auto|always|never  colours (default auto: on a terminal, without NO_COLOR)\n"
#define PARTIAL_OPTION "  --partial                  read what is left of a truncated file\n"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary, *usage, *options;
} commands[] = {
    {"record", record_main, "run a command and record it",
     "[-o FILE] [-v] [-w WATCH]... [--greenlets] [--ebpf [--buffer SIZE]] [--] CMD [ARG...]",
     "  -o, --output FILE          the trace; default %e.%p.ftrace (%e program, %p pid, %t time, %h host)\n"
     "  -v, --verbose              say where the trace is, also when stderr is no terminal\n"
     "  -w, --watch WATCH          record every write to a global. Python: py:module.name or py:module.*, where module\n"
     "                             is its __name__ or the stem of its file; C: counter, libfoo.so:state, pool.size,\n"
     "                             table[3].count, counter+8/4 (offset and length), 0xADDR/LEN, C++: app::Server::hits;\n"
     "                             hw:counter by the processor\n"
     "      --greenlets            gevent, eventlet: which greenlet keeps the thread while others wait\n"
     "      --ebpf                 with the kernel as a second witness: sees what a preloaded library cannot\n"
     "      --buffer SIZE          --ebpf: of the kernel's ring buffer, 8M; what does not fit is counted\n"
     "The exit status is CMD's: 128+n if signal n killed it, 127 if it was not found, 126 if it cannot be run.\n"},
    {"ps", ps_main, "the tree: processes, images, threads, ghosts, how each ended",
     "[--partial] FILE", PARTIAL_OPTION COLOR_OPTION},
    {"report", report_main, "what happened, in words",
     "[--partial] FILE", PARTIAL_OPTION COLOR_OPTION},
    {"check", check_main, "verdicts for CI: exit status 0 clean, 1 findings, 2 unusable",
     "[--fail-on WHAT] [--allow RULE:PATTERN]... [--baseline OLD] [--format FORMAT] [--partial] FILE",
     "  --fail-on WHAT             error, warning (default), any, or RULE[,RULE]...\n"
     "  --allow RULE:PATTERN       not where the subject (thread, global, address, ...) matches this shell pattern, or all\n"
     "                             threads it is about: their names, start routines, the files that started them.\n"
     "                             A file .forktrace, here or above in this git repository, has one of these a line\n"
     "  --baseline OLD             only what is new since this trace\n"
     "  --format FORMAT            text (default), json, sarif (2.1.0), junit\n" PARTIAL_OPTION COLOR_OPTION},
    {"diff", diff_main, "two runs side by side: exit status 0 the same, 1 not, 2 unusable",
     "[--format FORMAT] [--no-symbols] [--partial] A B",
     "  -f, --format FORMAT        text (default), json\n"
     "  --no-symbols               object+offset instead of names from the ELF files of this machine\n" PARTIAL_OPTION
     COLOR_OPTION},
    {"view", view_main, "look at it in the terminal",
     "[--ascii] [--no-symbols] [--script KEYS --size COLSxROWS] [--dump|--svg] [--partial] FILE",
     "  --ascii                    no line drawing characters (always so on the Linux console)\n"
     "  --script KEYS              press these keys (<Enter>, <Tab>, <Down>, ...), print the last screen and leave\n"
     "  --size COLSxROWS           of the screen for --script and --dump (default 80x24)\n"
     "  --dump                     print the first screen and leave\n"
     "  --svg                      print the screen as a picture, with its colours\n"
     "  --no-symbols               object+offset instead of names from the ELF files of this machine\n" PARTIAL_OPTION
     COLOR_OPTION},
    {"doctor", doctor_main, "what works here, what in a command is not seen, and the remedy",
     "[-- CMD [ARG...]]",
     "CMD is looked at, not run: its file, the interpreters of scripts, what env is to start.\n"
     "Exit status 0: all is seen; 1: something is not (without CMD: an engine does not work); 2: CMD cannot be run.\n"
     COLOR_OPTION},
    {"export", export_main, "the timeline for other programs",
     "--format FORMAT [-o OUT] [--partial] FILE",
     "  -f, --format FORMAT        json: one document; ndjson: one object a line; svg: a picture of the lanes;\n"
     "                             perfetto: for ui.perfetto.dev, with all details; chrome: for chrome://tracing,\n"
     "                             speedscope and others; mermaid: a chart for Markdown;\n"
     "                             otlp: spans, one request a line, for an OpenTelemetry collector\n"
     "  -o, --output OUT           write there instead of to the standard output\n"
     PARTIAL_OPTION},
    {"push", push_main, "traces into a ClickHouse database: questions over many runs",
     "--clickhouse URL [--build NAME] [--again] [--partial] FILE...",
     "  --clickhouse URL           http[s]://[USER[:PASSWORD]@]HOST:PORT/DATABASE: its HTTP interface, usually on 8123.\n"
     "                             On the command line others can read it: CLICKHOUSE_USER and CLICKHOUSE_PASSWORD\n"
     "                             in the environment do as well\n"
     "  --build NAME               of what ran: a version, a commit; in column `build` of every table\n"
     "  --again                    also what is there already\n"
     PARTIAL_OPTION
     "Exit status 0: all are there; 1: some FILEs cannot be read, the others are there; 2: none, or the server failed.\n"},
    {"learn", learn_main, "the pitfalls, one program each: run, shown, explained and mended",
     "[LESSON] [--yes] [--language c|python] [--out DIR] | --all --out DIR",
     "  LESSON                     a rule's name; without one: the list\n"
     "  -y, --yes                  do not wait for the reader\n"
     "  -l, --language c|python    which variant, where there are two (default: C, if there is a compiler)\n"
     "  -o, --out DIR              write a text, two pictures (SVG), the programs and the traces there, instead\n"
     "  -a, --all                  all lessons: a handout\n" COLOR_OPTION
     "Exit status 0: the pitfall was seen in the one program and not in the other; 1 if not.\n"},
};
/* clang-format on */
#define COUNT (sizeof commands / sizeof *commands)

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < COUNT; i++)
        if (!strcmp(commands[i].name, name)) return &commands[i];
    return NULL;
}

static void help(FILE *out)
{
    fputs("forktrace: what happened to processes, threads and signals\n\n", out);
    for (size_t i = 0; i < COUNT; i++)
        fprintf(out, "  forktrace %-7s %s\n", commands[i].name, commands[i].summary);
    fputs("\nforktrace COMMAND --help tells more; forktrace --version.\n"
          "Without `record`: LD_PRELOAD=/path/to/libforktrace.so CMD (FORKTRACE_OUT, FORKTRACE_MAX_SIZE,\n"
          "FORKTRACE_DISABLE=1).\n",
          out);
}

static void command_help(const struct command *c)
{
    printf("forktrace %s: %s\n\nforktrace %s %s\n\n%s", c->name, c->summary, c->name, c->usage, c->options);
    if (c->run == check_main) check_help(stdout);
    if (c->run == push_main) push_help(stdout);
    if (c->run == view_main) {
        puts("\nKeys:");
        key_help(stdout);
    }
}

/* --- main --------------------------------------------------------------------------------------- */

static bool asks_for_help(const char *argument)
{
    return !strcmp(argument, "--help") || !strcmp(argument, "-h");
}

/* The options of record and doctor end where their command begins. */
static bool wants_help(const struct command *c, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
        if (asks_for_help(argv[i])) return true;
        if ((c->run == record_main || c->run == doctor_main) && argv[i][0] != '-') return false;
    }
    return false;
}

static int run(int argc, char **argv)
{
    const struct command *c = find(argv[0]);
    if (!c) return command_usage(NULL, "there is no command '%s'", argv[0]);
    if (wants_help(c, argc, argv)) {
        command_help(c);
        return EXIT_CLEAN;
    }
    int status = c->run(argc, argv);
    if ((fflush(stdout) || ferror(stdout)) && status != EXIT_UNUSABLE)
        return command_error("standard output", "cannot be written: %s", strerror(errno));
    return status;
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    text_set_color(NULL);
    int at = 1;
    if (at + 1 < argc && !strcmp(argv[at], "--color")) {
        if (!text_set_color(argv[at + 1])) return command_usage(NULL, "--color is auto, always or never");
        at += 2;
    } else if (at < argc && !strncmp(argv[at], "--color=", 8)) {
        if (!text_set_color(argv[at++] + 8)) return command_usage(NULL, "--color is auto, always or never");
    }
    if (at >= argc) {
        help(stderr);
        return EXIT_UNUSABLE;
    }
    if (asks_for_help(argv[at]) || !strcmp(argv[at], "help")) {
        help(stdout);
        return EXIT_CLEAN;
    }
    if (!strcmp(argv[at], "--version")) {
        printf("forktrace %s (reads traces of version %d)\n", FORKTRACE_VERSION, FT_VERSION);
        return EXIT_CLEAN;
    }
    return run(argc - at, argv + at);
}
