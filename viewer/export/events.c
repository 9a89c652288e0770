/*
 * events.c: events as JSON: what all have, and the fields of each type.
 */
#include <signal.h>
#include <string.h>

#include "json.h"
#include "viewer/names.h"
#include "viewer/text.h"

#define AWAITED 64 /* threads one of which a wait is for, that are named */

typedef void fields(cJSON *object, const struct timeline *t, const struct event *e);

static void string_of(cJSON *object, const char *key, const struct timeline *t, ft_ref ref)
{
    size_t length;
    bool cut;
    const char *bytes = ft_reader_string(t->reader, ref, &length, &cut);
    if (ref && ft_reader_find(t->reader, ref, FT_STRING))
        json_bytes(object, key, bytes, length);
    else
        json_null(object, key);
}

static int error_of(int32_t result) { return result < 0 && result > -4096 ? -result : 0; }

/* --- processes -------------------------------------------------------------------------------- */

static void fork_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_fork r = e->record ? FT_GET(fork, e->record) : (struct ft_fork){0};
    if (e->record)
        json_string(object, "api", text_fork_api(r.api));
    else
        json_null(object, "api");
    json_id(object, "child", 'p', e->child);
    json_int(object, "errno", error_of(r.result));
}

static void exec_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    json_uint(object, "image", e->image + 1u);
    string_of(object, "path", t, FT_GET(exec, e->record).path);
}

static void exec_failed_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    /* FT_EXEC and FT_EXEC_FAILED both name it; the event has either. */
    bool call = e->record->type == FT_EXEC;
    string_of(object, "path", t, call ? FT_GET(exec, e->record).path : FT_GET(exec_failed, e->record).path);
    json_int(object, "errno", (int32_t)e->child);
}

static void exit_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_exit r = e->record ? FT_GET(exit, e->record) : (struct ft_exit){.api = FT_EXIT__exit};
    /* "end" alone: main() returned, and libc called its own exit(). */
    json_string(object, "api", text_exit_api(r.api == FT_EXIT_end ? FT_EXIT_exit : r.api));
    json_int(object, "status", r.status & 0xff);
    if (e->flags & EVENT_UNFINISHED)
        json_null(object, "took_ns");
    else
        json_int(object, "took_ns", timeline_duration(t, e));
}

static void wait_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_reap r = FT_GET(reap, e->record);
    int status = r.status;
    bool exited = (status & 0x7f) == 0, stopped = (status & 0xff) == 0x7f, continued = status == 0xffff;
    json_string(object, "api", text_reap_api(r.api));
    json_id(object, "child", 'p', e->child);
    json_string(object, "how", continued ? "continued" : stopped ? "stopped" : exited ? "exit" : "signal");
    if (exited)
        json_int(object, "status", status >> 8 & 0xff);
    else
        json_null(object, "status");
    json_signal(object, "signal", continued || exited ? 0 : stopped ? status >> 8 & 0xff : status & 0x7f);
}

static void session_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_session r = FT_GET(session, e->record);
    json_string(object, "api", text_session_api(r.api));
    json_int(object, "result", r.result);
}

static void credentials_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_cred r = FT_GET(cred, e->record);
    bool path = r.api == FT_CRED_chroot;
    json_string(object, "api", text_cred_api(r.api));
    cJSON *ids = cJSON_AddArrayToObject(object, "ids");
    for (int i = 0; i < 4 && !path; i++) cJSON_AddItemToArray(ids, cJSON_CreateNumber((int32_t)r.ids[i]));
    if (path)
        string_of(object, "path", t, r.ids[0]);
    else
        json_null(object, "path");
    json_int(object, "errno", r.error);
}

static void note_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_note r = FT_GET(note, e->record);
    json_string(object, "note", ft_note_text(r.what));
    string_of(object, "about", t, r.text);
}

/* --- threads ---------------------------------------------------------------------------------- */

static void create_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_thread_create r = FT_GET(thread_create, e->record);
    json_id(object, "child", 't', e->child);
    json_int(object, "errno", r.error > 0 ? r.error : 0);
    json_bool(object, "detached", r.detached);
}

static void target_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    json_id(object, "target", 't', e->child);
    json_int(object, "errno", FT_GET(thread_op, e->record).error);
}

static void name_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_thread_name r = FT_GET(thread_name, e->record);
    json_id(object, "target", 't', e->child);
    json_bytes(object, "name", r.name, strnlen(r.name, sizeof r.name));
}

static void no_fields(cJSON *object, const struct timeline *t, const struct event *e) {}

static void atfork_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_atfork r = FT_GET(atfork, e->record);
    struct named n = names_at(t, e->process, e->ns, r.handler);
    json_string(object, "phase", text_atfork_phase(r.phase));
    json_string(object, "registered_for",
                r.phase == FT_ATFORK_registered ? text_atfork_phase(r.which) : NULL);
    json_string(object, "object", n.path);
    json_string(object, "symbol", n.symbol);
    json_uint(object, "ns_taken", r.ns);
}

/* --- signals ---------------------------------------------------------------------------------- */

static void disposition(cJSON *object, const char *key, const struct timeline *t, const struct event *e,
                        uint64_t handler, struct python_function python)
{
    cJSON *d = cJSON_AddObjectToObject(object, key);
    bool ignored = handler == (uint64_t)(uintptr_t)SIG_IGN,
         fallback = handler == (uint64_t)(uintptr_t)SIG_DFL;
    struct named n = ignored || fallback ? (struct named){0} : names_at(t, e->process, e->ns, handler);
    json_string(d, "disposition", fallback ? "default" : ignored ? "ignore" : "handler");
    json_string(d, "handler", n.symbol);
    json_string(d, "object", n.path);
    if (n.path)
        json_uint(d, "offset", n.in_object);
    else
        json_null(d, "offset");
    json_python(d, "python", &python);
}

static void flag_names(cJSON *object, uint32_t flags)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } names[] = {{SA_NOCLDSTOP, "SA_NOCLDSTOP"}, {SA_NOCLDWAIT, "SA_NOCLDWAIT"}, {SA_SIGINFO, "SA_SIGINFO"},
                 {SA_ONSTACK, "SA_ONSTACK"},     {SA_RESTART, "SA_RESTART"},     {SA_NODEFER, "SA_NODEFER"},
                 {SA_RESETHAND, "SA_RESETHAND"}};
    cJSON *array = cJSON_AddArrayToObject(object, "flags");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (flags & names[i].bit) cJSON_AddItemToArray(array, json_array_string(names[i].name));
}

static void sigaction_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_sigaction r = FT_GET(sigaction, e->record);
    json_string(object, "api", text_sigaction_api(r.api));
    json_signal(object, "signal", r.signal);
    struct python_function replaced =
        e->child == NONE ? (struct python_function){0} : timeline_python_handler(t, &t->events[e->child]);
    disposition(object, "old", t, e, r.old_handler, replaced);
    disposition(object, "new", t, e, r.new_handler, timeline_python_handler(t, e));
    flag_names(object, r.flags);
    json_mask(object, "mask", r.mask);
}

static void sigmask_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    static const char *const hows[] = {
        [SIG_BLOCK] = "SIG_BLOCK", [SIG_UNBLOCK] = "SIG_UNBLOCK", [SIG_SETMASK] = "SIG_SETMASK"};
    struct ft_sigmask r = FT_GET(sigmask, e->record);
    json_string(object, "api", text_sigmask_api(r.api));
    json_string(object, "how", r.how < sizeof hows / sizeof *hows ? hows[r.how] : NULL);
    json_mask(object, "old", r.old_mask);
    json_mask(object, "new", r.new_mask);
}

static void kill_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_kill r = FT_GET(kill, e->record);
    json_string(object, "api", text_kill_api(r.api));
    json_signal(object, "signal", r.signal);
    json_id(object, "target", timeline_kill_thread(e) ? 't' : 'p', e->child);
    /* A pthread_t is no pid: the thread says which process it is. */
    if (timeline_kill_thread(e) && e->child != NONE)
        json_uint(object, "target_pid", t->processes[t->threads[e->child].process].pid);
    else if (timeline_kill_thread(e))
        json_null(object, "target_pid");
    else
        json_int(object, "target_pid", r.target);
    json_int(object, "errno", r.error);
    json_index(object, "taken", timeline_taken(t, e));
}

static void signal_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct sender s = timeline_sender(t, e);
    json_signal(object, "signal", s.signal);
    json_id(object, "sender", 'p', s.process);
    json_id(object, "sender_thread", 't', s.thread);
    if (s.pid)
        json_uint(object, "sender_pid", s.pid);
    else
        json_null(object, "sender_pid"); /* the kernel itself */
    json_string(object, "sender_name", s.name);
    json_int(object, "code", s.code);
}

/* --- waiting ---------------------------------------------------------------------------------- */

static void lock(cJSON *object, const struct timeline *t, const struct event *e, uint64_t address,
                 unsigned kind)
{
    struct named n = names_at(t, e->process, e->ns, address);
    char symbol[NAMES_TEXT];
    cJSON *l = cJSON_AddObjectToObject(object, "lock");
    json_hex(l, "address", address);
    json_string(l, "kind", text_wait_kind(kind));
    json_string(l, "meaning", names_python_lock(&n));
    json_string(l, "symbol", n.symbol ? names_text(symbol, sizeof symbol, &n) : NULL);
    json_string(l, "object", n.path);
}

static void lock_wait_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_wait r;
    if (e->record->type == FT_WAIT_SLOT) {
        struct ft_wait_slot slot = FT_GET(wait_slot, e->record);
        r = (struct ft_wait){
            .address = slot.address, .second = slot.second, .owner_tid = slot.owner_tid, .kind = slot.kind};
    } else {
        r = FT_GET(wait, e->record);
    }
    lock(object, t, e, r.address, r.kind);
    json_id(object, "owner", 't', e->child);
    if (r.owner_tid)
        json_uint(object, "owner_tid", r.owner_tid);
    else
        json_null(object, "owner_tid");
    if (r.owner_tid)
        json_bool(object, "owner_alive_here", timeline_owner_alive(t, e));
    else
        json_null(object, "owner_alive_here");
    json_int(object, "waited_ns", timeline_duration(t, e));
    if (timeline_timed(e))
        json_bool(object, "timed", timeline_timed(e) == FT_TIMED); /* it gives up at a time of its own */
    else
        json_null(object, "timed");
    json_bool(object, "ended", !(e->flags & EVENT_UNFINISHED));
    json_bool(object, "alone", timeline_alone(t, e)); /* no other thread of its process could end it */
    cJSON *awaited = cJSON_AddArrayToObject(object, "waits_for");
    thread_id a = NONE;
    for (int i = 0; i < AWAITED && (a = timeline_awaited(t, e, a)) != NONE; i++) {
        char id[16];
        snprintf(id, sizeof id, "t%u", a);
        cJSON_AddItemToArray(awaited, json_array_string(id));
    }
    if (r.kind == FT_WAIT_child)
        json_int(object, "child_pid", (int32_t)r.second);
    else
        json_null(object, "child_pid");
}

static void lock_held_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_held r = FT_GET(held, e->record);
    lock(object, t, e, r.address, r.kind);
    json_id(object, "holder", 't', e->child);
}

static void bind_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_bind r = FT_GET(bind, e->record);
    char address[512];
    size_t length;
    int port;
    const void *bytes = ft_tail(e->record, sizeof r, &length);
    text_sockaddr(bytes, length, address, sizeof address, &port);
    json_string(object, "address", address);
    if (port < 0)
        json_null(object, "port");
    else
        json_int(object, "port", port);
    json_int(object, "fd", r.fd);
    json_int(object, "errno", r.error);
    event_id before = timeline_bound_before(t, e);
    json_id(object, "holder", 'p', before == NONE ? NONE : t->events[before].process);
    if (before == NONE)
        json_null(object, "held_by"); /* the event by which it was bound */
    else
        json_uint(object, "held_by", before);
}

/* --- pitfalls ----------------------------------------------------------------------------------- */

static void stdio_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_stdio r = FT_GET(stdio, e->record);
    json_string(object, "what", r.what == FT_STDIO_WRITTEN ? "written" : "pending");
    json_id(object, "child", 'p', e->child);
    json_int(object, "fd", r.fd);
    string_of(object, "path", t, r.path);
    json_uint(object, "bytes", r.bytes);
}

static void unsafe_call_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    json_string(object, "function", text_unsafe(FT_GET(unsafe_call, e->record).function));
}

static void no_child_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_no_child r = FT_GET(no_child, e->record);
    json_string(object, "api", text_reap_api(r.api));
    json_id(object, "child", 'p', e->child);
    json_int(object, "pid", r.pid);
}

static void fd_use_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_fd_use r = FT_GET(fd_use, e->record);
    char address[512];
    size_t length;
    int port;
    const void *bytes = ft_tail(e->record, offsetof(struct ft_fd_use, address), &length);
    text_sockaddr(bytes, length, address, sizeof address, &port);
    json_int(object, "fd", r.fd);
    json_uint(object, "connection", r.connection);
    json_string(object, "kind",
                r.flags & FT_FD_EPOLL      ? "epoll"
                : r.flags & FT_FD_ACCEPTED ? "accepted"
                                           : "connected");
    json_string(object, "address", *address ? address : NULL);
    if (port < 0)
        json_null(object, "port");
    else
        json_int(object, "port", port);
    json_string(object, "direction", r.direction == FT_FD_WRITES ? "write" : "read");
    json_id(object, "before", 't', e->child);
    json_id(object, "other", 't', timeline_task(t, r.other));
    json_id(object, "inside", 't', timeline_task(t, r.inside));
    json_uint(object, "turns", r.turn);
}

/* --- globals ------------------------------------------------------------------------------------ */

/* Of a C global. */
static bool store_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    bool exact;
    const char *file = NULL;
    int line = 0;
    uint64_t pc = timeline_store(t, e, &exact);
    const char *engine = timeline_engine(t, e);
    if (!engine) return false;
    bool known = pc && names_line(t, e->process, e->ns, pc, &file, &line);
    json_string(object, "engine", engine);
    json_bool(object, "exact", exact);
    json_string(object, "file", file);
    if (known)
        json_int(object, "line", line);
    else
        json_null(object, "line");
    return true;
}

static void write_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    char text[512];
    copy_id copy = timeline_copy_written(t, e);
    struct value value = timeline_written(t, e);
    if (copy == NONE)
        value_format(value, text, sizeof text);
    else
        names_value(text, sizeof text, t, &t->copies[copy], value);
    json_id(object, "global", 'g', e->child);
    json_id(object, "copy", 'c', copy);
    json_null(object, "old");
    json_string(object, "value", text);
    if (store_fields(object, t, e)) return;
    struct ft_py_write r = {0};
    timeline_python_write(t, e, &r);
    json_string(object, "engine", "python");
    json_bool(object, "exact", true);
    bool line = r.file && e->type == EVENT_WRITE; /* a shutdown comes from no line */
    string_of(object, "file", t, line ? r.file : 0);
    if (line)
        json_uint(object, "line", r.line);
    else
        json_null(object, "line");
}

static void greenlet_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    json_id(object, "greenlet", 't', e->child);
}

static void change_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    char text[256];
    struct value old = timeline_changed_from(t, e);
    json_id(object, "global", 'g', e->child);
    json_id(object, "copy", 'c', timeline_copy_written(t, e));
    value_format(old, text, sizeof text);
    json_string(object, "old", t->globals[e->child].c && !old.known ? NULL : text);
    value_format(timeline_written(t, e), text, sizeof text);
    json_string(object, "value", text);
    json_string(object, "engine", t->globals[e->child].c ? "sample" : "python");
    json_bool(object, "exact", false); /* in between it may have been anything */
}

static void greenlet_run_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct python_function ran = timeline_greenlet_ran(t, e);
    json_id(object, "greenlet", 't', e->child);
    json_python(object, "python", &ran);
    json_int(object, "ran_ns", timeline_duration(t, e));
    json_bool(object, "ended", !(e->flags & EVENT_UNFINISHED));
    json_uint(object, "others", timeline_greenlets_waiting(t, e));
}

/* --- all ---------------------------------------------------------------------------------------- */

static fields *const by_type[EVENT_TYPE_COUNT] = {
    [EVENT_FORK] = fork_fields,
    [EVENT_EXEC] = exec_fields,
    [EVENT_EXEC_FAILED] = exec_failed_fields,
    [EVENT_EXIT] = exit_fields,
    [EVENT_WAIT] = wait_fields,
    [EVENT_THREAD_CREATE] = create_fields,
    [EVENT_THREAD_START] = no_fields,
    [EVENT_THREAD_END] = no_fields,
    [EVENT_THREAD_JOIN] = target_fields,
    [EVENT_THREAD_DETACH] = target_fields,
    [EVENT_THREAD_CANCEL] = target_fields,
    [EVENT_THREAD_NAME] = name_fields,
    [EVENT_SIGACTION] = sigaction_fields,
    [EVENT_SIGMASK] = sigmask_fields,
    [EVENT_KILL] = kill_fields,
    [EVENT_SIGNAL] = signal_fields,
    [EVENT_LOCK_WAIT] = lock_wait_fields,
    [EVENT_LOCK_HELD] = lock_held_fields,
    [EVENT_ATFORK] = atfork_fields,
    [EVENT_BIND] = bind_fields,
    [EVENT_SESSION] = session_fields,
    [EVENT_CREDENTIALS] = credentials_fields,
    [EVENT_NOTE] = note_fields,
    [EVENT_WRITE] = write_fields,
    [EVENT_CHANGE] = change_fields,
    [EVENT_TEARDOWN] = write_fields,
    [EVENT_STDIO] = stdio_fields,
    [EVENT_UNSAFE_CALL] = unsafe_call_fields,
    [EVENT_NO_CHILD] = no_child_fields,
    [EVENT_GREENLET] = greenlet_fields,
    [EVENT_GREENLET_RUN] = greenlet_run_fields,
    [EVENT_FD_USE] = fd_use_fields,
};

cJSON *json_event(const struct timeline *t, event_id i)
{
    const struct event *e = &t->events[i];
    cJSON *object = cJSON_CreateObject();
    json_uint(object, "i", i);
    json_int(object, "ns", e->ns);
    json_id(object, "process", 'p', e->process);
    json_id(object, "thread", 't', e->thread);
    json_uint(object, "image", e->image);
    json_string(object, "type", event_type_name(e->type));
    by_type[e->type](object, t, e);
    json_bool(object, "inferred", e->flags & EVENT_INFERRED);
    json_string(object, "seen_by",
                e->flags & EVENT_KERNEL     ? "ebpf"
                : e->flags & EVENT_INFERRED ? NULL
                                            : "preload");
    cJSON_AddItemToObject(object, "stack", json_frames(t, e));
    return object;
}
