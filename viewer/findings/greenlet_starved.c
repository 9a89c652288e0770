/*
 * greenlet_starved.c: greenlet-starved: one greenlet kept the thread for more
 * than a second while others waited for a turn. Its run is known if switches
 * were recorded; without, there are only the waits of the thread itself for a
 * lock, a thread or a child, which let no greenlet run either.
 */
#include <string.h>

#include "find.h"

#define LONG (1000 * MS)

/* The event loop of this thread and a greenlet besides were there all the time. */
static bool have_to_wait(const struct timeline *t, const struct event *e)
{
    bool loop = false, other = false;
    for (thread_id i = timeline_next_thread(t, e->process, NONE); i != NONE;
         i = timeline_next_thread(t, e->process, i)) {
        const struct thread *g = &t->threads[i];
        bool there = g->kind == THREAD_GREENLET && g->runs_on == e->thread && g->start <= e->ns &&
                     (g->end == NEVER || g->end >= e->ns + timeline_duration(t, e)) && g->how != THREAD_EXEC;
        loop |= there && g->hub;
        other |= there && !g->hub && g->copy_of == NONE; /* a copy need not be meant to run here */
    }
    return loop && other;
}

static bool is_leaving(const struct timeline *t, const struct event *e)
{
    const struct process *p = &t->processes[e->process];
    return p->exit != NONE && t->events[p->exit].ns <= e->ns;
}

static const char *what(char *name, const struct timeline *t, const struct event *e)
{
    struct python_function ran = {0};
    if (e->type == EVENT_GREENLET_RUN) ran = timeline_greenlet_ran(t, e);
    if (e->type == EVENT_GREENLET_RUN && e->child != NONE) return word_thread(name, t, e->child);
    if (ran.name) return text_escape(name, NAMES_TEXT, ran.name, strlen(ran.name)), name;
    return word_thread(name, t, e->thread);
}

void find_greenlet_starved(struct findings *f)
{
    const struct timeline *t = f->timeline;
    char name[NAMES_TEXT];
    static const enum event_type types[] = {EVENT_GREENLET_RUN, EVENT_LOCK_WAIT};
    for (size_t k = 0; k < 2; k++) {
        size_t count;
        const event_id *events = timeline_events_of_type(t, types[k], &count);
        for (size_t i = 0; i < count; i++) {
            const struct event *e = EVENT_AT(t, events[i]);
            bool ran = e->type == EVENT_GREENLET_RUN;
            if (timeline_duration(t, e) < LONG || is_leaving(t, e)) continue;
            if (ran ? !timeline_greenlets_waiting(t, e) : is_gil(t, e) || !have_to_wait(t, e)) continue;
            struct finding *x = finding_of(f, RULE_greenlet_starved, what(name, t, e));
            finding_process(f, x, e->process);
            if (e->child != NONE && ran) finding_thread(f, x, timeline_greenlet_origin(t, e->child));
            finding_event(f, x, events[i]);
        }
    }
}

/* The longest of the evidence. */
static struct event longest(const struct timeline *t, const struct finding *x)
{
    struct event best = timeline_event(t, x->evidence.list[0]);
    for (size_t i = 1; i < x->evidence.count; i++) {
        struct event e = timeline_event(t, x->evidence.list[i]);
        if (timeline_duration(t, &e) > timeline_duration(t, &best)) best = e;
    }
    return best;
}

void tell_greenlet_starved(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char name[NAMES_TEXT], place[NAMES_TEXT];
    if (!x->evidence.count) return;
    const struct event it = longest(t, x), *e = &it;
    bool run = e->type == EVENT_GREENLET_RUN,
         greenlet = run && (e->child != NONE || timeline_greenlet_ran(t, e).name);
    word_place(place, t, e->id);
    if (greenlet)
        say(title, "the greenlet `%s`", what(name, t, e));
    else
        say(title, "the main program");
    say(title, " kept the thread of ");
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title, " for ");
    say_duration(title, timeline_duration(t, e));
    if (!run)
        say(title, " in a wait (%s)", text_wait_kind(wait_of(e).kind));
    else if (e->flags & EVENT_UNFINISHED)
        say(title, ", to the end");
    if (run && timeline_greenlets_waiting(t, e) > 1)
        say(title, ": %u other greenlets got no turn.", timeline_greenlets_waiting(t, e));
    else
        say(title, ": %s got no turn.", run ? "another greenlet" : "its greenlets");
    if (run && *place && !(e->flags & EVENT_UNFINISHED)) say(why, "It gave way at last at %s. ", place);
    if (!run && *place) say(why, "It waited at %s. ", place);
    if (x->evidence.count > 1) say(why, "That happened %zu times. ", x->evidence.count);
    say(why, "While a greenlet blocks in a call that is not patched, or computes, the thread is busy and the "
             "event "
             "loop stands still: no other greenlet runs, no timer fires, no connection is served.");
}
