/*
 * bind_conflict.c: bind-conflict: EADDRINUSE, and who has the address.
 */
#include <errno.h>
#include <string.h>

#include "find.h"

struct bound {
    char address[160];
    int port, error;
};

static struct bound bound_of(const struct event *e)
{
    struct bound b = {.port = -1};
    struct ft_bind r = FT_GET(bind, e->record);
    size_t length;
    const void *bytes = ft_tail(e->record, sizeof r, &length);
    text_sockaddr(bytes, length, b.address, sizeof b.address, &b.port);
    b.error = r.error;
    return b;
}

static bool is_any(const char *address) { return !strcmp(address, "0.0.0.0") || !strcmp(address, "::"); }

static bool overlap(const struct bound *a, const struct bound *b)
{
    if (a->port != b->port) return false;
    if (a->port == 0) return false; /* the kernel chooses */
    return !strcmp(a->address, b->address) || (a->port > 0 && (is_any(a->address) || is_any(b->address)));
}

/* It got what it wanted in the end, by trying again, or by trying another port at once. */
static bool found_a_way(const struct timeline *t, event_id conflict, const struct bound *wanted)
{
    const struct event *e = EVENT_AT(t, conflict);
    size_t count;
    const event_id *binds = timeline_events_of_type(t, EVENT_BIND, &count);
    while (count-- > 0 && binds[count] > conflict) {
        const struct event *later = EVENT_AT(t, binds[count]);
        if (!later->record || later->process != e->process) continue;
        struct bound b = bound_of(later);
        if (b.error) continue;
        if (overlap(&b, wanted)) return true;
        if (later->thread == e->thread && later->ns - e->ns < 100 * MS && !strcmp(b.address, wanted->address))
            return true;
    }
    return false;
}

static bool related(const struct timeline *t, process_id a, process_id b)
{
    return is_ancestor(t, a, b) || is_ancestor(t, b, a) ||
           (t->processes[a].parent != NONE && t->processes[a].parent == t->processes[b].parent);
}

void find_bind_conflict(struct findings *f)
{
    const struct timeline *t = f->timeline;
    size_t count;
    const event_id *events = timeline_events_of_type(t, EVENT_BIND, &count);
    for (size_t k = 0; k < count; k++) {
        event_id i = events[k];
        const struct event *e = EVENT_AT(t, i);
        if (!e->record) continue;
        struct bound b = bound_of(e);
        if (b.error != EADDRINUSE) continue;
        event_id has = timeline_bound_before(t, e);
        /* Servers that want 0.0.0.0 and [::] get both with [::]: that is no conflict. */
        bool its_own = has != NONE && EVENT_AT(t, has)->process == e->process;
        char subject[NAMES_TEXT];
        if (b.port >= 0)
            snprintf(subject, sizeof subject, strchr(b.address, ':') ? "[%s]:%d" : "%s:%d", b.address,
                     b.port);
        else
            snprintf(subject, sizeof subject, "%s", b.address);
        struct finding *x = finding_of(f, RULE_bind_conflict, subject);
        if (!x->evidence.count) x->severity = SEVERITY_NOTE;
        if (!its_own && !found_a_way(t, i, &b))
            finding_worse(x, has != NONE && related(t, e->process, EVENT_AT(t, has)->process)
                                 ? SEVERITY_ERROR
                                 : SEVERITY_WARNING);
        finding_process(f, x, e->process);
        finding_thread(f, x, e->thread);
        finding_event(f, x, i);
        if (has == NONE) continue;
        finding_process(f, x, EVENT_AT(t, has)->process);
        finding_thread(f, x, EVENT_AT(t, has)->thread);
        finding_event(f, x, has);
    }
}

static event_id bind_of(const struct timeline *t, const struct finding *x, bool failed)
{
    for (size_t i = 0; i < x->evidence.count; i++) {
        const struct event *e = EVENT_AT(t, x->evidence.list[i]);
        if ((FT_GET(bind, e->record).error != 0) == failed) return x->evidence.list[i];
    }
    return NONE;
}

static void say_who(struct say *s, const struct timeline *t, event_id bind)
{
    char name[NAMES_TEXT];
    const struct event *e = EVENT_AT(t, bind);
    if (!t->threads[e->thread].is_main) say(s, "the thread `%s` of ", word_thread(name, t, e->thread));
    say(s, "%s", word_process(name, t, e->process));
}

void tell_bind_conflict(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char place[NAMES_TEXT];
    event_id failed = bind_of(t, x, true), has = bind_of(t, x, false);
    if (failed == NONE) return;
    say_who(title, t, failed);
    say(title, " could not bind %s: ", x->subject);
    if (has == NONE)
        say(title, "something outside of this run has it.");
    else if (EVENT_AT(t, has)->process == EVENT_AT(t, failed)->process)
        say(title, "the same process has it already.");
    else
        say_who(title, t, has), say(title, " has it.");
    say(why, "bind() failed with EADDRINUSE");
    if (*word_place(place, t, failed)) say(why, " at %s", place);
    if (has != NONE) {
        say(why, "; bound ");
        say_duration(why, t->events[failed].ns - t->events[has].ns);
        say(why, " earlier");
        if (*word_place(place, t, has)) say(why, " at %s", place);
    }
    say(why, ".");
    if (x->severity == SEVERITY_NOTE) say(why, " It went on with another address or got it later.");
}
