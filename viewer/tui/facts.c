/* facts.c: lanes in words, and what all facts are made of. Events: facts_event.c. */
#define _GNU_SOURCE
#include "facts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/names.h"
#include "viewer/text.h"
#include "viewer/tree.h"
#include "window.h"

void facts_free(struct facts *f)
{
    for (size_t i = 0; i < f->count; i++) free(f->fact[i].value);
    free(f->fact);
    f->fact = NULL;
    f->count = f->room = 0;
}

void facts_add(struct facts *f, const char *key, enum style style, const char *format, ...)
{
    if (f->count == f->room) {
        size_t room = f->room ? 2 * f->room : 32;
        struct fact *fact = realloc(f->fact, room * sizeof *fact);
        if (!fact) return;
        f->fact = fact;
        f->room = room;
    }
    va_list list;
    va_start(list, format);
    char *value;
    if (vasprintf(&value, format, list) >= 0) f->fact[f->count++] = (struct fact){key, value, (uint8_t)style};
    va_end(list);
}

/* --- words ------------------------------------------------------------------------------------ */

static const char *name_at(const struct timeline *t, process_id p, int64_t ns, uint64_t address,
                           char buffer[NAMES_TEXT])
{
    struct named n = names_at(t, p, ns, address);
    return names_text(buffer, NAMES_TEXT, &n);
}

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash && slash[1] ? slash + 1 : path;
}

const char *process_name(const struct timeline *t, process_id process)
{
    if (process >= t->process_count) return "?";
    const struct process *p = &t->processes[process];
    if (p->role && *p->role) return p->role;
    const char *exe = p->image_count ? base_name(p->images[p->image_count - 1].exe) : NULL;
    return exe && *exe ? exe : "process";
}

const char *thread_name(const struct timeline *t, thread_id thread, char *buffer, size_t size)
{
    if (thread >= t->thread_count) return "?";
    const struct thread *it = &t->threads[thread];
    if (it->is_main) return process_name(t, it->process);
    if (it->python_name && *it->python_name) return it->python_name;
    if (it->name && *it->name) return it->name;
    if (it->hub) return "event loop";
    if (it->kind == THREAD_GREENLET) return it->python.name ? it->python.name : "greenlet";
    if (!names_routine(buffer, size, t, thread)) snprintf(buffer, size, "thread %u", it->tid);
    return buffer;
}

const char *thread_label(const struct timeline *t, thread_id thread, char *buffer, size_t size)
{
    if (thread >= t->thread_count || t->threads[thread].is_main) return thread_name(t, thread, buffer, size);
    char name[200], place[300];
    const char *text = thread_name(t, thread, name, sizeof name);
    const struct thread *it = &t->threads[thread];
    struct python_function at = it->python;
    if (it->create < t->event_count) names_python_caller(t, EVENT_AT(t, it->create), &at);
    if (!at.file || !*at.file) return text == name ? (snprintf(buffer, size, "%s", name), buffer) : text;
    snprintf(place, sizeof place, "%s:%u", base_name(at.file), at.line);
    snprintf(buffer, size, "%s (%s)", text, place);
    return buffer;
}

const char *end_text(const struct process *p, char *buffer, size_t size)
{
    if (p->how == END_EXIT && p->status >= 0)
        snprintf(buffer, size, "exit %d", p->status);
    else if (p->how == END_SIGNAL && p->signal > 0)
        text_signal(buffer, p->signal);
    else
        snprintf(buffer, size, "%s", process_end_name(p->how));
    return buffer;
}

void facts_add_process(struct facts *f, const char *key, process_id p)
{
    if (p < f->timeline->process_count)
        facts_add(f, key, STYLE_PROCESS, "%s, pid %u", process_name(f->timeline, p),
                  f->timeline->processes[p].pid);
}

void facts_add_thread(struct facts *f, const char *key, thread_id thread)
{
    char name[200];
    if (thread >= f->timeline->thread_count) return;
    const struct thread *t = &f->timeline->threads[thread];
    if (t->is_main) {
        facts_add_process(f, key, t->process);
        return;
    }
    if (t->kind == THREAD_GREENLET) {
        facts_add(f, key, STYLE_THREAD, "%s, a greenlet of %s",
                  thread_name(f->timeline, thread, name, sizeof name), process_name(f->timeline, t->process));
        return;
    }
    facts_add(f, key, STYLE_THREAD, "%s, tid %u, of %s", thread_name(f->timeline, thread, name, sizeof name),
              t->tid, process_name(f->timeline, t->process));
}

void facts_add_address(struct facts *f, const char *key, const struct event *e, uint64_t address)
{
    char name[NAMES_TEXT];
    if (address)
        facts_add(f, key, STYLE_NORMAL, "%s", name_at(f->timeline, e->process, e->ns, address, name));
}

void facts_add_python(struct facts *f, const char *key, struct python_function function)
{
    char text[NAMES_TEXT];
    if (function.name) facts_add(f, key, STYLE_PYTHON, "%s", names_python(text, sizeof text, &function));
}

void facts_add_mask(struct facts *f, const char *key, uint64_t mask)
{
    char text[1200] = "", name[TEXT_SHORT];
    size_t used = 0;
    for (int s = 1; s <= 64 && used < sizeof text - TEXT_SHORT; s++)
        if (mask >> (s - 1) & 1)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used ? " " : "",
                                     text_signal(name, s));
    facts_add(f, key, STYLE_NORMAL, "%s", used ? text : "none");
}

/* --- lanes ------------------------------------------------------------------------------------ */

static void time_fact(struct facts *f, const char *key, int64_t ns, const char *note)
{
    char text[TEXT_SHORT];
    facts_add(f, key, STYLE_NORMAL, "%s%s", time_text(ns, 1000, text, sizeof text), note);
}

static void created_facts(struct facts *f, thread_id by, process_id parent, event_id event)
{
    if (by != NONE)
        facts_add_thread(f, "created by", by);
    else
        facts_add_process(f, "parent", parent);
    if (event < f->timeline->event_count) facts_add_stack(f, EVENT_AT(f->timeline, event));
}

static void image_facts(struct facts *f, const struct process *p)
{
    for (size_t i = p->image_count; i-- > 0;) {
        const struct image *image = &p->images[i];
        char *line = NULL;
        size_t size;
        FILE *out = open_memstream(&line, &size);
        if (!out) return;
        for (size_t a = 0; a < image->argc && image->argv && image->argv[a] && ftell(out) < 4000; a++)
            fprintf(out, "%s%s", a ? " " : "", image->argv[a]);
        fclose(out);
        facts_add(f, i + 1 == p->image_count ? "runs" : "was", STYLE_NORMAL, "%s", line && *line ? line : image->exe ?: "?");
        free(line);
    }
}

static void signal_facts(struct facts *f, process_id process)
{
    const struct process *p = &f->timeline->processes[process];
    struct event at = {.process = process, .ns = p->end == NEVER ? f->timeline->end : p->end};
    for (size_t i = 0; i < p->disposition_count; i++) {
        const struct disposition *d = &p->dispositions[i];
        char name[TEXT_SHORT], handler[NAMES_TEXT] = "ignored";
        if (d->kind == DISPOSITION_HANDLER) name_at(f->timeline, process, at.ns, d->handler, handler);
        facts_add(f, i ? "" : "signals", STYLE_NORMAL, "%s %s%s", text_signal(name, d->signal), handler,
                  d->inherited ? ", inherited" : "");
    }
    if (p->mask_at_birth) facts_add_mask(f, "born blocking", p->mask_at_birth);
}

void facts_process(struct facts *f, process_id process)
{
    const struct timeline *t = f->timeline;
    const struct process *p = &t->processes[process];
    char end[TEXT_SHORT], from[NAMES_TEXT];
    facts_add(f, "process", STYLE_PROCESS, "%s, pid %u", process_name(t, process), p->pid);
    for (uint32_t g = 0; g < p->ghost_count; g++) {
        char name[200];
        facts_add(f, g ? "" : "lost", STYLE_GHOST, "† %s",
                  thread_name(t, p->ghosts[g].thread, name, sizeof name));
    }
    image_facts(f, p);
    time_fact(f, "born", p->start,
              p->found        ? ", or before: it ran already"
              : p->birth_lost ? ", or before: its birth is lost"
                              : "");
    if (p->end != NEVER) {
        time_fact(f, "ended", p->end, p->end_inferred ? ", at the latest" : "");
        bool bad = process_ended_badly(p), told = !bad && p->how == END_EXIT && p->status > 0;
        facts_add(f, "how", bad ? STYLE_TROUBLE : STYLE_NORMAL, "%s%s", end_text(p, end, sizeof end),
                  told ? ": so uWSGI's workers end when they are told to" : "");
        if (p->killed_by != NONE && *tree_sender(from, sizeof from, t, p->killed_by))
            facts_add(f, "sent by", STYLE_SIGNAL, "%s", from);
        if (p->out_of_memory) facts_add(f, NULL, STYLE_TROUBLE, "out of memory: the kernel chose it");
        facts_add_process(f, "reaped by", p->reaped_by);
    } else {
        facts_add(f, "ended", STYLE_LIVE, "not yet");
    }
    created_facts(f, p->created_by, p->parent, p->fork);
    if (p->coverage != COVERAGE_FULL || p->coverage_reason)
        facts_add(f, "coverage", STYLE_TROUBLE, "%s",
                  p->coverage_reason ? p->coverage_reason : "not all was seen");
    signal_facts(f, process);
}

static void greenlet_facts(struct facts *f, thread_id greenlet)
{
    const struct thread *g = &f->timeline->threads[greenlet];
    struct python_function frame;
    facts_add_thread(f, "greenlet", greenlet);
    facts_add_python(f, "runs", g->python);
    if (g->type) facts_add(f, "type", STYLE_PYTHON, "%s", g->type);
    facts_add_thread(f, "on", g->runs_on);
    if (g->copy_of != NONE) {
        facts_add_thread(f, "copied from", g->copy_of);
        facts_add(f, NULL, STYLE_NORMAL,
                  "a greenlet is memory, which a fork copies, run by the thread that forked: it goes on in "
                  "parent and child. Python's threading does not list it here");
    }
    time_fact(f, "first seen", g->start, "");
    if (g->create < f->timeline->event_count) facts_add_stack(f, EVENT_AT(f->timeline, g->create));
    if (g->end != NEVER) time_fact(f, g->how == THREAD_RETURNED ? "gone by" : "ended", g->end, "");
    for (size_t i = 0; timeline_greenlet_frame(f->timeline, greenlet, i, &frame); i++)
        facts_add_python(f, i ? "" : "last seen in", frame);
}

void facts_thread(struct facts *f, thread_id thread)
{
    const struct thread *t = &f->timeline->threads[thread];
    if (t->kind == THREAD_GREENLET) {
        greenlet_facts(f, thread);
        return;
    }
    struct event at = {.process = t->process, .ns = t->start};
    char text[TEXT_SHORT];
    facts_add_thread(f, "thread", thread);
    facts_add_python(f, "runs", t->python);
    if (!t->python.name) facts_add_address(f, "runs", &at, t->start_routine);
    time_fact(f, "born", t->start, t->birth_lost ? ", or before: its birth is lost" : "");
    created_facts(f, t->created_by, t->process, t->create);
    if (t->end != NEVER) time_fact(f, "ended", t->end, "");
    facts_add(f, "how", STYLE_NORMAL, "%s", thread_end_name(t->how));
    if (t->cpu_ns >= 0) facts_add(f, "cpu", STYLE_NORMAL, "%s", text_duration(text, t->cpu_ns));
}

void facts_ghost(struct facts *f, process_id process, uint32_t ghost)
{
    const struct ghost *g = &f->timeline->processes[process].ghosts[ghost];
    char name[200];
    const char *text = thread_name(f->timeline, g->thread, name, sizeof name);
    facts_add(f, "lost", STYLE_GHOST, "† %s", text);
    facts_add(f, NULL, STYLE_GHOST,
              "fork copies only the thread that calls it: in %s this thread does not exist and "
              "does nothing, whatever the memory says",
              process_name(f->timeline, process));
    facts_add_thread(f, "runs on in", g->thread);
    if (g->fork < f->timeline->event_count) {
        time_fact(f, "lost at", f->timeline->events[g->fork].ns, "");
        facts_add_stack(f, EVENT_AT(f->timeline, g->fork));
    }
    if (g->thread < f->timeline->thread_count &&
        f->timeline->threads[g->thread].create < f->timeline->event_count) {
        const struct event *e = EVENT_AT(f->timeline, f->timeline->threads[g->thread].create);
        time_fact(f, "created", e->ns, "");
        facts_add_stack(f, e);
    }
}
