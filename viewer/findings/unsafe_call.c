/*
 * unsafe_call.c: unsafe-call-after-fork: what a child of a process with threads
 * calls before it execs, and what may find a lock taken that nobody releases.
 *
 * How long such a lock is held decides how likely that is: localtime holds it
 * for a moment, getaddrinfo for as long as a name server takes. CPython calls
 * the former for a program's log lines, and there is nothing the program can do
 * about it but fork earlier: a note. glibc looks after pthread_create in a
 * child (its list of stacks): a note as well.
 */
#include <string.h>

#include "find.h"

#define LAST_WORD (1000 * MS)

/* Functions that share a lock are one subject. */
static const struct family {
    const char *name;
    uint32_t first, last;
    bool for_long; /* held while somebody else answers */
} families[] = {
    {"rand", FT_UNSAFE_rand, FT_UNSAFE_srandom, false},
    {"localtime", FT_UNSAFE_localtime, FT_UNSAFE_ctime, false},
    {"setenv", FT_UNSAFE_setenv, FT_UNSAFE_clearenv, false},
    {"dlopen", FT_UNSAFE_dlopen, FT_UNSAFE_dlclose, false},
    {"getaddrinfo", FT_UNSAFE_getaddrinfo, FT_UNSAFE_gethostbyname, true},
    {"getpwnam", FT_UNSAFE_getpwnam, FT_UNSAFE_getgrgid, true},
    {"syslog", FT_UNSAFE_syslog, FT_UNSAFE___vsyslog_chk, true},
    {"setlocale", FT_UNSAFE_setlocale, FT_UNSAFE_setlocale, false},
    {"pthread_create", FT_UNSAFE_pthread_create, FT_UNSAFE_pthread_create, false},
};

static const struct family *family_of(const struct event *e)
{
    uint32_t function = FT_GET(unsafe_call, e->record).function;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (function >= families[i].first && function <= families[i].last) return &families[i];
    return NULL;
}

static enum severity severity_of(const struct timeline *t, const struct event *e, const struct family *family)
{
    struct named n = names_at(t, e->process, e->ns, timeline_site(e));
    bool cpython = n.object && (strstr(n.object, "libpython") || !strncmp(n.object, "python", 6));
    if (family->first == FT_UNSAFE_pthread_create) return SEVERITY_NOTE;
    return cpython && !family->for_long ? SEVERITY_NOTE : SEVERITY_WARNING;
}

void find_unsafe_call(struct findings *f)
{
    const struct timeline *t = f->timeline;
    size_t count;
    const event_id *events = timeline_events_of_type(t, EVENT_UNSAFE_CALL, &count);
    for (size_t k = 0; k < count; k++) {
        event_id i = events[k];
        const struct event *e = EVENT_AT(t, i);
        if (!e->record || !t->processes[e->process].ghost_count) continue;
        const struct family *family = family_of(e);
        if (!family) continue; /* of a newer version */
        struct finding *x = finding_of(f, RULE_unsafe_call, family->name);
        if (!x->processes.count) x->severity = SEVERITY_NOTE;
        finding_worse(x, severity_of(t, e, family));
        finding_process(f, x, e->process);
        finding_event(f, x, t->processes[e->process].fork);
        finding_event(f, x, i);
    }
}

/* Nothing was heard of this thread after the call, for long. */
static bool last_word(const struct timeline *t, event_id call)
{
    const struct event *e = EVENT_AT(t, call);
    size_t count;
    const event_id *events = timeline_events_of(t, e->process, &count);
    return count && events[count - 1] == call && process_end_ns(t, e->process) - e->ns >= LAST_WORD;
}

void tell_unsafe_call(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char place[NAMES_TEXT];
    struct finding_ids ghosts = {0};
    uint32_t list[16];
    event_id call = NONE;
    for (size_t i = 0; i < x->evidence.count && call == NONE; i++)
        if (EVENT_AT(t, x->evidence.list[i])->type == EVENT_UNSAFE_CALL) call = x->evidence.list[i];
    if (call == NONE) return;
    const struct process *p = &t->processes[EVENT_AT(t, call)->process];
    ghosts.list = list;
    for (size_t i = 0; i < p->ghost_count && ghosts.count < 16; i++)
        if (p->ghosts[i].thread < t->thread_count) list[ghosts.count++] = p->ghosts[i].thread;
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title, " called %s()", text_unsafe(FT_GET(unsafe_call, EVENT_AT(t, call)->record).function));
    if (*word_place(place, t, call)) say(title, " in %s", place);
    say(title, ", after a fork that left ");
    say_threads(title, t, &ghosts);
    say(title, " behind and before an exec.");
    const struct family *family = family_of(EVENT_AT(t, call));
    if (family->first == FT_UNSAFE_pthread_create)
        say(why, "POSIX allows no such call there. glibc copes with this one; what the new thread calls may "
                 "not. ");
    else
        say(why, "It takes a lock of libc's, which the fork copied as it was: if one of the other threads "
                 "had it just "
                 "then, the child waits for ever. ");
    if (last_word(t, call)) {
        say(why, "It was the last thing seen of it, ");
        say_duration(why, process_end_ns(t, EVENT_AT(t, call)->process) - t->events[call].ns);
        say(why, " before its end: perhaps it does. ");
    }
    if (family->for_long)
        say(why, "This lock is held while a server answers.");
    else if (x->severity == SEVERITY_NOTE && family->first != FT_UNSAFE_pthread_create)
        say(why, "That is a matter of microseconds, and the call is Python's own.");
}
