/*
 * lesson.h: the programs of `forktrace learn`: for a rule, a program that has
 * the pitfall and one that has not, in C, in Python or in both.
 *
 * They are viewer/lessons/RULE.c and RULE.fixed.c (.py), put into the binary
 * as they are: a new pair of files is a new lesson. What its recording needs,
 * its first comment says: "forktrace record --greenlets".
 */
#ifndef LESSON_H
#define LESSON_H

#include <limits.h>

#include "findings/findings.h"
#include "load.h"

enum language { LANGUAGE_C, LANGUAGE_PYTHON, LANGUAGE_COUNT };

extern const char *const lesson_languages[LANGUAGE_COUNT]; /* "C", "Python" */

/* The source, or NULL if there is no such lesson. */
const char *lesson_source(enum rule_id rule, enum language language, bool fixed);
/* What is missing on this machine to run a lesson there is in this language; NULL: nothing. */
const char *lesson_obstacle(enum rule_id rule, enum language language);

struct lesson_run {
    enum rule_id rule;
    enum language language;
    bool fixed;
    char path[PATH_MAX]; /* of the program's source: DIRECTORY/RULE.py; beside it RULE.ftrace */
    char *output;        /* what it printed, escaped, with its line ends */
    struct loaded loaded;
    struct findings *findings;
};

/*
 * Write the program into a directory, compile it if need be, run it under the library, and read the trace.
 * 0, or 2 after an error. What was made in the directory stays.
 */
int lesson_run(struct lesson_run *run, const char *directory);
void lesson_end(struct lesson_run *run);
/* The finding of the lesson's rule, or NULL. */
const struct finding *lesson_finding(const struct lesson_run *run);

#endif
