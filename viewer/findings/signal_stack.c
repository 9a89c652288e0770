/*
 * signal_stack.c: the other half of handler-replaced: a handler installed
 * without SA_ONSTACK in a process with Go in it. Go runs its code on stacks of
 * a few kilobytes and gives each thread another one for signals. Its runtime
 * sets the flag on the handlers it finds when it starts, not on later ones.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>

#include "find.h"

#define SUBJECT " without SA_ONSTACK"

static bool is_gos(const struct timeline *t, const struct event *e, uint64_t address)
{
    return names_has_section(t, e->process, e->ns, address, ".note.go.buildid");
}

/* It installs a handler that runs on the stack of whatever the signal meets. */
static bool lacks_it(const struct event *e)
{
    if (e->type != EVENT_SIGACTION || !e->record) return false;
    struct ft_sigaction r = FT_GET(sigaction, e->record);
    return r.new_handler != (uint64_t)(uintptr_t)SIG_DFL && r.new_handler != (uint64_t)(uintptr_t)SIG_IGN &&
           !(r.flags & SA_ONSTACK);
}

/* The first event that shows Go in a process, or in the one it was forked from: it handles signals, or has
 * threads. */
static event_id go_in(const struct timeline *t, process_id p)
{
    size_t count;
    for (size_t guard = 0; p != NONE && guard < t->process_count; guard++) {
        const event_id *installs = timeline_installs_of(t, p, &count);
        for (size_t i = 0; i < count; i++) {
            const struct event *e = EVENT_AT(t, installs[i]);
            struct ft_sigaction r = FT_GET(sigaction, e->record);
            if (r.flags & SA_ONSTACK && is_gos(t, e, r.new_handler)) return installs[i]; /* its own have it */
        }
        uint64_t last = 0;
        for (thread_id i = timeline_next_thread(t, p, NONE); i != NONE; i = timeline_next_thread(t, p, i)) {
            const struct thread *th = &t->threads[i];
            bool another = th->create != NONE && th->start_routine != last;
            last = th->start_routine;
            if (another && is_gos(t, EVENT_AT(t, th->create), th->start_routine)) return th->create;
        }
        p = t->processes[p].image_inherited && t->processes[p].image_count < 2 ? t->processes[p].parent
                                                                               : NONE;
    }
    return NONE;
}

void find_signal_stack(struct findings *f, process_id p)
{
    const struct timeline *t = f->timeline;
    char signal[TEXT_SHORT], handler[NAMES_TEXT], subject[NAMES_TEXT];
    size_t count;
    const event_id *installs = timeline_installs_of(t, p, &count);
    size_t first = 0;
    while (first < count && !lacks_it(EVENT_AT(t, installs[first]))) first++;
    event_id go = first < count ? go_in(t, p) : NONE;
    for (size_t i = first; i < count && go != NONE; i++) {
        const struct event *e = EVENT_AT(t, installs[i]);
        if (installs[i] < go || !lacks_it(e)) continue;
        struct ft_sigaction r = FT_GET(sigaction, e->record);
        if (is_gos(t, e, r.new_handler)) continue;
        struct named n = names_at(t, e->process, e->ns, r.new_handler);
        names_function(handler, sizeof handler, &n);
        snprintf(subject, sizeof subject, "%s %.180s" SUBJECT, text_signal(signal, r.signal), handler);
        struct finding *x = finding_of(f, RULE_handler_replaced, subject);
        x->fix = "Set SA_ONSTACK in sa_flags of every handler of a program that has Go in it (os/signal: Go "
                 "programs that use non-Go code); signal() cannot: use sigaction().";
        finding_process(f, x, p);
        finding_thread(f, x, e->thread);
        finding_event(f, x, go);
        finding_event(f, x, installs[i]);
    }
}

bool tell_signal_stack(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char place[NAMES_TEXT], name[NAMES_TEXT], signal[TEXT_SHORT], go[NAMES_TEXT] = "";
    size_t length = strlen(x->subject), suffix = strlen(SUBJECT);
    if (length < suffix || strcmp(x->subject + length - suffix, SUBJECT)) return false;
    event_id shows = x->evidence.list[0], last = NONE;
    for (size_t i = 0; i < x->evidence.count; i++)
        if (lacks_it(EVENT_AT(t, x->evidence.list[i]))) last = x->evidence.list[i];
    if (last == NONE) return true;
    const struct event *e = EVENT_AT(t, shows);
    uint64_t address = e->type == EVENT_SIGACTION ? FT_GET(sigaction, e->record).new_handler
                       : e->child != NONE         ? t->threads[e->child].start_routine
                                                  : 0;
    struct named n = names_at(t, e->process, e->ns, address);
    if (n.object) text_escape(go, sizeof go, n.object, strlen(n.object));
    const struct event *is = EVENT_AT(t, last);
    struct ft_sigaction r = FT_GET(sigaction, is->record);
    struct named handler = names_at(t, is->process, is->ns, r.new_handler);
    say(title, "In ");
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title,
        " the handler %s of %s was installed without SA_ONSTACK, and %s brings Go, whose stacks are small.",
        names_function(name, sizeof name, &handler), text_signal(signal, r.signal), go);
    if (*word_place(place, t, last)) say(why, "It was installed at %s. ", place);
    say(why, "If the signal meets a thread that runs Go code, the handler runs on that stack of a few "
             "kilobytes, and overruns it; if it hands the signal on to Go's handler, Go ends the program.");
    return true;
}
