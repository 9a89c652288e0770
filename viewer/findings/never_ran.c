/*
 * never_ran.c: thread-never-ran: a thread that waits for Python's interpreter
 * lock and does not get it. uWSGI without --enable-threads keeps it for itself
 * and lets a thread run only at its very end.
 */
#include "find.h"

#define LONG (1000 * MS)

void find_never_ran(struct findings *f)
{
    const struct timeline *t = f->timeline;
    char name[NAMES_TEXT];
    size_t count;
    const event_id *events = timeline_events_of_type(t, EVENT_LOCK_WAIT, &count);
    for (size_t k = 0; k < count; k++) {
        event_id i = events[k];
        const struct event *e = EVENT_AT(t, i);
        if (!e->record || timeline_duration(t, e) < LONG) continue;
        const struct thread *th = &t->threads[e->thread];
        if (th->is_main || !is_gil(t, e)) continue;
        struct finding *x = finding_of(f, RULE_never_ran, word_thread(name, t, e->thread));
        finding_process(f, x, e->process);
        finding_thread(f, x, e->thread);
        finding_event(f, x, th->create);
        finding_event(f, x, i);
    }
}

void tell_never_ran(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char place[NAMES_TEXT];
    struct event kept;
    const struct event *wait = NULL;
    for (size_t i = 0; i < x->evidence.count; i++) {
        const struct event *e = EVENT_AT(t, x->evidence.list[i]);
        if (e->type == EVENT_LOCK_WAIT && (!wait || timeline_duration(t, e) > timeline_duration(t, wait)))
            kept = *e, wait = &kept;
    }
    if (!wait) return;
    say_threads(title, t, &x->threads);
    if (*word_place(place, t, t->threads[wait->thread].create)) say(title, ", started at %s,", place);
    say(title, " got no turn for ");
    say_duration(title, timeline_duration(t, wait));
    say(title, " in ");
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title, ": it waited for Python's interpreter lock (GIL).");
    say(why, "The thread that has the lock %s. While a thread waits here it does nothing at all.",
        wait->flags & EVENT_UNFINISHED ? "never let it go" : "kept it all that time");
}
