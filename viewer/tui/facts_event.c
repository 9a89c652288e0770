/* facts_event.c: events in words: what all have, and by a table what their records say (facts_record.c). */
#define _GNU_SOURCE
#include "facts_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"
#include "viewer/text.h"
#include "viewer/tree.h"
#include "window.h"

/* clang-format off */
/* what `child` means for a type, and how its record reads */
enum about { ABOUT_NOTHING, ABOUT_PROCESS, ABOUT_THREAD };
static const struct {
    enum about about;
    const char *key;
    void (*record)(struct facts *f, const struct event *e);
} of[EVENT_TYPE_COUNT] = {
    [EVENT_FORK] = {ABOUT_PROCESS, "child", fact_of_fork},
    [EVENT_EXEC] = {ABOUT_NOTHING, NULL, fact_of_exec},
    [EVENT_EXEC_FAILED] = {ABOUT_NOTHING, NULL, fact_of_exec_failed},
    [EVENT_EXIT] = {ABOUT_NOTHING, NULL, fact_of_exit},
    [EVENT_WAIT] = {ABOUT_PROCESS, "reaped", fact_of_wait},
    [EVENT_THREAD_CREATE] = {ABOUT_THREAD, "thread", fact_of_thread_create},
    [EVENT_THREAD_JOIN] = {ABOUT_THREAD, "thread", fact_of_thread_op},
    [EVENT_THREAD_DETACH] = {ABOUT_THREAD, "thread", fact_of_thread_op},
    [EVENT_THREAD_CANCEL] = {ABOUT_THREAD, "thread", fact_of_thread_op},
    [EVENT_THREAD_NAME] = {ABOUT_THREAD, "thread", fact_of_thread_name},
    [EVENT_SIGACTION] = {ABOUT_NOTHING, NULL, fact_of_sigaction},
    [EVENT_SIGMASK] = {ABOUT_NOTHING, NULL, fact_of_sigmask},
    [EVENT_KILL] = {ABOUT_PROCESS, "to", fact_of_kill},
    [EVENT_SIGNAL] = {ABOUT_THREAD, "sent by", fact_of_signal},
    [EVENT_LOCK_WAIT] = {ABOUT_THREAD, "owner", fact_of_lock_wait},
    [EVENT_LOCK_HELD] = {ABOUT_THREAD, "holder", fact_of_lock_held},
    [EVENT_ATFORK] = {ABOUT_NOTHING, NULL, fact_of_atfork},
    [EVENT_BIND] = {ABOUT_NOTHING, NULL, fact_of_bind},
    [EVENT_SESSION] = {ABOUT_NOTHING, NULL, fact_of_session},
    [EVENT_CREDENTIALS] = {ABOUT_NOTHING, NULL, fact_of_credentials},
    [EVENT_WRITE] = {ABOUT_NOTHING, NULL, fact_of_write},
    [EVENT_CHANGE] = {ABOUT_NOTHING, NULL, fact_of_change},
    [EVENT_TEARDOWN] = {ABOUT_NOTHING, NULL, fact_of_write},
    [EVENT_STDIO] = {ABOUT_PROCESS, "child", fact_of_stdio},
    [EVENT_UNSAFE_CALL] = {ABOUT_NOTHING, NULL, fact_of_unsafe_call},
    [EVENT_FD_USE] = {ABOUT_THREAD, "after", fact_of_fd_use},
    [EVENT_NO_CHILD] = {ABOUT_PROCESS, "asked for", fact_of_no_child},
    [EVENT_GREENLET] = {ABOUT_THREAD, "greenlet", fact_of_greenlet},
    [EVENT_GREENLET_RUN] = {ABOUT_THREAD, "greenlet", fact_of_greenlet_run},
    [EVENT_NOTE] = {ABOUT_NOTHING, NULL, fact_of_note},
};
/* clang-format on */

static enum about about(const struct event *e)
{
    return e->type == EVENT_KILL && timeline_kill_thread(e) ? ABOUT_THREAD : of[e->type].about;
}

process_id fact_process_about(const struct timeline *t, const struct event *e)
{
    return about(e) == ABOUT_PROCESS && e->child < t->process_count ? e->child : NONE;
}

thread_id fact_thread_about(const struct timeline *t, const struct event *e)
{
    if (about(e) != ABOUT_THREAD) return NONE;
    if (e->child < t->thread_count) return e->child;
    return e->type == EVENT_LOCK_WAIT ? timeline_awaited(t, e, NONE) : NONE;
}

static void record_facts(struct facts *f, const struct event *e)
{
    if (e->record && of[e->type].record) of[e->type].record(f, e);
    if (e->flags & EVENT_INFERRED)
        facts_add(f, NULL, STYLE_DIM, "not recorded: concluded from what came after");
    else if (e->flags & EVENT_UNFINISHED && e->type != EVENT_LOCK_WAIT && e->type != EVENT_EXIT)
        facts_add(f, NULL, STYLE_TROUBLE, "the call never returned");
}

static size_t append(char *buffer, size_t size, size_t used, const char *before, const char *text)
{
    int n = snprintf(buffer + used, size - used, "%s%s", before, text);
    return n < 0 || (size_t)n >= size - used ? size - 1 : used + (size_t)n;
}

/* Whose line says the first two facts of its record, too. */
static bool told_in_line(unsigned type)
{
    switch (type) {
    case EVENT_SIGACTION:
    case EVENT_KILL:
    case EVENT_SIGNAL:
    case EVENT_LOCK_WAIT:
    case EVENT_EXEC:
    case EVENT_EXEC_FAILED:
    case EVENT_EXIT:
    case EVENT_BIND: return true;
    default: return false;
    }
}

void fact_event_line(const struct timeline *t, event_id event, char *buffer, size_t size)
{
    const struct event *e = EVENT_AT(t, event);
    char name[200];
    size_t n = append(buffer, size, 0, "", event_type_name(e->type));
    if (fact_process_about(t, e) != NONE)
        n = append(buffer, size, n, " → ", process_name(t, e->child));
    else if (fact_thread_about(t, e) != NONE)
        n = append(buffer, size, n, e->type == EVENT_SIGNAL ? " ← " : " → ",
                   thread_name(t, fact_thread_about(t, e), name, sizeof name));
    if ((e->type == EVENT_WRITE || e->type == EVENT_CHANGE) && e->child < t->global_count) {
        char value[100];
        value_format(timeline_written(t, e), value, sizeof value);
        global_format(&t->globals[e->child], name, sizeof name);
        n = append(buffer, size, n, " ", name);
        n = append(buffer, size, n, " = ", value);
    }
    if (!told_in_line(e->type)) return;
    struct facts f = {.timeline = t};
    record_facts(&f, e);
    for (size_t i = 0, said = 0; i < f.count && said < 2; i++)
        if (f.fact[i].key) n = append(buffer, size, n, said++ ? ", " : ": ", f.fact[i].value);
    facts_free(&f);
}

static void lost_facts(struct facts *f, event_id event, process_id child)
{
    const struct process *p = &f->timeline->processes[child];
    for (size_t g = 0; g < p->ghost_count; g++)
        if (p->ghosts[g].fork == event) {
            char name[200];
            thread_id thread = p->ghosts[g].thread;
            const char *text = thread_name(f->timeline, thread, name, sizeof name);
            facts_add(f, "lost", STYLE_GHOST, "† %s does not exist in the child", text);
            if (thread < f->timeline->thread_count)
                facts_add_python(f, "it runs", f->timeline->threads[thread].python);
        }
}

void facts_add_stack(struct facts *f, const struct event *e)
{
    const uint64_t *pcs = NULL;
    char text[NAMES_TEXT];
    struct python_function python;
    bool any = timeline_python_frame(f->timeline, e, 0, &python);
    for (size_t i = 0; timeline_python_frame(f->timeline, e, i, &python); i++)
        facts_add(f, i ? "" : "at", STYLE_PYTHON, "%s", names_python(text, sizeof text, &python));
    if (any && names_python_caller(f->timeline, e, &python)) facts_add_source(f, e, python.file, python.line);
    size_t count = timeline_stack(f->timeline, e, &pcs);
    for (size_t i = 0; i < count; i++) {
        struct named n = names_frame(f->timeline, e->process, e->ns, pcs[i]);
        facts_add(f, i || any ? "" : "at", STYLE_NORMAL, "%s", names_function(text, sizeof text, &n));
    }
}

#define AWAITED 5

/* Python's join() and shutdown wait in a semaphore, which has no owner. */
static void awaited_facts(struct facts *f, const struct event *e)
{
    thread_id thread = NONE;
    for (int i = 0; i < AWAITED && (thread = timeline_awaited(f->timeline, e, thread)) != NONE; i++)
        facts_add_thread(f, i ? "or of" : "waits for", thread);
}

void facts_event(struct facts *f, event_id event)
{
    const struct event *e = EVENT_AT(f->timeline, event);
    if (fact_process_about(f->timeline, e) != NONE) {
        facts_add_process(f, of[e->type].key, e->child);
        if (e->type == EVENT_FORK) lost_facts(f, event, e->child);
        char end[TEXT_SHORT];
        if (e->type == EVENT_WAIT)
            facts_add(f, "ended", STYLE_NORMAL, "%s",
                      end_text(&f->timeline->processes[e->child], end, sizeof end));
    } else if (e->type == EVENT_LOCK_WAIT && e->child >= f->timeline->thread_count) {
        awaited_facts(f, e);
    } else if (fact_thread_about(f->timeline, e) != NONE) {
        facts_add_thread(f, of[e->type].key, e->child);
    }
    record_facts(f, e);
    facts_add_stack(f, e);
}
