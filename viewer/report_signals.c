/*
 * report_signals.c: who installed which handler over what, by process.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "report.h"
#include "text.h"
#include "tree.h"

static const char *handler(char *buffer, size_t size, const struct timeline *t, const struct event *e,
                           uint64_t address)
{
    if (address == (uint64_t)(uintptr_t)SIG_DFL)
        snprintf(buffer, size, "default");
    else if (address == (uint64_t)(uintptr_t)SIG_IGN)
        snprintf(buffer, size, "ignore");
    else {
        struct named n = names_at(t, e->process, e->ns, address);
        names_text(buffer, size, &n);
    }
    return buffer;
}

static void line(FILE *out, const struct timeline *t, const struct event *e)
{
    struct ft_sigaction record = FT_GET(sigaction, e->record);
    char signal[TEXT_SHORT], time[TEXT_SHORT], old[NAMES_TEXT], new[NAMES_TEXT];
    struct python_function python = timeline_python_handler(t, e);
    struct python_function replaced =
        e->child == NONE ? (struct python_function){0} : timeline_python_handler(t, EVENT_AT(t, e->child));
    handler(old, sizeof old, t, e, record.old_handler);
    handler(new, sizeof new, t, e, record.new_handler);
    if (replaced.name) names_python(old, sizeof old, &replaced);
    if (python.name) names_python(new, sizeof new, &python);
    fprintf(out, "    %12s  %-9s %s %s %s\n", text_time(time, e->ns), text_signal(signal, record.signal), old,
            text_unicode() ? "→" : "->", new);
}

/* In order; those that follow each other from one caller stand under its name. */
static void lines(FILE *out, const struct timeline *t, const event_id *list, size_t count)
{
    char caller[NAMES_TEXT], before[NAMES_TEXT] = "";
    for (size_t i = 0; i < count && i < REPORT_MANY; i++) {
        const struct event *e = EVENT_AT(t, list[i]);
        names_caller(caller, sizeof caller, t, e);
        if (!i || strcmp(caller, before))
            fprintf(out, "  %sby %s%s\n", text_ink(INK_DIM), *caller ? caller : "an unknown caller",
                    text_ink(INK_PLAIN));
        memcpy(before, caller, sizeof before);
        line(out, t, e);
    }
    if (count > REPORT_MANY) fprintf(out, "    ... and %zu more\n", count - REPORT_MANY);
}

static bool same_handler(const struct timeline *t, const struct disposition *a, const struct disposition *b)
{
    struct python_function x = timeline_python_handler(t, EVENT_AT(t, a->event)),
                           y = timeline_python_handler(t, EVENT_AT(t, b->event));
    if (!x.name || !y.name) return a->handler == b->handler && x.name == y.name;
    return !strcmp(x.name, y.name) && x.line == y.line;
}

static bool is_inherited(const struct disposition *d)
{
    return d->inherited && d->kind == DISPOSITION_HANDLER && d->event != NONE;
}

/* What a process never replaced since its parent forked it, in one line a handler. */
static void inherited(FILE *out, const struct timeline *t, process_id p)
{
    const struct process *process = &t->processes[p];
    const struct disposition *list = process->dispositions;
    for (size_t i = 0; i < process->disposition_count; i++) {
        bool first = is_inherited(&list[i]);
        for (size_t k = 0; k < i && first; k++)
            first = !is_inherited(&list[k]) || !same_handler(t, &list[k], &list[i]);
        if (!first) continue;
        char name[NAMES_TEXT], from[128], signal[TEXT_SHORT];
        const struct event *e = EVENT_AT(t, list[i].event);
        struct python_function python = timeline_python_handler(t, e);
        handler(name, sizeof name, t, e, list[i].handler);
        if (python.name) names_python(name, sizeof name, &python);
        fprintf(out, "  inherited from %s, to its end:", tree_process(from, sizeof from, t, e->process));
        for (size_t k = i; k < process->disposition_count; k++)
            if (is_inherited(&list[k]) && same_handler(t, &list[k], &list[i]))
                fprintf(out, " %s", text_signal(signal, list[k].signal));
        fprintf(out, " %s %s\n", text_unicode() ? "→" : "->", name);
    }
}

/* The installs of a process, in order; the caller frees. */
static event_id *installs(const struct timeline *t, process_id p, size_t *count)
{
    size_t all;
    const event_id *events = timeline_events_of(t, p, &all);
    *count = 0;
    for (size_t i = 0; i < all; i++) *count += EVENT_AT(t, events[i])->type == EVENT_SIGACTION;
    event_id *list = *count ? malloc(*count * sizeof *list) : NULL;
    size_t n = 0;
    for (size_t i = 0; list && i < all; i++)
        if (EVENT_AT(t, events[i])->type == EVENT_SIGACTION) list[n++] = events[i];
    if (!list) *count = 0;
    return list;
}

static bool same_install(const struct event *a, const struct event *b)
{
    struct ft_sigaction x = FT_GET(sigaction, a->record), y = FT_GET(sigaction, b->record);
    return x.signal == y.signal && x.old_handler == y.old_handler && x.new_handler == y.new_handler &&
           x.site == y.site && x.flags == y.flags && x.mask == y.mask;
}

/* Workers of one parent install the same: that is said, not repeated. */
static bool same_list(const struct timeline *t, const event_id *a, size_t na, const event_id *b, size_t nb)
{
    if (na != nb) return false;
    for (size_t i = 0; i < na; i++)
        if (!same_install(EVENT_AT(t, a[i]), EVENT_AT(t, b[i]))) return false;
    return true;
}

void report_signals(FILE *out, const struct timeline *t)
{
    event_id *shown = NULL, *list;
    size_t shown_count = 0, count;
    process_id shown_of = NONE;
    for (process_id p = 0; p < t->process_count; p++) {
        if (!(list = installs(t, p, &count))) continue;
        if (shown_of == NONE) report_heading(out, "Signal handlers installed");
        char name[128], other[128];
        fprintf(out, "%s%s%s: %zu", text_ink(INK_BOLD), tree_process(name, sizeof name, t, p),
                text_ink(INK_PLAIN), count);
        if (shown_of != NONE && same_list(t, list, count, shown, shown_count)) {
            fprintf(out, ", the same as %s\n", tree_process(other, sizeof other, t, shown_of));
            free(list);
            continue;
        }
        fputc('\n', out);
        lines(out, t, list, count);
        inherited(out, t, p);
        free(shown);
        shown = list, shown_count = count, shown_of = p;
    }
    free(shown);
}
