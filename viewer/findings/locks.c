/*
 * locks.c: locks whose owner is lost: lock-held-at-fork, and child-deadlock
 * where somebody waits for one.
 *
 * A mutex knows its owner. A semaphore does not: that a thread holds one is
 * what the library saw at the fork. Every Python thread holds one for as long
 * as it lives (its _tstate_lock, 3.11), and threading.Lock is one, too: which
 * of them matters is known when somebody waits, or if a global of the program's
 * is bound to it. (Those of Python's own modules are made anew after a fork.)
 */
#include <string.h>

#include "find.h"

#define LONG_WAIT (1000 * MS)

/* A thread of an ancestor that was not copied into this process. */
static bool is_ghost(const struct timeline *t, process_id p, thread_id owner)
{
    const struct process *process = &t->processes[p];
    for (size_t i = 0; i < process->ghost_count; i++)
        if (process->ghosts[i].thread == owner) return true;
    return process->image_count < 2 && process->image_inherited && process->parent != NONE &&
           t->threads[owner].process != p && is_ghost(t, process->parent, owner);
}

/* What the fork that made this process told of a lock: the lock-held event, or NONE. */
static event_id told_held(const struct timeline *t, process_id p, uint64_t address)
{
    struct at_fork a = at_fork(t, p);
    for (event_id i; (i = at_fork_next(t, &a, EVENT_LOCK_HELD)) != NONE;) {
        thread_id holder = EVENT_AT(t, i)->child;
        if (holder != NONE && FT_GET(held, EVENT_AT(t, i)->record).address == address &&
            is_ghost(t, p, holder))
            return i;
    }
    return NONE;
}

static bool is_python(const struct timeline *t, process_id p)
{
    if (t->processes[p].dark & DARK_PYTHON_NAMES) return true; /* there is one, and it was not looked into */
    for (thread_id i = timeline_next_thread(t, p, NONE); i != NONE; i = timeline_next_thread(t, p, i))
        if (t->threads[i].python_name) return true;
    return false;
}

static const char python_fix[] =
    "Fork before the threads start, hold the lock around the fork (os.register_at_fork(before=lock.acquire, "
    "after_in_parent=lock.release, after_in_child=lock.release)), or start the child with subprocess or "
    "multiprocessing's 'spawn'.";

/* --- child-deadlock --------------------------------------------------------------------------- */

/* The thread that will never release it, and the event that told so; NONE: no proof. */
static thread_id lost_owner(const struct timeline *t, event_id wait, event_id *held)
{
    const struct event *e = EVENT_AT(t, wait);
    struct wait_of w = wait_of(e);
    *held = NONE;
    if (w.kind != FT_WAIT_mutex && w.kind != FT_WAIT_rwlock_read && w.kind != FT_WAIT_rwlock_write &&
        w.kind != FT_WAIT_spin && w.kind != FT_WAIT_sem)
        return NONE;
    *held = told_held(t, e->process, w.address);
    if (e->child != NONE)
        return !timeline_owner_alive(t, e) && is_ghost(t, e->process, e->child) ? e->child : NONE;
    return *held == NONE ? NONE : EVENT_AT(t, *held)->child;
}

/* A process of one thread never waits for the GIL, unless a thread that was not copied had its hand on it. */
static thread_id gil_ghost(const struct timeline *t, event_id wait)
{
    const struct event *e = EVENT_AT(t, wait);
    const struct process *p = &t->processes[e->process];
    bool proof = p->ghost_count && is_gil(t, e) && timeline_alone(t, e);
    return proof && p->ghosts[0].thread < t->thread_count ? p->ghosts[0].thread : NONE;
}

/* It was going on at the end, and its call has no time limit (CPython renews its waits for the GIL). */
static bool is_endless(const struct timeline *t, const struct event *e)
{
    return e->flags & EVENT_UNFINISHED && (timeline_timed(e) != FT_TIMED || is_gil(t, e));
}

void find_child_deadlock(struct findings *f)
{
    const struct timeline *t = f->timeline;
    char name[NAMES_TEXT];
    size_t count;
    const event_id *events = timeline_events_of_type(t, EVENT_LOCK_WAIT, &count);
    for (size_t k = 0; k < count; k++) {
        event_id i = events[k];
        const struct event *e = EVENT_AT(t, i);
        if (!e->record) continue;
        bool endless = is_endless(t, e);
        if (!endless && timeline_duration(t, e) < LONG_WAIT) continue;
        if (!t->processes[e->process].image_inherited || e->image) continue;
        event_id held = NONE;
        thread_id owner = lost_owner(t, i, &held);
        bool gil = owner == NONE && endless && (owner = gil_ghost(t, i)) != NONE;
        if (owner == NONE) continue;
        struct wait_of w = wait_of(e);
        struct finding *x =
            finding_of(f, RULE_child_deadlock, gil ? "GIL" : word_lock(name, t, e, w.address, w.kind, owner));
        if (!endless && !x->processes.count) x->severity = SEVERITY_WARNING; /* a timed wait */
        if (endless) finding_worse(x, SEVERITY_ERROR);
        finding_process(f, x, e->process);
        finding_thread(f, x, e->thread);
        finding_thread(f, x, owner);
        finding_event(f, x, i);
        finding_event(f, x, held);
        finding_event(f, x, t->threads[owner].create);
        finding_event(f, x, t->processes[e->process].fork);
    }
}

static event_id first_wait(const struct timeline *t, const struct finding *x)
{
    for (size_t i = 0; i < x->evidence.count; i++)
        if (EVENT_AT(t, x->evidence.list[i])->type == EVENT_LOCK_WAIT) return x->evidence.list[i];
    return NONE;
}

/* Of the threads of a finding, one that is no thread of this process. */
static thread_id stranger(const struct timeline *t, const struct finding *x, process_id p)
{
    for (size_t i = 0; i < x->threads.count; i++)
        if (t->threads[x->threads.list[i]].process != p) return x->threads.list[i];
    return NONE;
}

void tell_child_deadlock(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char name[NAMES_TEXT], place[NAMES_TEXT];
    event_id wait = first_wait(t, x);
    if (wait == NONE) return;
    const struct event *e = EVENT_AT(t, wait);
    thread_id owner = stranger(t, x, e->process);
    bool gil = !strcmp(x->subject, "GIL"), endless = is_endless(t, e),
         unfinished = e->flags & EVENT_UNFINISHED;
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title, "%s%s for %s%s", x->processes.count == 1 ? " waits" : " wait", endless ? " for ever" : "",
        gil ? "Python's interpreter lock (GIL)" : "", gil ? "" : x->subject);
    if (!gil && wait_of(e).kind == FT_WAIT_sem && is_python(t, t->processes[e->process].parent))
        x->fix = python_fix;
    if (gil)
        x->fix =
            "uWSGI: add --enable-threads (and --py-call-osafterfork), or start the thread after the fork "
            "(@postfork). Elsewhere: fork with os.fork(), or tell Python with PyOS_AfterFork_Child().";
    if (owner == NONE) return;
    say(title,
        gil ? ": the thread `%s`, which asked for it, does not exist there."
            : ": its owner, the thread `%s`, does not exist there.",
        word_thread(name, t, owner));
    say(why, "`%s`", word_thread(name, t, owner));
    if (*word_place(place, t, t->threads[owner].create)) say(why, ", started at %s,", place);
    say(why, gil ? " was using Python" : " held the lock");
    say(why, " when %s forked", word_process(name, t, t->threads[owner].process));
    event_id fork = t->processes[e->process].fork;
    if (*word_place(place, t, fork)) say(why, " in %s", place);
    say(why, "; the fork copied the lock as it was, but not the thread. The wait");
    if (!endless && unfinished) say(why, ", which has a time limit,");
    if (unfinished && t->processes[e->process].how == END_VANISHED) {
        say(why, " was going on when the process was last heard of");
    } else {
        say(why, unfinished ? " lasted to the end, " : " took ");
        say_duration(why, timeline_duration(t, e));
    }
    if (*names_caller(place, sizeof place, t, e)) say(why, ", in %s", place);
    say(why, ".");
}

/* --- lock-held-at-fork ------------------------------------------------------------------------ */

/* The child of the fork a lock-held event tells of: the fork names its main thread. */
static process_id child_of(const struct timeline *t, ft_ref fork, process_id parent)
{
    thread_id main = timeline_task(t, fork);
    process_id p = main == NONE ? NONE : t->threads[main].process;
    return p != NONE && t->processes[p].parent == parent ? p : NONE;
}

/* A lock that a global of the program's was bound to at the fork, and that was not made anew in the child. */
static bool is_still_bound(const struct timeline *t, process_id parent, process_id child, uint64_t address)
{
    copy_id bound = timeline_lock(t, parent, address);
    if (bound == NONE) return false;
    copy_id own = timeline_copy(t, t->copies[bound].global, child);
    struct value now = own == NONE ? t->copies[bound].last : t->copies[own].last;
    return now.kind == FT_PY_KIND_lock && now.bits == address;
}

static bool waited_for(const struct timeline *t, process_id p, uint64_t address)
{
    size_t count;
    const event_id *events = timeline_events_of(t, p, &count);
    for (size_t i = 0; i < count; i++) {
        const struct event *e = EVENT_AT(t, events[i]);
        if (e->type == EVENT_LOCK_WAIT && e->record && wait_of(e).address == address) return true;
    }
    return false;
}

void find_lock_held(struct findings *f)
{
    const struct timeline *t = f->timeline;
    char name[NAMES_TEXT];
    size_t count;
    const event_id *events = timeline_events_of_type(t, EVENT_LOCK_HELD, &count);
    for (size_t k = 0; k < count; k++) {
        event_id i = events[k];
        const struct event *e = EVENT_AT(t, i);
        if (!e->record || e->child == NONE || e->child == e->thread) continue;
        struct ft_held held = FT_GET(held, e->record);
        process_id child = child_of(t, held.fork, e->process);
        if (child == NONE || !lives_on(t, child) || !is_ghost(t, child, e->child)) continue;
        if (held.kind == FT_WAIT_sem && is_python(t, e->process) &&
            !is_still_bound(t, e->process, child, held.address))
            continue;
        struct named n = names_at(t, e->process, e->ns, held.address);
        if (n.symbol && !strcmp(n.symbol, "_PyRuntime")) continue; /* CPython makes these anew in the child */
        struct finding *x =
            finding_of(f, RULE_lock_held, word_lock(name, t, e, held.address, held.kind, e->child));
        if (!x->processes.count) x->severity = SEVERITY_NOTE;
        if (!did_its_job(t, child, e->child) || waited_for(t, child, held.address))
            finding_worse(x, SEVERITY_WARNING);
        finding_process(f, x, child);
        finding_thread(f, x, e->child);
        finding_event(f, x, i);
        finding_event(f, x, t->processes[child].fork);
        finding_event(f, x, t->threads[e->child].create);
    }
}

void tell_lock_held(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char name[NAMES_TEXT], place[NAMES_TEXT];
    if (!x->threads.count) return;
    const struct thread *th = &t->threads[x->threads.list[0]];
    if (is_python(t, th->process) && !strchr(x->subject, '(')) x->fix = python_fix;
    say(title, "%s was held by ", x->subject);
    say_threads(title, t, &x->threads);
    say(title, " of %s at the fork of ", word_process(name, t, th->process));
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title, ", where nobody can release it.");
    if (*word_place(place, t, th->create))
        say(why, "`%s` was started at %s. ", word_thread(name, t, x->threads.list[0]), place);
    say(why, "Whoever takes the lock in the child waits for ever.");
    if (x->severity == SEVERITY_NOTE)
        say(why, " %s did without it, and ended.", x->processes.count == 1 ? "This one" : "These");
}
