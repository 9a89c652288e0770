/*
 * global_diverged.c: global-diverged: copies of a global that were one before
 * a fork, and of which only some were written since.
 */
#include "find.h"

static bool written_after(const struct timeline *t, const struct copy *c, int64_t fork)
{
    return c->writes && c->written != NEVER && c->written > fork;
}

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

/* Wrote it after the copies went apart. */
static bool wrote(const struct timeline *t, const struct global *g, copy_id id)
{
    const struct copy *c = &t->copies[id];
    if (c->birth == COPY_BY_FORK && c->parent != NONE && written_after(t, c, c->born)) return true;
    int64_t fork = first_copied(t, g, id);
    return fork != NEVER && written_after(t, c, fork);
}

static void look(struct findings *f, global_id id)
{
    const struct timeline *t = f->timeline;
    const struct global *g = &t->globals[id];
    size_t writers = 0, waiting = 0;
    bool by_function = g->watched;
    for (size_t i = 0; i < g->count; i++) {
        copy_id c = g->first + (copy_id)i;
        bool writes = wrote(t, g, c),
             forked = t->copies[c].birth == COPY_BY_FORK && t->copies[c].parent != NONE;
        writers += writes;
        waiting += !writes && forked && lives_on(t, t->copies[c].process);
        by_function |= writes && !t->copies[c].by_module;
    }
    /* A script whose top level goes on after it forked: results and pids, no shared state. */
    if (!by_function || !writers) return;
    char name[512], subject[NAMES_TEXT];
    int n = snprintf(name, sizeof name, "%s.%s", g->module, g->name);
    text_escape(subject, sizeof subject, name, n < (int)sizeof name ? (size_t)n : sizeof name - 1);
    bool one_writer = writers == 1 && waiting;
    if (!one_writer && !g->watched && !waiting && writers < 2) return; /* the others were gone at once */
    struct finding *x = finding_of(f, RULE_global_diverged, subject);
    x->severity = one_writer ? SEVERITY_WARNING : SEVERITY_NOTE;
    finding_global(f, x, id);
    for (size_t i = 0; i < g->count; i++) {
        const struct copy *c = &t->copies[g->first + i];
        finding_process(f, x, c->process);
        if (wrote(t, g, g->first + (copy_id)i)) finding_thread(f, x, c->writer);
        if (c->birth == COPY_BY_FORK && c->parent != NONE) finding_event(f, x, t->processes[c->process].fork);
    }
}

void find_global_diverged(struct findings *f)
{
    for (global_id g = 0; g < f->timeline->global_count && f->timeline->globals[g].diverged; g++) look(f, g);
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
    char name[NAMES_TEXT];
    const char *slash = c->file;
    say(s, "%s it is ", word_process(name, t, c->process));
    say_value(s, c->last);
    say(s, ": %llu write%s there", (unsigned long long)c->writes, c->writes == 1 ? "" : "s");
    if (c->writer != NONE) {
        bool main = t->threads[c->writer].is_main;
        word_thread(name, t, c->writer);
        say(s, main ? ", the last by its %s" : ", the last by the thread `%s`", name);
    }
    for (const char *k = c->file; k && *k; k++)
        if (*k == '/') slash = k + 1;
    if (c->file) {
        text_escape(name, 80, slash, __builtin_strlen(slash));
        say(s, " at %s:%u", name, c->line);
    }
}

void tell_global_diverged(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    const struct global *g = &t->globals[x->globals.list[0]];
    uint32_t silent[64];
    const struct copy *writer = NULL, *old = NULL;
    size_t writers = 0, count = 0, told = 0;
    for (size_t i = 0; i < g->count; i++) {
        const struct copy *c = &t->copies[g->first + i];
        if (wrote(t, g, g->first + (copy_id)i)) {
            writers++;
            if (!writer) writer = c;
        } else if (c->birth == COPY_BY_FORK && c->parent != NONE) {
            if (count < 64) silent[count++] = c->process;
            if (!old) old = c;
        }
    }
    char name[NAMES_TEXT];
    if (!writer) return;
    if (writers == 1 && old) {
        say(title, "`%s` is ", x->subject);
        say_value(title, writer->last);
        say(title, " in %s but still ", word_process(name, t, writer->process));
        say_value(title, old->last);
        say(title, " in ");
        say_processes(title, t, silent, count);
        say(title, ": each has its own copy since the fork.");
    } else {
        say(title, "`%s`: %zu processes write each its own copy.", x->subject, writers);
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
