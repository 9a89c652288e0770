/*
 * verdict.h: what `forktrace check` decided of each finding, for its formats.
 */
#ifndef VERDICT_H
#define VERDICT_H

#include "allow.h"
#include "load.h"

struct verdict {
    enum allowed allowed;
    char by[1200]; /* what allows it */
    bool known;    /* the baseline had it, at least as badly */
    bool fails;    /* is asked for (--fail-on), not allowed, not known */
};

struct judged {
    const struct loaded *loaded;
    const struct findings *findings;
    const struct verdict *verdicts; /* one each */
    bool baseline;                  /* there was one */
    size_t failed, allowed, known;  /* how many */
};

/* The whole result to a stream; false: out of memory. */
typedef bool verdict_format(FILE *out, const struct judged *j);
verdict_format verdict_text, verdict_json, export_sarif, export_junit;

#endif
