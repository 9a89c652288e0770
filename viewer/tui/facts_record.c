/* facts_record.c: what the records of events say, in words: one function a type. The record is there. */
#define _GNU_SOURCE
#include "facts_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"
#include "viewer/text.h"
#include "viewer/tree.h"
#include "window.h"

void fact_error(struct facts *f, int error)
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

void fact_of_fork(struct facts *f, const struct event *e)
{
    struct ft_fork r = FT_GET(fork, e->record);
    if (r.api != FT_FORK_fork) facts_add(f, "call", STYLE_NORMAL, "%s", text_fork_api(r.api));
    fact_error(f, r.result < 0 ? -r.result : 0);
}

void fact_of_exec(struct facts *f, const struct event *e)
{
    string_fact(f, "path", FT_GET(exec, e->record).path);
}

void fact_of_exec_failed(struct facts *f, const struct event *e)
{
    bool call = e->record->type == FT_EXEC; /* as it was asked for; else only that it failed was recorded */
    string_fact(f, "path", call ? FT_GET(exec, e->record).path : FT_GET(exec_failed, e->record).path);
    fact_error(f, (int)e->child);
}

void fact_of_exit(struct facts *f, const struct event *e)
{
    struct ft_exit r = FT_GET(exit, e->record);
    facts_add(f, "call", STYLE_NORMAL, "%s(%d)", text_exit_api(r.api), r.status);
}

void fact_of_wait(struct facts *f, const struct event *e)
{
    struct ft_reap r = FT_GET(reap, e->record);
    facts_add(f, "call", STYLE_NORMAL, "%s", text_reap_api(r.api));
    if (e->child == NONE) facts_add(f, "reaped", STYLE_NORMAL, "pid %d, never seen here", r.pid);
}

void fact_of_no_child(struct facts *f, const struct event *e)
{
    struct ft_no_child r = FT_GET(no_child, e->record);
    facts_add(f, "call", STYLE_NORMAL, "%s", text_reap_api(r.api));
    if (e->child == NONE) facts_add(f, "asked for", STYLE_NORMAL, "pid %d, never seen here", r.pid);
}

void fact_of_fd_use(struct facts *f, const struct event *e)
{
    struct ft_fd_use r = FT_GET(fd_use, e->record);
    facts_add(f, r.direction == FT_FD_WRITES ? "writes" : "reads", STYLE_NORMAL, "fd %d%s, turn %u", r.fd,
              r.flags & FT_FD_EPOLL ? " (epoll)" : "", r.turn);
    if (r.inside) facts_add(f, NULL, STYLE_TROUBLE, "another one was in the middle of it");
}

void fact_of_stdio(struct facts *f, const struct event *e)
{
    struct ft_stdio r = FT_GET(stdio, e->record);
    bool written = r.what == FT_STDIO_WRITTEN;
    facts_add(f, written ? "written" : "in the buffer", STYLE_NORMAL, "%u bytes for fd %d%s", r.bytes, r.fd,
              written ? ", a second time" : "");
    string_fact(f, "path", r.path);
}

void fact_of_unsafe_call(struct facts *f, const struct event *e)
{
    facts_add(f, "call", STYLE_NORMAL, "%s", text_unsafe(FT_GET(unsafe_call, e->record).function));
}

void fact_of_thread_create(struct facts *f, const struct event *e)
{
    struct ft_thread_create r = FT_GET(thread_create, e->record);
    if (e->child < f->timeline->thread_count)
        facts_add_python(f, "runs", f->timeline->threads[e->child].python);
    facts_add_address(f, "routine", e, r.start);
    if (r.detached) facts_add(f, NULL, STYLE_NORMAL, "created detached");
    fact_error(f, r.error);
}

void fact_of_greenlet(struct facts *f, const struct event *e)
{
    if (e->child < f->timeline->thread_count)
        facts_add_python(f, "runs", f->timeline->threads[e->child].python);
}

void fact_of_greenlet_run(struct facts *f, const struct event *e)
{
    char time[TEXT_SHORT];
    facts_add_python(f, "runs", timeline_greenlet_ran(f->timeline, e));
    facts_add(f, "kept", STYLE_WAIT, "the thread for %s%s",
              text_duration(time, timeline_duration(f->timeline, e)),
              e->flags & EVENT_UNFINISHED ? ", to the end" : "");
    facts_add(f, "meanwhile", STYLE_NORMAL, "%u other greenlets had no turn",
              timeline_greenlets_waiting(f->timeline, e));
}

void fact_of_thread_op(struct facts *f, const struct event *e)
{
    fact_error(f, FT_GET(thread_op, e->record).error);
}

void fact_of_thread_name(struct facts *f, const struct event *e)
{
    struct ft_thread_name r = FT_GET(thread_name, e->record);
    facts_add(f, "name", STYLE_NORMAL, "%.16s", r.name);
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

void fact_of_lock_wait(struct facts *f, const struct event *e)
{
    struct wait_facts r = wait_facts_of(e);
    char text[TEXT_SHORT];
    if (e->child != NONE && !timeline_owner_alive(f->timeline, e))
        facts_add(f, NULL, STYLE_TROUBLE, "its owner does not exist in this process: %s",
                  timeline_timed(e) == FT_TIMED ? "only its time limit can end this wait"
                                                : "this wait cannot end");
    facts_add(f, "for", STYLE_WAIT, "%s", text_wait_kind(r.kind));
    facts_add(f, "waited", e->flags & EVENT_UNFINISHED ? STYLE_TROUBLE : STYLE_WAIT, "%s%s",
              text_duration(text, timeline_duration(f->timeline, e)),
              e->flags & EVENT_UNFINISHED ? ", and never ended" : "");
    if (timeline_timed(e) == FT_TIMED) facts_add(f, "limit", STYLE_NORMAL, "its call has a time limit");
    if (r.kind == FT_WAIT_child)
        facts_add(f, "pid", STYLE_NORMAL, "%lld", (long long)(int64_t)r.second);
    else
        facts_add_address(f, "lock", e, r.address);
    if (r.owner_tid && e->child == NONE)
        facts_add(f, "owner", STYLE_NORMAL, "tid %u, never seen here", r.owner_tid);
}

void fact_of_lock_held(struct facts *f, const struct event *e)
{
    struct ft_held r = FT_GET(held, e->record);
    facts_add(f, "kind", STYLE_WAIT, "%s", text_wait_kind(r.kind));
    facts_add_address(f, "lock", e, r.address);
}

void fact_of_atfork(struct facts *f, const struct event *e)
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

void fact_of_bind(struct facts *f, const struct event *e)
{
    struct ft_bind r = FT_GET(bind, e->record);
    size_t length = 0;
    const void *tail = ft_tail(e->record, sizeof(struct ft_bind), &length);
    char text[300], number[16] = "";
    int port;
    text_sockaddr(tail, length, text, sizeof text, &port);
    if (port >= 0) snprintf(number, sizeof number, ":%d", port);
    bool bare = port >= 0 && strchr(text, ':'); /* IPv6 */
    facts_add(f, "address", STYLE_NORMAL, "%s%s%s%s", bare ? "[" : "", text, bare ? "]" : "", number);
    fact_error(f, r.error);
    facts_add(f, NULL, STYLE_DIM, "fd %d", r.fd);
}

void fact_of_session(struct facts *f, const struct event *e)
{
    struct ft_session r = FT_GET(session, e->record);
    facts_add(f, "call", STYLE_NORMAL, "%s", text_session_api(r.api));
    fact_error(f, r.result < 0 ? -r.result : 0);
}

void fact_of_credentials(struct facts *f, const struct event *e)
{
    struct ft_cred r = FT_GET(cred, e->record);
    if (r.api == FT_CRED_chroot)
        string_fact(f, "chroot", r.ids[0]);
    else
        facts_add(f, "call", STYLE_NORMAL, "%s(%d, %d, %d)", text_cred_api(r.api), (int)r.ids[0],
                  (int)r.ids[1], (int)r.ids[2]);
    fact_error(f, r.error);
}

void fact_of_write(struct facts *f, const struct event *e)
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

void fact_of_change(struct facts *f, const struct event *e)
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

void fact_of_note(struct facts *f, const struct event *e)
{
    struct ft_note r = FT_GET(note, e->record);
    facts_add(f, NULL, STYLE_NORMAL, "%s", ft_note_text(r.what));
    string_fact(f, "about", r.text);
}
