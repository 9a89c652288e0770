/*
 * findings.h: verdicts: what is wrong in a timeline, with whom, why, what to
 * do, and the events that prove it. Made from the timeline only; names of C
 * functions and locks come through names.h, as on every screen.
 *
 * One finding is one rule and one subject (a thread, lock, global, port,
 * signal, ...) and names every process it touches. All texts are escaped:
 * they can be printed as they are.
 */
#ifndef FINDINGS_H
#define FINDINGS_H

#include "rules.h"
#include "viewer/timeline/timeline.h"

enum severity { SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR };

enum rule_id {
#define X(id, name, severity, summary, fix) RULE_##id,
    FINDING_RULES(X)
#undef X
        RULE_COUNT
};

struct rule {
    const char *name;       /* "thread-lost-at-fork": stable */
    enum severity severity; /* the usual one */
    const char *summary;    /* what it means, in a sentence or two */
    const char *fix;        /* what to do */
};
extern const struct rule finding_rules[RULE_COUNT];

struct finding_ids { /* of processes, threads, globals or events: each once, ascending */
    uint32_t *list;
    size_t count, room;
};

struct finding {
    enum rule_id rule;
    enum severity severity;
    char *subject;        /* what --allow RULE:PATTERN is matched with: "ticker", "app.i", "127.0.0.1:8000" */
    char fingerprint[80]; /* rule:hash of the rule and the subject without lines and offsets: the same in
                             every run */
    int64_t ns;           /* of the first evidence */
    struct finding_ids processes, threads, globals, evidence;
    char *title, *explanation;
    const char *fix; /* the rule's */
    void *kept;      /* what the rule found out and will tell: finding_keep */
};

struct findings {
    const struct timeline *timeline;
    struct finding **list; /* worst first, then by rule, then by time */
    size_t count, room;
    size_t left_out; /* more than a rule may report */
    bool failed;     /* memory ran out while looking */
};

/* NULL: out of memory. Lives until findings_free, which must come before timeline_free. */
struct findings *findings_find(const struct timeline *t);
void findings_free(struct findings *f);

const char *severity_name(enum severity severity); /* "error" */
/* RULE_COUNT: there is no such rule. */
enum rule_id finding_rule(const char *name);

#endif
