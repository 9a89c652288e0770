/*
 * never_ran.c: thread-never-ran: a thread that waits for Python's interpreter
 * lock and does not get it. uWSGI without --enable-threads keeps it for itself.
 */
#include "find.h"

#define LONG        (1000 * MS)
#define RAN_AT_MOST (20 * MS) /* of processor time, where that is known */

static bool has_used_little(const struct thread *th) { return th->cpu_ns < 0 || th->cpu_ns < RAN_AT_MOST; }

void find_never_ran(struct findings *f)
{
    const struct timeline *t = f->timeline;
    char name[NAMES_TEXT];
    for (event_id i = 0; i < t->event_count; i++) {
        const struct event *e = &t->events[i];
        if (e->type != EVENT_LOCK_WAIT || !e->record || e->duration < LONG || !(e->flags & EVENT_UNFINISHED))
            continue;
        const struct thread *th = &t->threads[e->thread];
        if (th->is_main || !has_used_little(th) || !is_gil(t, e)) continue;
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
    const struct event *wait = NULL;
    for (size_t i = 0; i < x->evidence.count; i++)
        if (t->events[x->evidence.list[i]].type == EVENT_LOCK_WAIT) wait = &t->events[x->evidence.list[i]];
    if (!wait) return;
    say_threads(title, t, &x->threads);
    if (*word_place(place, t, t->threads[wait->thread].create)) say(title, ", started at %s,", place);
    say(title, " %s no turn in ", x->threads.count == 1 ? "gets" : "get");
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title, ": it waits for Python's interpreter lock (GIL).");
    say(why, "It waited ");
    say_duration(why, wait->duration);
    say(why, " to the end; the thread that has the lock never let it go.");
}
