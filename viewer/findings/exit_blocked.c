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

/* The last signal that asked this process to end before `ns`; NONE: nobody did. */
static event_id asked(const struct timeline *t, process_id p, int64_t ns)
{
    event_id last = NONE;
    for (event_id i = 0; i < t->event_count && t->events[i].ns <= ns; i++) {
        const struct event *e = &t->events[i];
        if (e->type != EVENT_KILL || e->child != p || timeline_kill_thread(e) || !e->record) continue;
        int signal = FT_GET(kill, e->record).signal;
        if (signal == SIGTERM || signal == SIGINT || signal == SIGQUIT || signal == SIGHUP) last = i;
    }
    return last;
}

/* Who ended it by force; NONE: nobody. */
static event_id killed(const struct timeline *t, process_id p)
{
    for (event_id i = 0; i < t->event_count; i++) {
        const struct event *e = &t->events[i];
        if (e->type != EVENT_KILL || e->child != p || timeline_kill_thread(e) || !e->record) continue;
        int signal = FT_GET(kill, e->record).signal;
        if (signal == SIGKILL || signal == SIGABRT) return i;
    }
    return NONE;
}

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
    const struct event *e = &t->events[i];
    char name[NAMES_TEXT];
    struct finding *x = finding_of(f, RULE_exit_blocked, word_group(name, t, e->process));
    event_id kill = killed(t, e->process), term = asked(t, e->process, e->ns);
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
    if (e->type == EVENT_LOCK_WAIT && e->record) return in_python(t, e, "_shutdown", "threading.py");
    return e->type == EVENT_EXIT && (e->flags & EVENT_UNFINISHED);
}

void find_exit_blocked(struct findings *f)
{
    const struct timeline *t = f->timeline;
    for (event_id i = 0; i < t->event_count; i++) {
        const struct event *e = &t->events[i];
        if ((e->type != EVENT_LOCK_WAIT && e->type != EVENT_EXIT) || e->duration < LONG || !is_leaving(t, e))
            continue;
        add(f, i, e->flags & EVENT_UNFINISHED);
    }
}

static event_id of_type(const struct timeline *t, const struct finding *x, enum event_type type, bool force)
{
    for (size_t i = 0; i < x->evidence.count; i++) {
        const struct event *e = &t->events[x->evidence.list[i]];
        if (e->type != type) continue;
        int signal = type == EVENT_KILL ? FT_GET(kill, e->record).signal : 0;
        if (type != EVENT_KILL || (signal == SIGKILL || signal == SIGABRT) == force)
            return x->evidence.list[i];
    }
    return NONE;
}

static void say_kill(struct say *s, const struct timeline *t, event_id i, const char *verb)
{
    char signal[TEXT_SHORT], name[NAMES_TEXT];
    const struct event *e = &t->events[i];
    say(s, "%s %s it %s", word_process(name, t, e->process), verb,
        text_signal(signal, FT_GET(kill, e->record).signal));
}

void tell_exit_blocked(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char place[NAMES_TEXT];
    event_id wait = of_type(t, x, EVENT_LOCK_WAIT, false), exit = of_type(t, x, EVENT_EXIT, false);
    const struct event *e = &t->events[wait != NONE ? wait : exit];
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title, " could not end: ");
    if (wait != NONE && x->threads.count) {
        say(title, "Python waited ");
        say_duration(title, e->duration);
        say(title, " at shutdown for ");
        say_threads(title, t, &x->threads);
        word_place(place, t, t->threads[x->threads.list[0]].create);
        say(title, "%s%s, %s.", *place ? ", started at " : "", place,
            x->threads.count == 1 ? "which is no daemon" : "of those the ones that are no daemons");
    } else {
        say(title, wait != NONE ? "Python's shutdown took " : "exit() took ");
        say_duration(title, e->duration);
        say(title, " and more.");
    }
    event_id term = of_type(t, x, EVENT_KILL, false), force = of_type(t, x, EVENT_KILL, true);
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
