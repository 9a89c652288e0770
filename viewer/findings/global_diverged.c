/*
 * global_diverged.c: global-diverged: copies of a global that were one before
 * a fork, and of which only some were written since.
 */
#include "find.h"

static bool written_after(const struct copy *c, int64_t fork)
{
    return c->writes && c->written != NEVER && c->written > fork;
}

/* Different at a later look: a container that grew, a binding nobody saw. */
static bool changed_after(const struct copy *c, int64_t fork) { return c->changes && c->changed > fork; }

/* The first fork that copied this copy; NEVER: none did. */
static int64_t first_copied(const struct timeline *t, const struct global *g, copy_id from)
{
    int64_t first = NEVER;
    for (size_t i = 0; i < g->count; i++) {
        const struct copy *c = &t->copies[g->first + i];
        if (c->parent == from && (first == NEVER || c->born < first)) first = c->born;
    }
    return first;
}

static bool forked(const struct copy *c) { return c->birth == COPY_BY_FORK && c->parent != NONE; }

/* When this copy went apart from others first; NEVER: it did not. */
static int64_t apart(const struct timeline *t, const struct global *g, copy_id id)
{
    const struct copy *c = &t->copies[id];
    return forked(c) ? c->born : first_copied(t, g, id);
}

/* Wrote it, or changed it, after the copies went apart. */
static bool wrote(const struct timeline *t, const struct global *g, copy_id id)
{
    const struct copy *c = &t->copies[id];
    int64_t fork = apart(t, g, id);
    return fork != NEVER && (written_after(c, fork) || changed_after(c, fork));
}

/* The last that happened to it was a change whose writer was not seen. */
static bool unseen(const struct copy *c) { return c->changes && c->changed > c->written; }

static bool has_ghosts(const struct timeline *t, const struct global *g, copy_id parent)
{
    for (size_t i = 0; i < g->count; i++) {
        const struct copy *c = &t->copies[g->first + i];
        if (c->parent == parent && t->processes[c->process].ghost_count) return true;
    }
    return false;
}

/*
 * More than a script whose top level goes on after it forked, with results and
 * pids. A container's writer is not known: in a parent without other threads it
 * keeps a list of its children.
 */
static bool by_function(const struct timeline *t, const struct global *g, copy_id id)
{
    const struct copy *c = &t->copies[id];
    if (!c->by_module && written_after(c, apart(t, g, id))) return true;
    return unseen(c) && (forked(c) || has_ghosts(t, g, id));
}

static void look(struct findings *f, global_id id)
{
    const struct timeline *t = f->timeline;
    const struct global *g = &t->globals[id];
    size_t writers = 0, waiting = 0;
    bool meant = g->watched;
    for (size_t i = 0; i < g->count; i++) {
        copy_id c = g->first + (copy_id)i;
        bool writes = wrote(t, g, c);
        writers += writes;
        waiting += !writes && forked(&t->copies[c]) && lives_on(t, t->copies[c].process);
        meant |= writes && by_function(t, g, c);
    }
    if (!meant || !writers) return;
    char name[512], subject[NAMES_TEXT];
    int n = global_format(g, name, sizeof name);
    text_escape(subject, sizeof subject, name, n < (int)sizeof name ? (size_t)n : sizeof name - 1);
    bool one_writer = writers == 1 && waiting;
    if (!one_writer && !g->watched && !waiting && writers < 2) return; /* the others were gone at once */
    struct finding *x = finding_of(f, RULE_global_diverged, subject);
    x->severity = one_writer ? SEVERITY_WARNING : SEVERITY_NOTE;
    finding_global(f, x, id);
    for (size_t i = 0; i < g->count; i++) {
        const struct copy *c = &t->copies[g->first + i];
        finding_process(f, x, c->process);
        if (wrote(t, g, g->first + (copy_id)i) && !unseen(c)) finding_thread(f, x, c->writer);
        if (forked(c)) finding_event(f, x, t->processes[c->process].fork);
    }
}

void find_global_diverged(struct findings *f)
{
    for (global_id g = 0; g < f->timeline->global_count && f->timeline->globals[g].diverged; g++)
        if (!f->timeline->globals[g].found) look(f, g);
}

static void say_value(struct say *s, struct value v)
{
    char text[160], safe[NAMES_TEXT];
    int n = value_format(v, text, sizeof text);
    text_escape(safe, sizeof safe, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
    say(s, "%s", safe);
}

/* "uwsgi master: 57, written 57 times by `ticker` at app.py:14" */
static void say_writer(struct say *s, const struct timeline *t, const struct copy *c)
{
    char name[NAMES_TEXT], where[NAMES_TEXT];
    say(s, "%s it is ", word_process(name, t, c->process));
    say_value(s, c->last);
    if (unseen(c)) {
        say(s, ", changed in place: by whom was not seen");
        return;
    }
    say(s, ": %llu write%s there", (unsigned long long)c->writes, c->writes == 1 ? "" : "s");
    if (c->writer != NONE) {
        bool main = t->threads[c->writer].is_main;
        word_thread(name, t, c->writer);
        say(s, main ? ", the last by its %s" : ", the last by the thread `%s`", name);
    }
    if (*names_written(where, sizeof where, t, c)) say(s, " at %s", where);
}

static void say_silent(struct say *s, const struct timeline *t, const char *has, const uint32_t *silent,
                       size_t count)
{
    say(s, "%s", has);
    say_processes(s, t, silent, count);
    say(s, ": each has its own copy since the fork.");
}

/* "grew from 3 to 57 items", "was changed in place", "is 57" */
static void title_of_one(struct say *s, const struct timeline *t, const struct copy *writer,
                         const struct copy *old, const uint32_t *silent, size_t count)
{
    char name[NAMES_TEXT];
    struct value now = writer->last, then = old->last;
    word_process(name, t, writer->process);
    bool alike = value_is_container(now) && now.kind == then.kind && unseen(writer);
    if (alike && now.bits == then.bits) {
        say(s, " was changed in place in %s", name);
        return say_silent(s, t, " but not in ", silent, count);
    }
    if (alike) {
        bool grew = now.bits > then.bits;
        say(s, " %s from %llu to %llu items in %s but still has %llu in ", grew ? "grew" : "shrank",
            (unsigned long long)then.bits, (unsigned long long)now.bits, name, (unsigned long long)then.bits);
        return say_silent(s, t, "", silent, count);
    }
    say(s, " is ");
    say_value(s, now);
    say(s, " in %s but still ", name);
    say_value(s, then);
    say_silent(s, t, " in ", silent, count);
}

/* Those that keep what they were born with; if no child does, their parent. */
static size_t silent_ones(const struct timeline *t, const struct global *g, bool parents, uint32_t *list,
                          size_t room, const struct copy **old)
{
    size_t count = 0;
    for (size_t i = 0; i < g->count; i++) {
        copy_id id = g->first + (copy_id)i;
        const struct copy *c = &t->copies[id];
        if (wrote(t, g, id) || (parents ? first_copied(t, g, id) == NEVER : !forked(c))) continue;
        if (!count) *old = c;
        if (count < room) list[count++] = c->process;
    }
    return count || parents ? count : silent_ones(t, g, true, list, room, old);
}

void tell_global_diverged(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    const struct global *g = &t->globals[x->globals.list[0]];
    uint32_t silent[64];
    const struct copy *writer = NULL, *old = NULL;
    size_t writers = 0, told = 0;
    for (size_t i = 0; i < g->count; i++) {
        if (!wrote(t, g, g->first + (copy_id)i)) continue;
        writers++;
        if (!writer) writer = &t->copies[g->first + i];
    }
    size_t count = silent_ones(t, g, false, silent, 64, &old);
    if (!writer) return;
    if (writers == 1 && old) {
        say(title, "`%s`", x->subject);
        title_of_one(title, t, writer, old, silent, count);
    } else {
        say(title,
            writers == 1 ? "`%s`: %zu process writes its own copy."
                         : "`%s`: %zu processes write each its own copy.",
            x->subject, writers);
    }
    for (size_t i = 0; i < g->count && told < 4; i++) {
        if (!wrote(t, g, g->first + (copy_id)i)) continue;
        say(why, told++ ? "; in " : "In ");
        say_writer(why, t, &t->copies[g->first + i]);
    }
    say(why, ".");
    if (count) {
        say(why, " Never written in ");
        say_processes(why, t, silent, count);
        say(why, ", which read%s the value of the fork.", count == 1 ? "s" : "");
    }
}
