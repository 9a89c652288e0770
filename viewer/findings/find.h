/*
 * find.h: what the rules share: adding findings, and saying things in words.
 *
 * A rule looks in two steps. find_RULE goes through the timeline and collects,
 * under a subject, who is concerned and what proves it. tell_RULE then says it,
 * once for each subject, knowing all of it.
 */
#ifndef FINDINGS_FIND_H
#define FINDINGS_FIND_H

#include "findings.h"
#include "viewer/names.h"
#include "viewer/text.h"

#define MS       1000000ll
#define LIVES_ON (50 * MS) /* a forked child that takes longer is more than a step to an exec or exit */

struct say {
    char text[2048];
    size_t used;
};

#define X(id, name, severity, summary, fix) \
    void find_##id(struct findings *f);     \
    void tell_##id(const struct timeline *t, struct finding *x, struct say *title, struct say *why);
FINDING_RULES(X)
#undef X

/* The finding of this rule and subject, new or known; never NULL (memory ran out: a scratch one). */
struct finding *finding_of(struct findings *f, enum rule_id rule, const char *subject);
void finding_worse(struct finding *x, enum severity severity); /* at least */
void finding_process(struct findings *f, struct finding *x, process_id p);
void finding_thread(struct findings *f, struct finding *x,
                    thread_id t); /* NONE: nothing happens, in all of these */
void finding_global(struct findings *f, struct finding *x, global_id g);
void finding_event(struct findings *f, struct finding *x, event_id e);

/* For tell_..., which finds a copy of it in x->kept: what a look at every write would have to find again. */
void finding_keep(struct findings *f, struct finding *x, const void *what, size_t size);

/* words.c. Those with a buffer of NAMES_TEXT bytes return it; all escape. */
void say(struct say *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "uwsgi worker 1 and 2", "gunicorn arbiter and gunicorn worker 1", "uwsgi worker 1, 2, 3 and 9 others". */
void say_processes(struct say *s, const struct timeline *t, const uint32_t *list, size_t count);
/* "the thread `ticker`", "the threads `a` and `b`", "8 threads `pool`" */
void say_threads(struct say *s, const struct timeline *t, const struct finding_ids *threads);
void say_duration(struct say *s, int64_t ns);
const char *word_process(char *buffer, const struct timeline *t, process_id p);
/* Who sent a signal (KILL or SIGNAL): "gunicorn arbiter", "bash (pid 123)", "the kernel"; "somebody" unknown.
 */
const char *word_sender(char *buffer, const struct timeline *t, event_id e);
/* Who sends it one of these (bit n-1: signal n), last up to `ns`: a KILL of the run's, a SIGNAL from outside;
 * NONE: nobody did. */
event_id sent_to(const struct timeline *t, process_id p, uint64_t signals, int64_t ns);
/* The signal of a KILL or SIGNAL. */
int signal_of(const struct timeline *t, event_id e);
/* The same without a number: "uwsgi worker", so that findings about any worker have one subject. */
const char *word_group(char *buffer, const struct timeline *t, process_id p);
/* Its name without a number at the end, its Python target if Python made the name up: names a group of alike.
 */
const char *word_thread(char *buffer, const struct timeline *t, thread_id thread);
/* "ticker.py:18", "make_pool (libfoo.so)"; "" if unknown. */
const char *word_place(char *buffer, const struct timeline *t, event_id e);
/*
 * "cache_lock (app)", or "mutex at offset 0x40 of libfoo.so, held by `ticker`", "a mutex on the heap, held by
 * `ticker`": a lock without a name is known by its owner (NONE: left out). Stable from run to run, and, as
 * fingerprints leave numbers like offsets out, from build to build.
 */
const char *word_lock(char *buffer, const struct timeline *t, const struct event *e, uint64_t address,
                      unsigned kind, thread_id owner);

/* What LOCK_WAIT events wait for, from whichever record tells. */
struct wait_of {
    uint64_t address;
    uint32_t kind;
};
struct wait_of wait_of(const struct event *e);
/* Python's interpreter lock or its companions: they lie in _PyRuntime. */
bool is_gil(const struct timeline *t, const struct event *e);
/* A Python frame of this function in a file whose name ends so. */
bool in_python(const struct timeline *t, const struct event *e, const char *function, const char *file);

/*
 * What a fork told about what it takes along (LOCK_HELD, STDIO): a walk through the events of one type.
 *     struct at_fork a = at_fork(t, child);
 *     for (event_id i; (i = at_fork_next(t, &a, EVENT_LOCK_HELD)) != NONE;) ...
 */
struct at_fork {
    const event_id *events;
    size_t count, next;
    thread_id forker;
};
struct at_fork at_fork(const struct timeline *t, process_id child);
event_id at_fork_next(const struct timeline *t, struct at_fork *a, enum event_type type);

/* It was forked, has not executed anything, and was there for longer than a moment. */
bool lives_on(const struct timeline *t, process_id p);
int64_t process_end_ns(const struct timeline *t, process_id p); /* now, if it runs */
bool is_ancestor(const struct timeline *t, process_id ancestor, process_id p);
/* signal_stack.c: a part of handler-replaced; telling: false: the finding is not about that. */
void find_signal_stack(struct findings *f, process_id p);
bool tell_signal_stack(const struct timeline *t, struct finding *x, struct say *title, struct say *why);
/* Made by Python's own library for itself (multiprocessing, concurrent.futures, ...): no consumer misses it.
 */
bool is_internal_thread(const struct timeline *t, thread_id thread);
/* Records were lost, of any process: that something was never done is not known then. */
bool are_records_lost(const struct timeline *t);
/* Of Python's, where its names are not recorded (process.dark): which one it is, nobody knows. */
bool is_unnamed_thread(const struct timeline *t, thread_id thread);
bool is_python_object(const char *path); /* "libpython3.11.so.1.0", "python3.11" */
/* It had one short job, and did it: a resolver of libcurl, a request of a threaded server. */
bool is_transient_thread(const struct timeline *t, thread_id thread);
/* Its program calls it fork-safe: children can do without it. By its name, which has "fork-safe" in it: names
 * are what every language can give a thread, and 15 characters are all that pthread_setname_np takes. */
bool is_fork_safe(const struct timeline *t, thread_id thread);
/*
 * It did without this thread of its parent's, and ended by itself before the parent did: it had one job, like
 * saving a snapshot (Redis). Not said of Python's threads, which may matter to it (exporters, loggers): that
 * a C program knows what it forks for is the rule.
 */
bool did_its_job(const struct timeline *t, process_id p, thread_id lost);
/* What tells threads that do the same from others; 0: cannot be told. */
uint64_t thread_kind(const struct timeline *t, thread_id thread);

#endif
