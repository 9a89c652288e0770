/*
 * signals.c: which signal handlers each process has at its end, by their names.
 *
 * What CPython gives back to the default when it is finalised (SIGINT,
 * _PySignal_Fini) is taken as it was before: whether a process comes that far
 * depends on how it is stopped.
 */
#include <signal.h>
#include <string.h>

#include "diff.h"

/* A default that no Python code asked for, from Python's own. */
static bool is_finalisation(const struct timeline *t, event_id i)
{
    struct python_function frame;
    struct event e = timeline_event(t, i);
    if (!e.record || FT_GET(sigaction, e.record).new_handler != (uint64_t)(uintptr_t)SIG_DFL) return false;
    if (timeline_python_frame(t, &e, 0, &frame)) return false;
    struct named n = names_frame(t, e.process, e.ns, timeline_site(&e));
    return is_python_object(n.object);
}

/* All handlers in Python are one function of CPython's, which lies in a program here and in a library there.
 * Says whether which one it is, is known. */
static bool handler(char *buffer, const struct timeline *t, process_id p, const struct disposition *d)
{
    struct python_function python = {0};
    char *line;
    if (d->event != NONE) {
        struct event e = timeline_event(t, d->event);
        python = timeline_python_handler(t, &e);
    }
    if (python.name) {
        names_python(buffer, NAMES_TEXT, &python);
        line = strrchr(buffer, ':');
        if (line) strcpy(line, ")");
        return true;
    }
    struct named n = names_at(t, p, process_end_ns(t, p), d->handler);
    names_function(buffer, NAMES_TEXT, &n);
    if (is_python_object(n.object)) snprintf(buffer, NAMES_TEXT, "Python's own");
    if (!n.object)
        snprintf(buffer, NAMES_TEXT, "a function in no file"); /* made at run time: at any address */
    return !is_python_object(n.object) || !(t->processes[p].dark & DARK_PYTHON_NAMES);
}

static void one(struct diff *d, int run, process_id p, struct disposition at_end)
{
    const struct timeline *t = d->runs[run].t;
    char signal[TEXT_SHORT], name[NAMES_TEXT];
    text_signal(signal, at_end.signal);
    bool known = true;
    if (at_end.kind == DISPOSITION_DEFAULT) return;
    if (at_end.kind == DISPOSITION_IGNORE) snprintf(name, sizeof name, "ignored");
    if (at_end.kind == DISPOSITION_HANDLER) known = handler(name, t, p, &at_end);
    mention(&d->mentions[run], SECTION_SIGNALS, p, signal, name)->counts = known;
}

/* Signals whose last install was CPython's farewell. */
static void given_back(struct diff *d, int run, process_id p)
{
    const struct timeline *t = d->runs[run].t;
    size_t count;
    const event_id *installs = timeline_installs_of(t, p, &count);
    uint64_t later = 0;
    while (count-- > 0) {
        struct event e = timeline_event(t, installs[count]);
        if (!e.record) continue;
        int signal = FT_GET(sigaction, e.record).signal;
        if (signal < 1 || signal > 64 || later >> (signal - 1) & 1) continue;
        later |= 1ull << (signal - 1);
        if (is_finalisation(t, installs[count])) one(d, run, p, timeline_disposition(t, p, signal, e.ns - 1));
    }
}

void mention_signals(struct diff *d, int run)
{
    const struct timeline *t = d->runs[run].t;
    for (process_id p = 0; p < t->process_count; p++) {
        const struct process *process = &t->processes[p];
        if (process->coverage != COVERAGE_FULL) continue; /* an exec nobody saw took away what is known */
        for (size_t i = 0; i < process->disposition_count; i++) one(d, run, p, process->dispositions[i]);
        given_back(d, run, p);
    }
}
