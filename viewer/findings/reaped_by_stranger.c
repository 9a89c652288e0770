/*
 * reaped_by_stranger.c: reaped-by-stranger: a child's exit status went to
 * somebody else than the one who waits for it: a SIGCHLD handler or a thread
 * that waits for any child, or the kernel, where SIGCHLD is ignored.
 * subprocess then takes the status to be 0.
 */
#include <signal.h>
#include <string.h>

#include "find.h"

/* The same thread from the same place: it asks twice. */
static bool same_party(const struct timeline *t, event_id a, event_id b)
{
    char one[NAMES_TEXT], other[NAMES_TEXT];
    if (EVENT_AT(t, a)->thread != EVENT_AT(t, b)->thread) return false;
    word_place(one, t, a);
    return *one && !strcmp(one, word_place(other, t, b));
}

static event_id ignored_by(const struct timeline *t, process_id p, int64_t ns)
{
    struct disposition d = timeline_disposition(t, p, SIGCHLD, ns);
    return d.kind == DISPOSITION_IGNORE ? d.event : NONE;
}

void find_reaped_by_stranger(struct findings *f)
{
    const struct timeline *t = f->timeline;
    char name[NAMES_TEXT], place[NAMES_TEXT], subject[2 * NAMES_TEXT];
    size_t count;
    const event_id *events = timeline_events_of_type(t, EVENT_NO_CHILD, &count);
    for (size_t k = 0; k < count; k++) {
        event_id i = events[k];
        const struct event *e = EVENT_AT(t, i);
        if (e->child == NONE) continue;
        const struct process *child = &t->processes[e->child];
        if (child->parent != e->process) continue; /* not its to wait for */
        event_id by =
            child->reap != NONE && EVENT_AT(t, child->reap)->process == e->process ? child->reap : NONE;
        if (by == NONE && child->reap == NONE) by = ignored_by(t, e->process, e->ns);
        if (by == NONE || t->events[by].ns > e->ns || same_party(t, by, i)) continue;
        snprintf(subject, sizeof subject, "%s %s", word_group(name, t, e->process), word_place(place, t, by));
        struct finding *x = finding_of(f, RULE_reaped_by_stranger, subject);
        finding_process(f, x, e->process);
        finding_process(f, x, e->child);
        finding_thread(f, x, EVENT_AT(t, by)->thread);
        finding_thread(f, x, e->thread);
        finding_event(f, x, child->fork);
        finding_event(f, x, by);
        finding_event(f, x, i);
    }
}

static void say_thread(struct say *s, const struct timeline *t, thread_id thread)
{
    char name[NAMES_TEXT];
    bool main = thread == NONE || t->threads[thread].is_main;
    say(s, main ? "its main thread" : "its thread `%s`", word_thread(name, t, thread));
}

void tell_reaped_by_stranger(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char name[NAMES_TEXT], place[NAMES_TEXT];
    event_id asked = NONE;
    for (size_t i = 0; i < x->evidence.count && asked == NONE; i++)
        if (EVENT_AT(t, x->evidence.list[i])->type == EVENT_NO_CHILD) asked = x->evidence.list[i];
    if (asked == NONE) return;
    const struct event *e = EVENT_AT(t, asked);
    const struct process *child = &t->processes[e->child];
    bool kernel = child->reap == NONE;
    event_id by = kernel ? ignored_by(t, e->process, e->ns) : child->reap;
    say(title, "The exit status of %s, a child of ", word_process(name, t, e->child));
    say(title, "%s, went to ", word_process(name, t, e->process));
    if (kernel)
        say(title, "nobody: SIGCHLD is ignored");
    else
        say_thread(title, t, EVENT_AT(t, by)->thread);
    if (by != NONE && *word_place(place, t, by)) say(title, " (%s)", place);
    say(title, ", not to the one who waits for it.");
    say(why, "The child");
    if (child->fork != NONE && *word_place(place, t, child->fork)) say(why, ", made in %s,", place);
    say(why, kernel ? " was removed by the kernel when it ended. The wait of "
                    : " was reaped before; the wait of ");
    say_thread(why, t, e->thread);
    if (*word_place(place, t, asked)) say(why, " in %s", place);
    say(why, " failed with ECHILD (Python's subprocess then reports 0).");
}
