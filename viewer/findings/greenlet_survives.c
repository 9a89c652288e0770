/*
 * greenlet_survives.c: greenlet-survives-fork: a greenlet of the program goes
 * on in a forked child and in its parent. The event loop itself does so in
 * every such child, and so does who called the fork: neither is told.
 */
#include <string.h>

#include "find.h"

static bool is_gevents(const struct thread *g) { return g->type && !strncmp(g->type, "gevent.", 7); }

/* gevent's and eventlet's own: of use to the child's event loop. */
static bool is_plumbing(const struct thread *g)
{
    return g->hub || (g->python.file && (strstr(g->python.file, "-packages/gevent/") ||
                                         strstr(g->python.file, "-packages/eventlet/")));
}

/* The child soon ended it, or ended: it does not do the work twice. */
static bool is_ended(const struct thread *g)
{
    return g->end != NEVER && g->how == THREAD_RETURNED && g->end - g->start < LIVES_ON;
}

void find_greenlet_survives(struct findings *f)
{
    const struct timeline *t = f->timeline;
    char name[NAMES_TEXT];
    for (thread_id i = 0; i < t->thread_count; i++) {
        const struct thread *g = &t->threads[i];
        if (g->copy_of == NONE || g->forker || is_plumbing(g) || is_ended(g)) continue;
        if (!lives_on(t, g->process)) continue;
        thread_id original = timeline_greenlet_origin(t, i);
        struct finding *x = finding_of(f, RULE_greenlet_survives, word_thread(name, t, original));
        finding_process(f, x, t->threads[g->copy_of].process);
        finding_process(f, x, g->process);
        finding_thread(f, x, original);
        finding_event(f, x, g->create);
        finding_event(f, x, t->processes[g->process].fork);
    }
}

void tell_greenlet_survives(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char place[NAMES_TEXT], name[NAMES_TEXT];
    if (!x->threads.count) return;
    const struct thread *g = &t->threads[x->threads.list[0]];
    bool many = x->threads.count > 1;
    word_place(place, t, g->create);
    say_threads(title, t, &x->threads);
    if (*place)
        say(title, ", spawned at %s in %s,", place, word_process(name, t, g->process));
    else
        say(title, " of %s", word_process(name, t, g->process));
    say(title, " run%s in ", many ? "" : "s");
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title, ": the fork copied %s.", many ? "them" : "it");
    say(why, "A thread does not survive a fork: only the one that calls it is copied. A greenlet does: it is "
             "no thread of the kernel but a piece of memory, run in turns by the very thread that forked. So "
             "each of these processes has its own, which does the work again and writes that process's own "
             "copy of every variable.");
    if (!g->python_name) return;
    say(why,
        " (It was started as a threading.Thread, which monkey patching makes a greenlet. The child's "
        "threading.enumerate() leaves it out, for Python takes it for a thread that the fork "
        "has lost%s.)",
        is_gevents(g) ? "; threading.current_thread() in it is a _DummyThread" : "");
}
