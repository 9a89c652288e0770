/* facts_signal.c: what the records of signals say, in words: handlers with their history, masks, signals
 * sent. */
#define _GNU_SOURCE
#include "facts_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"
#include "viewer/text.h"
#include "viewer/tree.h"
#include "window.h"

#define HISTORY_MOST 12

static void handler_fact(struct facts *f, const char *key, const struct event *e, uint64_t handler)
{
    if (handler > 1)
        facts_add_address(f, key, e, handler);
    else
        facts_add(f, key, STYLE_NORMAL, "%s", handler ? "ignored" : "default");
}

/* Who had the signal before, back to the start: an install leads to the one it replaced. */
static void handler_history(struct facts *f, const struct event *e)
{
    const struct timeline *t = f->timeline;
    char time[40], caller[NAMES_TEXT], text[NAMES_TEXT], what[NAMES_TEXT + 40];
    struct event later = *e;
    for (int i = 0; i < HISTORY_MOST && later.child < t->event_count; i++) {
        const struct event *was = EVENT_AT(t, later.child);
        if (!was->record || was->type != EVENT_SIGACTION || was->ns > later.ns) return; /* a damaged file */
        uint64_t handler = FT_GET(sigaction, was->record).new_handler;
        struct python_function python = timeline_python_handler(t, was);
        struct named n = names_at(t, was->process, was->ns, handler);
        snprintf(what, sizeof what, "%s",
                 python.name   ? names_python(text, sizeof text, &python)
                 : handler > 1 ? names_text(text, sizeof text, &n)
                 : handler     ? "ignored"
                               : "default");
        names_caller(caller, sizeof caller, t, was);
        facts_add(f, i ? "" : "before that", STYLE_NORMAL, "%s since %s%s%s%s%s", what,
                  time_text(was->ns, 1000, time, sizeof time), *caller ? ", by " : "", caller,
                  was->process != later.process ? " in " : "",
                  was->process != later.process ? process_name(t, was->process) : "");
        later = *was;
    }
}

void fact_of_sigaction(struct facts *f, const struct event *e)
{
    struct ft_sigaction r = FT_GET(sigaction, e->record);
    char name[TEXT_SHORT];
    facts_add(f, "signal", STYLE_SIGNAL, "%s", text_signal(name, r.signal));
    facts_add_python(f, "in Python", timeline_python_handler(f->timeline, e));
    handler_fact(f, "now", e, r.new_handler);
    handler_fact(f, "before", e, r.old_handler);
    facts_add(f, "call", STYLE_NORMAL, "%s, flags 0x%x", text_sigaction_api(r.api), r.flags);
    if (r.mask) facts_add_mask(f, "blocks", r.mask);
    handler_history(f, e);
}

void fact_of_sigmask(struct facts *f, const struct event *e)
{
    struct ft_sigmask r = FT_GET(sigmask, e->record);
    facts_add_mask(f, "now", r.new_mask);
    facts_add_mask(f, "before", r.old_mask);
    facts_add(f, "call", STYLE_NORMAL, "%s", text_sigmask_api(r.api));
}

void fact_of_kill(struct facts *f, const struct event *e)
{
    struct ft_kill r = FT_GET(kill, e->record);
    char name[TEXT_SHORT];
    facts_add(f, "signal", STYLE_SIGNAL, "%s", text_signal(name, r.signal));
    if (r.api != FT_KILL_kill) facts_add(f, "call", STYLE_NORMAL, "%s", text_kill_api(r.api));
    if (e->child == NONE) facts_add(f, "to", STYLE_NORMAL, "%lld, never seen here", (long long)r.target);
    fact_error(f, r.error);
    event_id taken = timeline_taken(f->timeline, e);
    char text[TEXT_SHORT];
    if (taken == NONE) return;
    const struct event *by = EVENT_AT(f->timeline, taken);
    facts_add_thread(f, "taken by", by->thread);
    facts_add(f, "after", STYLE_NORMAL, "%s", text_duration(text, by->ns > e->ns ? by->ns - e->ns : 0));
}

void fact_of_signal(struct facts *f, const struct event *e)
{
    struct sender s = timeline_sender(f->timeline, e);
    const struct process *p = &f->timeline->processes[e->process];
    event_id i = e->id;
    char text[NAMES_TEXT];
    facts_add(f, "signal", STYLE_SIGNAL, "%s", text_signal(text, s.signal));
    if (p->killed_by == i)
        facts_add(f, NULL, STYLE_TROUBLE,
                  p->out_of_memory ? "it ended the process: out of memory" : "it ended the process");
    if (e->child == NONE && *tree_sender(text, sizeof text, f->timeline, i))
        facts_add(f, "sent by", STYLE_SIGNAL, "%s", text);
    facts_add_thread(f, "taken by", e->thread);
    if (*names_taken_by(text, sizeof text, f->timeline, e)) facts_add(f, "handler", STYLE_NORMAL, "%s", text);
}
