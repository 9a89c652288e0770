/*
 * duplicate_thread.c: duplicate-thread: the same thread, started at the same
 * place, at the same time in several related processes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "find.h"

struct same {
    uint64_t kind;
    thread_id thread;
};

static int by_kind(const void *a, const void *b)
{
    const struct same *x = a, *y = b;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    return x->thread < y->thread ? -1 : x->thread > y->thread;
}

static process_id root_of(const struct timeline *t, process_id p)
{
    for (size_t guard = 0; t->processes[p].parent != NONE && guard <= t->process_count; guard++)
        p = t->processes[p].parent;
    return p;
}

static bool at_once(const struct timeline *t, const struct thread *a, const struct thread *b)
{
    int64_t a_end = a->end == NEVER ? t->end : a->end, b_end = b->end == NEVER ? t->end : b->end;
    return a->start < b_end && b->start < a_end;
}

/* Threads in C of sibling processes are what a pool of workers is made of; a parent's and its child's are
 * not. */
static bool counts(const struct timeline *t, const struct thread *a, const struct thread *b)
{
    if (a->process == b->process || !at_once(t, a, b) || root_of(t, a->process) != root_of(t, b->process))
        return false;
    bool python = a->python_name || a->python.name;
    return python || is_ancestor(t, a->process, b->process) || is_ancestor(t, b->process, a->process);
}

static bool had_bind_conflict(const struct timeline *t, thread_id thread)
{
    size_t count;
    const event_id *events = timeline_events_of(t, t->threads[thread].process, &count);
    for (size_t i = 0; i < count; i++) {
        const struct event *e = EVENT_AT(t, events[i]);
        if (e->type == EVENT_BIND && e->thread == thread && e->record &&
            FT_GET(bind, e->record).error == EADDRINUSE)
            return true;
    }
    return false;
}

static bool under_reloader(const struct timeline *t, process_id p)
{
    const char *role = t->processes[p].role;
    return role && strstr(role, "reload");
}

static void add(struct findings *f, struct finding *x, thread_id thread)
{
    const struct timeline *t = f->timeline;
    finding_process(f, x, t->threads[thread].process);
    finding_thread(f, x, thread);
    finding_event(f, x, t->threads[thread].create);
    if (had_bind_conflict(t, thread) || under_reloader(t, t->threads[thread].process))
        finding_worse(x, SEVERITY_WARNING);
}

void find_duplicate_thread(struct findings *f)
{
    const struct timeline *t = f->timeline;
    char name[NAMES_TEXT];
    struct same *list = malloc((t->thread_count + 1) * sizeof *list);
    size_t count = 0;
    if (!list) {
        f->failed = true;
        return;
    }
    for (thread_id i = 0; i < t->thread_count; i++)
        if (!is_internal_thread(t, i) && (list[count].kind = thread_kind(t, i))) list[count++].thread = i;
    if (count) qsort(list, count, sizeof *list, by_kind);
    for (size_t i = 1; i < count; i++) {
        thread_id a = list[i - 1].thread, b = list[i].thread;
        if (list[i].kind != list[i - 1].kind || !counts(t, &t->threads[a], &t->threads[b])) continue;
        struct finding *x = finding_of(f, RULE_duplicate_thread, word_thread(name, t, a));
        add(f, x, a), add(f, x, b);
    }
    free(list);
}

void tell_duplicate_thread(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char place[NAMES_TEXT], name[NAMES_TEXT];
    if (!x->threads.count) return;
    const struct thread *th = &t->threads[x->threads.list[0]];
    word_place(place, t, th->create);
    say(title, "The same thread `%s`%s%s%s runs in ", word_thread(name, t, x->threads.list[0]),
        *place ? ", started at " : "", place, *place ? "," : "");
    if (*place) say(title, "each of ");
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title, ".");
    for (size_t i = 0; i < x->threads.count; i++)
        if (had_bind_conflict(t, x->threads.list[i])) {
            say(why, "In %s it could not bind its address: the other one has it. ",
                word_process(name, t, t->threads[x->threads.list[i]].process));
            break;
        }
    for (size_t i = 0; i < x->processes.count; i++)
        if (under_reloader(t, x->processes.list[i])) {
            say(why, "The reloader runs the program twice: once to watch the files, once to serve.");
            break;
        }
    if (!why->used)
        say(why, "Each process started its own; a job that should be done once is done %zu times.",
            x->processes.count);
}
