/*
 * report.h: the sections of `forktrace report`. Each prints itself, with its
 * heading, or nothing if it has nothing to say.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdio.h>

#include "findings/findings.h"
#include "load.h"

void report_summary(FILE *out, const struct loaded *l);
/* Verdicts, worst first; one of them (brief: without explanation and remedy). */
void report_findings(FILE *out, const struct timeline *t);
void report_finding(FILE *out, const struct finding *x, bool brief);
void report_globals(FILE *out, const struct timeline *t);
void report_signals(FILE *out, const struct timeline *t);
void report_waits(FILE *out, const struct timeline *t);
void report_binds(FILE *out, const struct timeline *t);
void report_kills(FILE *out, const struct timeline *t);
void report_coverage(FILE *out, const struct loaded *l);

/* What the sections share. Columns of text that a person reads at ease; `text` in lines of so many, the
 * following ones indented. */
unsigned report_width(FILE *out);
void report_wrapped(FILE *out, const char *text, unsigned indent, unsigned width);
void report_heading(FILE *out, const char *text);
/* Lines of a list before "and N more". */
#define REPORT_MANY 40

#endif
