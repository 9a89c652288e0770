/*
 * command.h: the subcommands of `forktrace`: one table for dispatch and help,
 * and what they share on the command line.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#define FORKTRACE_VERSION "0.1.0"

/* Exit statuses (DESIGN: command line). */
enum { EXIT_CLEAN = 0, EXIT_FINDINGS = 1, EXIT_UNUSABLE = 2 };

/* Each gets its own name as argv[0]; its result is the exit status. */
int record_main(int argc, char **argv);
int ps_main(int argc, char **argv);
int report_main(int argc, char **argv);
int view_main(int argc, char **argv);
int export_main(int argc, char **argv);
int push_main(int argc, char **argv);
int check_main(int argc, char **argv);
int diff_main(int argc, char **argv);
int doctor_main(int argc, char **argv);
int learn_main(int argc, char **argv);
void check_help(FILE *out); /* the rules */
void push_help(FILE *out);  /* the tables */

/* "forktrace: SUBJECT: message" on stderr, SUBJECT escaped (NULL: left out). Returns EXIT_UNUSABLE. */
int command_error(const char *subject, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A mistake on the command line: the message, then where help is. Returns EXIT_UNUSABLE. */
int command_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Options of commands that read one trace: FILE, --partial, --color and any
 * of its own. `extra` is called for each of them (getopt's letter, optarg) and
 * returns false if the value is wrong (it has said so).
 */
struct option;
struct reading {
    const char *file;
    const char *second; /* command_reading_two */
    char **files;       /* command_reading_many */
    size_t count;
    bool partial;
};
int command_reading(int argc, char **argv, const struct option *own, const char *letters,
                    bool (*extra)(int letter, const char *value), struct reading *reading);
/* The same for those that read two. */
int command_reading_two(int argc, char **argv, const struct option *own, const char *letters,
                        bool (*extra)(int letter, const char *value), struct reading *reading);
/* And for those that read one or more. */
int command_reading_many(int argc, char **argv, const struct option *own, const char *letters,
                         bool (*extra)(int letter, const char *value), struct reading *reading);

#endif
