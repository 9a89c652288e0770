/*
 * atfork_handler.c: atfork-handler: a function registered with pthread_atfork
 * that is slow, does not come back, or belongs to a library that is gone.
 */
#include <string.h>

#include "find.h"

#define SLOW      (1 * MS)
#define VERY_SLOW (10 * MS)

static bool is_gone(const struct ft_atfork *r)
{
    return r->phase != FT_ATFORK_registered && r->which == FT_ATFORK_UNLOADED;
}

/* It never came back, though the process had the time; or died in it. */
static bool is_stuck(const struct timeline *t, const struct event *e)
{
    const struct process *p = &t->processes[e->process];
    if (!(e->flags & EVENT_UNFINISHED) || p->how == END_VANISHED || p->how == END_EXIT) return false;
    return p->how == END_SIGNAL || process_end_ns(t, e->process) - e->ns > 1000 * MS;
}

void find_atfork_handler(struct findings *f)
{
    const struct timeline *t = f->timeline;
    char name[NAMES_TEXT];
    size_t count;
    const event_id *events = timeline_events_of_type(t, EVENT_ATFORK, &count);
    for (size_t k = 0; k < count; k++) {
        event_id i = events[k];
        const struct event *e = EVENT_AT(t, i);
        if (!e->record) continue;
        struct ft_atfork r = FT_GET(atfork, e->record);
        bool slow = r.phase != FT_ATFORK_registered && r.ns > (uint64_t)SLOW,
             bad = is_gone(&r) || is_stuck(t, e);
        if (!slow && !bad) continue;
        struct named n = names_at(t, e->process, e->ns, r.handler);
        names_text(name, sizeof name, &n);
        struct finding *x = finding_of(f, RULE_atfork_handler, n.path ? name : "an unloaded library");
        if (!x->evidence.count) x->severity = SEVERITY_NOTE;
        if (r.ns > (uint64_t)VERY_SLOW) finding_worse(x, SEVERITY_WARNING);
        if (bad) finding_worse(x, SEVERITY_ERROR);
        finding_process(f, x, e->process);
        finding_event(f, x, i);
    }
}

void tell_atfork_handler(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    struct event kept;
    const struct event *worst = NULL;
    uint64_t longest = 0;
    bool gone = false;
    for (size_t i = 0; i < x->evidence.count; i++) {
        const struct event *e = EVENT_AT(t, x->evidence.list[i]);
        struct ft_atfork r = FT_GET(atfork, e->record);
        bool bad = is_gone(&r) || is_stuck(t, e);
        if (worst && !bad && r.ns <= longest) continue;
        kept = *e, worst = &kept, gone = is_gone(&r), longest = bad ? UINT64_MAX : r.ns;
    }
    if (!worst) return;
    struct ft_atfork r = FT_GET(atfork, worst->record);
    say(title, "The %s handler %s ", text_atfork_phase(r.phase), x->subject);
    if (gone) {
        say(title, "was called at a fork of ");
    } else if (is_stuck(t, worst)) {
        say(title, "did not come back in ");
    } else {
        say(title, "took ");
        say_duration(title, (int64_t)r.ns);
        say(title, " at a fork of ");
    }
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title, gone ? ": its code is not there any more." : ".");
    if (gone)
        say(why, "dlclose() takes a library's handlers away only if the library itself registered them.");
    else
        say(why, "Every fork of the process runs it%s.",
            r.phase == FT_ATFORK_child ? ", in each child" : " and waits for it");
}
