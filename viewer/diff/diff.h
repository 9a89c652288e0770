/*
 * diff.h: two runs side by side, whichever server each ran under.
 *
 * A run is said in mentions: of a section (threads, globals, ...), a subject
 * (`ticker`), a process, and a state ("runs", "lost at the fork"). All that both
 * runs mention of one subject is a fact. Facts are compared by the states and
 * the parts of the tree in which they hold: no pid, address, time or count is
 * in what is compared, so that two runs of one program are the same.
 *
 * A part is what one or more groups of processes do in both runs: "flask" in
 * the one, "uwsgi master" and "uwsgi worker" in the other (parts.c).
 */
#ifndef DIFF_H
#define DIFF_H

#include "viewer/findings/find.h"
#include "viewer/load.h"

/* In the order in which they are shown: id, JSON name, heading, what one is called, what stands between a
 * state and its processes, what it means when a run mentions nothing. */
/* clang-format off */
#define DIFF_SECTIONS(X) \
    X(PROCESSES, "processes", "Processes", "The process", ": ", "there is none") \
    X(ENDS, "ends", "How they ended", "How it ended:", ": ", "there is none") \
    X(THREADS, "threads", "Threads", "The thread", " in ", "there is none") \
    X(GLOBALS, "globals", "Globals", "The global", " in ", "not written") \
    X(SIGNALS, "signals", "Signal handlers, at the end", "The handler of", " in ", "default") \
    X(WAITS, "waits", "Waits for what another thread holds", "The wait for", " in ", "not waited for") \
    X(ADDRESSES, "addresses", "Addresses bound", "The address", " by ", "not bound")
/* clang-format on */
enum section {
#define X(id, name, heading, one, joiner, absent) SECTION_##id,
    DIFF_SECTIONS(X)
#undef X
        SECTION_COUNT
};
extern const struct section_words {
    const char *name, *heading, *one, *joiner, *absent;
} section_words[SECTION_COUNT];

/* Processes of one name without its number: "uwsgi worker". */
struct group {
    char *name; /* escaped */
    process_id first;
    size_t count, slots; /* of processes; of different roles among them: "worker 1", "worker 2" */
    uint32_t part;       /* NONE: not matched yet */
    bool joined;         /* it has no counterpart: it goes with the part that forked it */
};

struct part {
    char *name;         /* "flask / uwsgi master": without those that joined */
    uint32_t groups[2]; /* how many it is in each run */
    bool renamed;       /* it is called otherwise in the other run */
    bool split;         /* one group here, several there */
};

struct run {
    const struct timeline *t;
    const char *path, *letter; /* "A", "B" */
    char label[NAMES_TEXT];    /* "under uwsgi", or "in A" if both run the same program */
    struct findings *findings;
    struct group *groups; /* by their first process */
    size_t group_count;
    uint32_t *group_of; /* a process's */
    bool *served;       /* a process has an address bound: itself, or before it was forked */
    process_id server;  /* the first of these; the first process if there is none */
    char lost[512];     /* why anything may be missing in this trace; "" */
    struct {
        process_id by[SECTION_COUNT];
    } * hidden;        /* of a part: the worst covered process of it that leaves this in the dark; NONE */
    bool *there;       /* a part has processes here */
    process_id anyone; /* the first that is not covered; NONE */
};

struct mention {
    enum section section;
    char *subject, *state; /* escaped */
    char *detail;          /* shown, not compared; "" */
    process_id process;
    bool counts;        /* a difference in this matters */
    bool silent;        /* the state is compared, not shown */
    const char *unseen; /* why this run may know less of the subject than the other; NULL */
    const char *needs;  /* why the other run may have nothing to say of the subject; NULL */
};

struct mentions { /* of one run */
    struct mention *list;
    size_t count, room;
    bool failed; /* memory ran out */
};

struct fact {
    enum section section;
    const char *subject;
    char *says[2]; /* by run; NULL: nothing is mentioned */
    bool same, counts;
    int unseen;       /* the run (0, 1) in which it could not be seen, -1: both saw */
    char reason[512]; /* and why */
};

/* A finding that one run or both have. */
struct shared_finding {
    const struct finding *of[2]; /* NULL: it has not */
    bool counts;
    bool allowed;     /* by .forktrace, or its thread's name */
    char reason[512]; /* why the other one could not have it, or why it is allowed; "" */
};

struct diff {
    struct run runs[2];
    struct mentions mentions[2];
    struct part *parts;
    uint32_t part_count;
    struct fact *facts; /* by section and subject */
    size_t fact_count;
    struct shared_finding *findings; /* worst first */
    size_t finding_count;
    bool same_program;
    size_t differences; /* those that count */
    struct say answer;
    const char *fix; /* of the finding that the answer is about; NULL */
};

/* NULL: out of memory. `loaded` must outlive it. */
struct diff *diff_of(const struct loaded *a, const struct loaded *b);
void diff_free(struct diff *d);

/* parts.c: groups of processes, and which of them do the same in both runs. */
bool parts_group(struct run *r);
bool parts_match(struct diff *d);
uint32_t part_of(const struct run *r, process_id p);

/* unseen.c: why a run could not see something of a section in a part of the tree; NULL: it could. Written
 * into `buffer` of 512 bytes. */
const char *unseen_in(const struct run *r, uint32_t part, enum section section, char *buffer);
bool unseen_run(struct run *r, uint32_t part_count); /* looks at the coverage of each part */

/* mentions.c: what a run has to say. Strings are copied; memory that runs out is told by `failed`. */
struct mention *mention(struct mentions *m, enum section section, process_id p, const char *subject,
                        const char *state);
void mention_detail(struct mention *m, const char *detail);
/* Brings them into order, each once. Returns how many are left. */
size_t mention_once(process_id *list, size_t count);
/* One file a section: */
void mention_processes(struct diff *d, int run);
void mention_threads(struct diff *d, int run);
void mention_globals(struct diff *d, int run);
void mention_signals(struct diff *d, int run);
void mention_waits(struct diff *d, int run);
void mention_addresses(struct diff *d, int run);

/* compare.c: facts and findings of both runs. */
bool compare_mentions(struct diff *d);
bool compare_findings(struct diff *d);

/* answer.c: the sentence that comes first. */
void answer_find(struct diff *d);
bool answer_served(struct run *r); /* fills in `served` and `server` */

/* show.c, json.c: the result to a stream. false: out of memory. */
typedef bool diff_format(FILE *out, const struct diff *d);
diff_format diff_text, diff_json;

#endif
