/*
 * thread_lost.c: threads that a fork did not copy, and whose work the child
 * needs: thread-lost-at-fork. The mere fact that a process with threads forked:
 * multithreaded-fork.
 */
#include <stdlib.h>
#include <string.h>

#include "find.h"

/* It was seen to start the same thread anew: nothing is missing. */
static bool has_its_own(const struct timeline *t, process_id p, thread_id lost)
{
    uint64_t kind = thread_kind(t, lost);
    if (!kind) return false;
    for (thread_id i = timeline_next_thread(t, p, NONE); i != NONE; i = timeline_next_thread(t, p, i))
        if (thread_kind(t, i) == kind) return true;
    return false;
}

/* A C library that tells libc what to do at a fork; CPython's handlers are for its own state. */
static bool is_prepared(const struct timeline *t, const struct event *e, const struct object *of)
{
    uint64_t handler = FT_GET(atfork, e->record).handler;
    if (of) return handler >= of->start && handler < of->end;
    struct named n = names_at(t, e->process, e->ns, handler);
    return n.object && strstr(n.object, ".so") && !strstr(n.object, "python");
}

/*
 * A C library that registers fork handlers knows of its threads and looks after
 * them: OpenBLAS, OpenMP, jemalloc. (jemalloc finds pthread_create behind our
 * back, with RTLD_NEXT: nobody saw what such a thread runs.)
 */
static bool is_looked_after(const struct timeline *t, thread_id lost)
{
    const struct thread *th = &t->threads[lost];
    if (th->python_name || th->python.name || is_unnamed_thread(t, lost)) return false;
    const struct object *o = timeline_object(t, th->process, th->start, th->start_routine);
    size_t count;
    const event_id *events = timeline_events_of_type(t, EVENT_ATFORK, &count);
    for (size_t i = 0; (o || !th->start_routine) && i < count; i++) {
        const struct event *e = EVENT_AT(t, events[i]);
        if (e->process == th->process && e->record && is_prepared(t, e, o)) return true;
    }
    return false;
}

/*
 * logging's QueueListener, whose child hands its records to it: a thread that feeds a queue between processes
 * runs in it. (A queue.Queue has none: what is put into that in the child, stays there.)
 */
static bool is_reached_by_queue(const struct timeline *t, process_id child, thread_id lost)
{
    const struct python_function *of = &t->threads[lost].python;
    if (!of->name || !of->file || !strstr(of->file, "/logging/handlers.py")) return false;
    for (thread_id i = timeline_next_thread(t, child, NONE); i != NONE; i = timeline_next_thread(t, child, i))
        if (t->threads[i].python.file && strstr(t->threads[i].python.file, "/multiprocessing/queues.py"))
            return true;
    return false;
}

static bool is_harmless(const struct timeline *t, process_id child, thread_id lost)
{
    return is_internal_thread(t, lost) || is_looked_after(t, lost) || is_fork_safe(t, lost) ||
           did_its_job(t, child, lost) || is_transient_thread(t, lost) || is_reached_by_queue(t, child, lost);
}

/* The global this thread went on writing while the child kept the old value; NONE. */
static global_id fed(const struct timeline *t, process_id child, thread_id lost)
{
    for (global_id g = 0; g < t->global_count && t->globals[g].diverged; g++) {
        copy_id mine = timeline_copy(t, g, child), parents = timeline_copy(t, g, t->threads[lost].process);
        if (mine == NONE || parents == NONE) continue;
        const struct copy *c = &t->copies[mine], *from = &t->copies[parents];
        if (!c->writes && from->writer == lost && from->written != NEVER && from->written > c->born) return g;
    }
    return NONE;
}

static void lost_in(struct findings *f, process_id p, const struct ghost *ghost)
{
    const struct timeline *t = f->timeline;
    char name[NAMES_TEXT];
    thread_id lost = ghost->thread;
    /* The parent's main thread is a ghost when another thread forked: it is no service to be missed. */
    if (lost >= t->thread_count || t->threads[lost].is_main || has_its_own(t, p, lost)) return;
    struct finding *x = finding_of(f, RULE_thread_lost, word_thread(name, t, lost));
    bool first = !x->processes.count;
    bool harmless = is_harmless(t, p, lost);
    if (first && harmless) x->severity = SEVERITY_NOTE;
    if (!harmless) finding_worse(x, SEVERITY_WARNING);
    global_id g = fed(t, p, lost);
    if (g != NONE) finding_worse(x, SEVERITY_ERROR);
    finding_process(f, x, p);
    finding_thread(f, x, lost);
    finding_global(f, x, g);
    finding_event(f, x, t->threads[lost].create);
    finding_event(f, x, ghost->fork);
}

void find_thread_lost(struct findings *f)
{
    const struct timeline *t = f->timeline;
    for (process_id p = 0; p < t->process_count; p++)
        for (size_t i = 0; lives_on(t, p) && i < t->processes[p].ghost_count; i++)
            lost_in(f, p, &t->processes[p].ghosts[i]);
}

/* What the thread runs: its Python function unless that is its name, too. */
static void say_target(struct say *s, const struct thread *th, const char *name)
{
    char text[NAMES_TEXT];
    if (th->python.name && strcmp(th->python.name, name))
        say(s, " (running %s)", names_python(text, sizeof text, &th->python));
}

static void say_fed(struct say *s, const struct timeline *t, global_id g)
{
    char name[512], safe[NAMES_TEXT];
    int n = global_format(&t->globals[g], name, sizeof name);
    text_escape(safe, sizeof safe, name, n < (int)sizeof name ? (size_t)n : sizeof name - 1);
    say(s, " What it writes to `%s` is not seen there.", safe);
}

void tell_thread_lost(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char name[NAMES_TEXT], place[NAMES_TEXT], fork[NAMES_TEXT];
    if (!x->threads.count) return;
    const struct thread *th = &t->threads[x->threads.list[0]];
    bool many = x->threads.count > 1;
    word_thread(name, t, x->threads.list[0]);
    word_place(place, t, th->create);
    say_threads(title, t, &x->threads);
    if (!many) say_target(title, th, name);
    say(title, *place ? ", started at %s in %s," : "%s of %s", place, word_process(name, t, th->process));
    say(title, "%s not exist in ", many ? " do" : " does");
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title, ".");

    say(why, "A fork copies only the thread that calls it");
    const struct process *child = &t->processes[x->processes.list[0]];
    if (child->fork != NONE && *word_place(fork, t, child->fork))
        say(why, " (%s of the %s, in %s)",
            t->threads[child->created_by].is_main ? "the main thread" : "another thread",
            word_process(name, t, child->parent), fork);
    say(why, "; %s started before that", many ? "these were" : "this one was");
    if (*place && child->fork != NONE && t->events[child->fork].ns > th->start) {
        say(why, " (");
        say_duration(why, t->events[child->fork].ns - th->start);
        say(why, " earlier)");
    }
    say(why, ".");
    for (size_t i = 0; i < x->globals.count && i < 4; i++) say_fed(why, t, x->globals.list[i]);
}

/* --- multithreaded-fork ----------------------------------------------------------------------- */

void find_multithreaded_fork(struct findings *f)
{
    const struct timeline *t = f->timeline;
    char name[NAMES_TEXT];
    for (process_id p = 0; p < t->process_count; p++) {
        const struct process *child = &t->processes[p];
        bool forked = child->image_inherited && child->image_count < 2 && child->origin == ORIGIN_FORK;
        if (!forked || !child->ghost_count || child->parent == NONE) continue;
        struct finding *x = finding_of(f, RULE_multithreaded_fork, word_group(name, t, child->parent));
        finding_process(f, x, child->parent);
        for (size_t i = 0; i < child->ghost_count; i++) {
            if (child->ghosts[i].thread >= t->thread_count) continue;
            finding_thread(f, x, child->ghosts[i].thread);
            finding_event(f, x, t->threads[child->ghosts[i].thread].create);
        }
        finding_event(f, x, child->fork);
    }
}

void tell_multithreaded_fork(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char place[NAMES_TEXT], name[NAMES_TEXT];
    size_t forks = 0;
    for (size_t i = 0; i < x->evidence.count; i++)
        forks += EVENT_AT(t, x->evidence.list[i])->type == EVENT_FORK;
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title, " forked %zu time%s with ", forks, forks == 1 ? "" : "s");
    say_threads(title, t, &x->threads);
    say(title, " running.");
    for (size_t i = 0, told = 0; i < x->threads.count && told < 4; i++) {
        const struct thread *th = &t->threads[x->threads.list[i]];
        if (!*word_place(place, t, th->create)) continue;
        say(why, "%s`%s` was started at %s", told++ ? ", " : "", word_thread(name, t, x->threads.list[i]),
            place);
    }
    say(why, "%sOnly async-signal-safe calls are allowed in such a child before it execs.",
        why->used ? ". " : "");
}
