/*
 * exit_blocked.c: exit-blocked: a process that was to end, and waited.
 *
 * Python joins all threads that are no daemons before it leaves, and before it
 * calls exit(): threading._shutdown on the stack is how that is known. In C,
 * exit() itself does not come to its end.
 */
#include <signal.h>

#include "find.h"

#define LONG (1000 * MS)

#define BIT(signal) (1ull << ((signal)-1))
#define ASKED       (BIT(SIGTERM) | BIT(SIGINT) | BIT(SIGQUIT) | BIT(SIGHUP))
#define FORCED      (BIT(SIGKILL) | BIT(SIGABRT))

/* Of several Python threads nobody knows which one it is: all are named. */
static void add_waited_for(struct findings *f, struct finding *x, const struct event *e)
{
    const struct timeline *t = f->timeline;
    for (thread_id i = timeline_awaited(t, e, NONE); i != NONE; i = timeline_awaited(t, e, i)) {
        finding_thread(f, x, i);
        finding_event(f, x, t->threads[i].create);
    }
}

static void add(struct findings *f, event_id i, bool endless)
{
    const struct timeline *t = f->timeline;
    const struct event *e = EVENT_AT(t, i);
    char name[NAMES_TEXT];
    struct finding *x = finding_of(f, RULE_exit_blocked, word_group(name, t, e->process));
    event_id kill = sent_to(t, e->process, FORCED, INT64_MAX), term = sent_to(t, e->process, ASKED, e->ns);
    /* A main thread that ends before the others, which nobody hurries: Python waits, as it promises. */
    bool hurried =
        term != NONE || kill != NONE || e->type == EVENT_EXIT || t->processes[e->process].how == END_SIGNAL;
    if (!x->processes.count && !hurried) x->severity = SEVERITY_NOTE;
    if (hurried) finding_worse(x, SEVERITY_WARNING);
    bool by_force = t->processes[e->process].how == END_SIGNAL && t->processes[e->process].signal == SIGKILL;
    if (hurried && endless && (by_force || t->processes[e->process].how == END_RUNNING))
        finding_worse(x, SEVERITY_ERROR);
    finding_process(f, x, e->process);
    finding_event(f, x, term);
    finding_event(f, x, i);
    finding_event(f, x, kill);
    add_waited_for(f, x, e);
}

static bool is_leaving(const struct timeline *t, const struct event *e)
{
    if (e->type == EVENT_LOCK_WAIT) return e->record && in_python(t, e, "_shutdown", "threading.py");
    return e->flags & EVENT_UNFINISHED;
}

void find_exit_blocked(struct findings *f)
{
    static const enum event_type types[] = {EVENT_LOCK_WAIT, EVENT_EXIT};
    const struct timeline *t = f->timeline;
    for (size_t k = 0; k < 2; k++) {
        size_t count;
        const event_id *events = timeline_events_of_type(t, types[k], &count);
        for (size_t i = 0; i < count; i++) {
            const struct event *e = EVENT_AT(t, events[i]);
            if (timeline_duration(t, e) >= LONG && is_leaving(t, e))
                add(f, events[i], e->flags & EVENT_UNFINISHED);
        }
    }
}

static event_id of_type(const struct timeline *t, const struct finding *x, enum event_type type)
{
    for (size_t i = 0; i < x->evidence.count; i++)
        if (EVENT_AT(t, x->evidence.list[i])->type == type) return x->evidence.list[i];
    return NONE;
}

static event_id sent(const struct timeline *t, const struct finding *x, uint64_t signals)
{
    for (size_t i = 0; i < x->evidence.count; i++) {
        int signal = signal_of(t, x->evidence.list[i]);
        if (signal > 0 && signal <= 64 && signals & BIT(signal)) return x->evidence.list[i];
    }
    return NONE;
}

static void say_kill(struct say *s, const struct timeline *t, event_id i, const char *verb)
{
    char signal[TEXT_SHORT], name[NAMES_TEXT], time[TEXT_SHORT];
    say(s, "%s %s it %s at %s", word_sender(name, t, i), verb, text_signal(signal, signal_of(t, i)),
        text_time(time, t->events[i].ns));
}

void tell_exit_blocked(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char place[NAMES_TEXT];
    event_id wait = of_type(t, x, EVENT_LOCK_WAIT), exit = of_type(t, x, EVENT_EXIT);
    const struct event *e = EVENT_AT(t, wait != NONE ? wait : exit);
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title, " could not end: ");
    if (wait != NONE && x->threads.count) {
        say(title, "Python waited ");
        say_duration(title, timeline_duration(t, e));
        say(title, " at shutdown for ");
        say_threads(title, t, &x->threads);
        word_place(place, t, t->threads[x->threads.list[0]].create);
        say(title, "%s%s, %s.", *place ? ", started at " : "", place,
            x->threads.count == 1 ? "which is no daemon" : "of those the ones that are no daemons");
    } else {
        say(title, wait != NONE ? "Python's shutdown took " : "exit() took ");
        say_duration(title, timeline_duration(t, e));
        say(title, " and more.");
    }
    event_id term = sent(t, x, ASKED), force = sent(t, x, FORCED);
    if (term != NONE) say_kill(why, t, term, "sent"), say(why, ". ");
    if (*names_caller(place, sizeof place, t, e)) say(why, "It waited in %s. ", place);
    if (force != NONE) {
        say_kill(why, t, force, "then sent");
        say(why, " after ");
        say_duration(why, t->events[force].ns - (term != NONE ? t->events[term].ns : e->ns));
        say(why, ". ");
    }
    say(why, "atexit functions run only after that wait.");
}
