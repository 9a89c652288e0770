/* facts_event.c: events in words. Each type of event has one function; a table calls them. */
#define _GNU_SOURCE
#include "facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"
#include "viewer/text.h"
#include "viewer/tree.h"
#include "window.h"

#define HISTORY_MOST 12

static void error_fact(struct facts *f, int error)
{
    char name[TEXT_SHORT];
    if (error > 0) facts_add(f, "failed", STYLE_TROUBLE, "%s: %s", text_error(name, error), strerror(error));
}

static char *string_of(const struct facts *f, ft_ref ref)
{
    size_t length = 0;
    bool cut = false;
    const char *bytes = f->timeline->reader ? ft_reader_string(f->timeline->reader, ref, &length, &cut) : "";
    return strndup(bytes, length);
}

static void string_fact(struct facts *f, const char *key, ft_ref ref)
{
    char *text = ref ? string_of(f, ref) : NULL;
    if (text) facts_add(f, key, STYLE_NORMAL, "%s", text);
    free(text);
}

/* --- one function for each type of event: its record is there --------------------------------- */

static void of_fork(struct facts *f, const struct event *e)
{
    struct ft_fork r = FT_GET(fork, e->record);
    if (r.api != FT_FORK_fork) facts_add(f, "call", STYLE_NORMAL, "%s", text_fork_api(r.api));
    error_fact(f, r.result < 0 ? -r.result : 0);
}

static void of_exec(struct facts *f, const struct event *e)
{
    string_fact(f, "path", FT_GET(exec, e->record).path);
}

static void of_exec_failed(struct facts *f, const struct event *e)
{
    struct ft_exec_failed r = FT_GET(exec_failed, e->record);
    string_fact(f, "path", r.path);
    error_fact(f, r.error);
}

static void of_exit(struct facts *f, const struct event *e)
{
    struct ft_exit r = FT_GET(exit, e->record);
    facts_add(f, "call", STYLE_NORMAL, "%s(%d)", text_exit_api(r.api), r.status);
}

static void of_wait(struct facts *f, const struct event *e)
{
    struct ft_reap r = FT_GET(reap, e->record);
    facts_add(f, "call", STYLE_NORMAL, "%s", text_reap_api(r.api));
    if (e->child == NONE) facts_add(f, "reaped", STYLE_NORMAL, "pid %d, never seen here", r.pid);
}

static void of_no_child(struct facts *f, const struct event *e)
{
    struct ft_no_child r = FT_GET(no_child, e->record);
    facts_add(f, "call", STYLE_NORMAL, "%s", text_reap_api(r.api));
    if (e->child == NONE) facts_add(f, "asked for", STYLE_NORMAL, "pid %d, never seen here", r.pid);
}

static void of_fd_use(struct facts *f, const struct event *e)
{
    struct ft_fd_use r = FT_GET(fd_use, e->record);
    facts_add(f, r.direction == FT_FD_WRITES ? "writes" : "reads", STYLE_NORMAL, "fd %d%s, turn %u", r.fd,
              r.flags & FT_FD_EPOLL ? " (epoll)" : "", r.turn);
    if (r.inside) facts_add(f, NULL, STYLE_TROUBLE, "another one was in the middle of it");
}

static void of_stdio(struct facts *f, const struct event *e)
{
    struct ft_stdio r = FT_GET(stdio, e->record);
    bool written = r.what == FT_STDIO_WRITTEN;
    facts_add(f, written ? "written" : "in the buffer", STYLE_NORMAL, "%u bytes for fd %d%s", r.bytes, r.fd,
              written ? ", a second time" : "");
    string_fact(f, "path", r.path);
}

static void of_unsafe_call(struct facts *f, const struct event *e)
{
    facts_add(f, "call", STYLE_NORMAL, "%s", text_unsafe(FT_GET(unsafe_call, e->record).function));
}

static void of_thread_create(struct facts *f, const struct event *e)
{
    struct ft_thread_create r = FT_GET(thread_create, e->record);
    if (e->child < f->timeline->thread_count)
        facts_add_python(f, "runs", f->timeline->threads[e->child].python);
    facts_add_address(f, "routine", e, r.start);
    if (r.detached) facts_add(f, NULL, STYLE_NORMAL, "created detached");
    error_fact(f, r.error);
}

static void of_greenlet(struct facts *f, const struct event *e)
{
    if (e->child < f->timeline->thread_count)
        facts_add_python(f, "runs", f->timeline->threads[e->child].python);
}

static void of_greenlet_run(struct facts *f, const struct event *e)
{
    char time[TEXT_SHORT];
    facts_add_python(f, "runs", timeline_greenlet_ran(f->timeline, e));
    facts_add(f, "kept", STYLE_WAIT, "the thread for %s%s", text_duration(time, timeline_duration(f->timeline, e)),
              e->flags & EVENT_UNFINISHED ? ", to the end" : "");
    facts_add(f, "meanwhile", STYLE_NORMAL, "%u other greenlets had no turn",
              timeline_greenlets_waiting(f->timeline, e));
}

static void of_thread_op(struct facts *f, const struct event *e)
{
    error_fact(f, FT_GET(thread_op, e->record).error);
}

static void of_thread_name(struct facts *f, const struct event *e)
{
    struct ft_thread_name r = FT_GET(thread_name, e->record);
    facts_add(f, "name", STYLE_NORMAL, "%.16s", r.name);
}

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
    for (int i = 0; i < HISTORY_MOST && e->child < t->event_count; i++) {
        const struct event *was = &t->events[e->child];
        if (!was->record || was->type != EVENT_SIGACTION || was->ns > e->ns) return; /* a damaged file */
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
                  was->process != e->process ? " in " : "",
                  was->process != e->process ? process_name(t, was->process) : "");
        e = was;
    }
}

static void of_sigaction(struct facts *f, const struct event *e)
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

static void of_sigmask(struct facts *f, const struct event *e)
{
    struct ft_sigmask r = FT_GET(sigmask, e->record);
    facts_add_mask(f, "now", r.new_mask);
    facts_add_mask(f, "before", r.old_mask);
    facts_add(f, "call", STYLE_NORMAL, "%s", text_sigmask_api(r.api));
}

static void of_kill(struct facts *f, const struct event *e)
{
    struct ft_kill r = FT_GET(kill, e->record);
    char name[TEXT_SHORT];
    facts_add(f, "signal", STYLE_SIGNAL, "%s", text_signal(name, r.signal));
    if (r.api != FT_KILL_kill) facts_add(f, "call", STYLE_NORMAL, "%s", text_kill_api(r.api));
    if (e->child == NONE) facts_add(f, "to", STYLE_NORMAL, "%lld, never seen here", (long long)r.target);
    error_fact(f, r.error);
    event_id taken = timeline_taken(f->timeline, e);
    char text[TEXT_SHORT];
    if (taken == NONE) return;
    const struct event *by = &f->timeline->events[taken];
    facts_add_thread(f, "taken by", by->thread);
    facts_add(f, "after", STYLE_NORMAL, "%s", text_duration(text, by->ns > e->ns ? by->ns - e->ns : 0));
}

static void of_signal(struct facts *f, const struct event *e)
{
    struct sender s = timeline_sender(f->timeline, e);
    const struct process *p = &f->timeline->processes[e->process];
    event_id i = (event_id)(e - f->timeline->events);
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

struct wait_facts wait_facts_of(const struct event *e)
{
    if (!e->record) return (struct wait_facts){0};
    if (e->record->type == FT_WAIT_SLOT) {
        struct ft_wait_slot r = FT_GET(wait_slot, e->record);
        return (struct wait_facts){r.kind, r.address, r.second, r.owner_tid};
    }
    struct ft_wait r = FT_GET(wait, e->record);
    return (struct wait_facts){r.kind, r.address, r.second, r.owner_tid};
}

static void of_lock_wait(struct facts *f, const struct event *e)
{
    struct wait_facts r = wait_facts_of(e);
    char text[TEXT_SHORT];
    if (e->child != NONE && !timeline_owner_alive(f->timeline, e))
        facts_add(f, NULL, STYLE_TROUBLE, "its owner does not exist in this process: %s",
                  timeline_timed(e) == FT_TIMED ? "only its time limit can end this wait"
                                                : "this wait cannot end");
    facts_add(f, "for", STYLE_WAIT, "%s", text_wait_kind(r.kind));
    facts_add(f, "waited", e->flags & EVENT_UNFINISHED ? STYLE_TROUBLE : STYLE_WAIT, "%s%s",
              text_duration(text, timeline_duration(f->timeline, e)), e->flags & EVENT_UNFINISHED ? ", and never ended" : "");
    if (timeline_timed(e) == FT_TIMED) facts_add(f, "limit", STYLE_NORMAL, "its call has a time limit");
    if (r.kind == FT_WAIT_child)
        facts_add(f, "pid", STYLE_NORMAL, "%lld", (long long)(int64_t)r.second);
    else
        facts_add_address(f, "lock", e, r.address);
    if (r.owner_tid && e->child == NONE)
        facts_add(f, "owner", STYLE_NORMAL, "tid %u, never seen here", r.owner_tid);
}

static void of_lock_held(struct facts *f, const struct event *e)
{
    struct ft_held r = FT_GET(held, e->record);
    facts_add(f, "kind", STYLE_WAIT, "%s", text_wait_kind(r.kind));
    facts_add_address(f, "lock", e, r.address);
}

static void of_atfork(struct facts *f, const struct event *e)
{
    struct ft_atfork r = FT_GET(atfork, e->record);
    char text[TEXT_SHORT];
    facts_add(f, "phase", STYLE_NORMAL, "%s", text_atfork_phase(r.phase));
    if (r.phase == FT_ATFORK_registered)
        facts_add(f, "for", STYLE_NORMAL, "%s", text_atfork_phase(r.which));
    else
        facts_add(f, "took", STYLE_NORMAL, "%s", text_duration(text, (int64_t)r.ns));
    facts_add_address(f, "handler", e, r.handler);
}

static void of_bind(struct facts *f, const struct event *e)
{
    struct ft_bind r = FT_GET(bind, e->record);
    size_t length = 0;
    const void *tail = ft_tail(e->record, sizeof(struct ft_bind), &length);
    char text[300];
    int port;
    text_sockaddr(tail, length, text, sizeof text, &port);
    facts_add(f, "address", STYLE_NORMAL, "%s", text);
    facts_add(f, "fd", STYLE_NORMAL, "%d", r.fd);
    error_fact(f, r.error);
}

static void of_session(struct facts *f, const struct event *e)
{
    struct ft_session r = FT_GET(session, e->record);
    facts_add(f, "call", STYLE_NORMAL, "%s", text_session_api(r.api));
    error_fact(f, r.result < 0 ? -r.result : 0);
}

static void of_credentials(struct facts *f, const struct event *e)
{
    struct ft_cred r = FT_GET(cred, e->record);
    if (r.api == FT_CRED_chroot)
        string_fact(f, "chroot", r.ids[0]);
    else
        facts_add(f, "call", STYLE_NORMAL, "%s(%d, %d, %d)", text_cred_api(r.api), (int)r.ids[0],
                  (int)r.ids[1], (int)r.ids[2]);
    error_fact(f, r.error);
}

static void of_write(struct facts *f, const struct event *e)
{
    char text[200];
    if (e->child >= f->timeline->global_count) return;
    bool exact;
    value_format(timeline_written(f->timeline, e), text, sizeof text);
    facts_add(f, "value", STYLE_VALUE, "%s", text);
    global_format(&f->timeline->globals[e->child], text, sizeof text);
    facts_add(f, "global", STYLE_VALUE, "%s", text);
    facts_add_thread(f, "written by", e->thread);
    const char *engine = timeline_engine(f->timeline, e);
    uint64_t pc = timeline_store(f->timeline, e, &exact);
    if (engine) {
        facts_add(f, "seen by", STYLE_NORMAL, "%s%s", engine,
                  pc ? "" : ", late: SIGTRAP was blocked: the instruction is not known");
        if (!exact) facts_add(f, NULL, STYLE_DIM, "the value was read back after the store");
        return; /* the store's function and line are its stack */
    }
    struct ft_py_write w;
    if (!timeline_python_write(f->timeline, e, &w)) return;
    char *file = w.file ? string_of(f, w.file) : NULL;
    if (file) facts_add(f, "at", STYLE_PYTHON, "%s:%u", file, w.line);
    facts_add_source(f, e, file, w.line);
    free(file);
}

static void of_change(struct facts *f, const struct event *e)
{
    char text[200];
    if (e->child >= f->timeline->global_count) return;
    const struct global *g = &f->timeline->globals[e->child];
    struct value before = timeline_changed_from(f->timeline, e);
    value_format(timeline_written(f->timeline, e), text, sizeof text);
    facts_add(f, "value", STYLE_VALUE, "%s", text);
    value_format(before, text, sizeof text);
    if (before.known) facts_add(f, "before", STYLE_VALUE, "%s", text);
    global_format(g, text, sizeof text);
    facts_add(f, "global", STYLE_VALUE, "%s", text);
    facts_add(f, NULL, STYLE_DIM, "changed since the last look%s: the writer was not seen",
              g->c ? "" : ", not by binding the name");
    facts_add_thread(f, "noticed by", e->thread);
}

static void of_note(struct facts *f, const struct event *e)
{
    struct ft_note r = FT_GET(note, e->record);
    facts_add(f, NULL, STYLE_NORMAL, "%s", ft_note_text(r.what));
    string_fact(f, "about", r.text);
}

/* clang-format off */
/* what `child` means for a type, and how its record reads */
enum about { ABOUT_NOTHING, ABOUT_PROCESS, ABOUT_THREAD };
static const struct {
    enum about about;
    const char *key;
    void (*record)(struct facts *f, const struct event *e);
} of[EVENT_TYPE_COUNT] = {
    [EVENT_FORK] = {ABOUT_PROCESS, "child", of_fork},
    [EVENT_EXEC] = {ABOUT_NOTHING, NULL, of_exec},
    [EVENT_EXEC_FAILED] = {ABOUT_NOTHING, NULL, of_exec_failed},
    [EVENT_EXIT] = {ABOUT_NOTHING, NULL, of_exit},
    [EVENT_WAIT] = {ABOUT_PROCESS, "reaped", of_wait},
    [EVENT_THREAD_CREATE] = {ABOUT_THREAD, "thread", of_thread_create},
    [EVENT_THREAD_JOIN] = {ABOUT_THREAD, "thread", of_thread_op},
    [EVENT_THREAD_DETACH] = {ABOUT_THREAD, "thread", of_thread_op},
    [EVENT_THREAD_CANCEL] = {ABOUT_THREAD, "thread", of_thread_op},
    [EVENT_THREAD_NAME] = {ABOUT_THREAD, "thread", of_thread_name},
    [EVENT_SIGACTION] = {ABOUT_NOTHING, NULL, of_sigaction},
    [EVENT_SIGMASK] = {ABOUT_NOTHING, NULL, of_sigmask},
    [EVENT_KILL] = {ABOUT_PROCESS, "to", of_kill},
    [EVENT_SIGNAL] = {ABOUT_THREAD, "sent by", of_signal},
    [EVENT_LOCK_WAIT] = {ABOUT_THREAD, "owner", of_lock_wait},
    [EVENT_LOCK_HELD] = {ABOUT_THREAD, "holder", of_lock_held},
    [EVENT_ATFORK] = {ABOUT_NOTHING, NULL, of_atfork},
    [EVENT_BIND] = {ABOUT_NOTHING, NULL, of_bind},
    [EVENT_SESSION] = {ABOUT_NOTHING, NULL, of_session},
    [EVENT_CREDENTIALS] = {ABOUT_NOTHING, NULL, of_credentials},
    [EVENT_WRITE] = {ABOUT_NOTHING, NULL, of_write},
    [EVENT_CHANGE] = {ABOUT_NOTHING, NULL, of_change},
    [EVENT_TEARDOWN] = {ABOUT_NOTHING, NULL, of_write},
    [EVENT_STDIO] = {ABOUT_PROCESS, "child", of_stdio},
    [EVENT_UNSAFE_CALL] = {ABOUT_NOTHING, NULL, of_unsafe_call},
    [EVENT_FD_USE] = {ABOUT_THREAD, "after", of_fd_use},
    [EVENT_NO_CHILD] = {ABOUT_PROCESS, "asked for", of_no_child},
    [EVENT_GREENLET] = {ABOUT_THREAD, "greenlet", of_greenlet},
    [EVENT_GREENLET_RUN] = {ABOUT_THREAD, "greenlet", of_greenlet_run},
    [EVENT_NOTE] = {ABOUT_NOTHING, NULL, of_note},
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
    return about(e) == ABOUT_THREAD && e->child < t->thread_count ? e->child : NONE;
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

void fact_event_line(const struct timeline *t, event_id event, char *buffer, size_t size)
{
    const struct event *e = &t->events[event];
    char name[200];
    size_t n = append(buffer, size, 0, "", event_type_name(e->type));
    if (fact_process_about(t, e) != NONE)
        n = append(buffer, size, n, " → ", process_name(t, e->child));
    else if (fact_thread_about(t, e) != NONE)
        n = append(buffer, size, n, e->type == EVENT_SIGNAL ? " ← " : " → ",
                   thread_name(t, e->child, name, sizeof name));
    if ((e->type == EVENT_WRITE || e->type == EVENT_CHANGE) && e->child < t->global_count) {
        char value[100];
        value_format(timeline_written(t, e), value, sizeof value);
        global_format(&t->globals[e->child], name, sizeof name);
        n = append(buffer, size, n, " ", name);
        n = append(buffer, size, n, " = ", value);
    }
    if (e->type != EVENT_SIGACTION && e->type != EVENT_KILL && e->type != EVENT_SIGNAL &&
        e->type != EVENT_LOCK_WAIT)
        return;
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

void facts_event(struct facts *f, event_id event)
{
    const struct event *e = &f->timeline->events[event];
    if (fact_process_about(f->timeline, e) != NONE) {
        facts_add_process(f, of[e->type].key, e->child);
        if (e->type == EVENT_FORK) lost_facts(f, event, e->child);
        char end[TEXT_SHORT];
        if (e->type == EVENT_WAIT)
            facts_add(f, "ended", STYLE_NORMAL, "%s",
                      end_text(&f->timeline->processes[e->child], end, sizeof end));
    } else if (fact_thread_about(f->timeline, e) != NONE) {
        facts_add_thread(f, of[e->type].key, e->child);
    }
    record_facts(f, e);
    facts_add_stack(f, e);
}
