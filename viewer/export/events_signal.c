/*
 * events_signal.c: signals as JSON: the fields of each type of event.
 */
#include <signal.h>
#include <string.h>

#include "events.h"
#include "viewer/names.h"
#include "viewer/text.h"

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

void event_sigaction_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_sigaction r = FT_GET(sigaction, e->record);
    json_string(object, "api", text_sigaction_api(r.api));
    json_signal(object, "signal", r.signal);
    struct python_function replaced =
        e->child == NONE ? (struct python_function){0} : timeline_python_handler(t, EVENT_AT(t, e->child));
    disposition(object, "old", t, e, r.old_handler, replaced);
    disposition(object, "new", t, e, r.new_handler, timeline_python_handler(t, e));
    flag_names(object, r.flags);
    json_mask(object, "mask", r.mask);
}

void event_sigmask_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    static const char *const hows[] = {
        [SIG_BLOCK] = "SIG_BLOCK", [SIG_UNBLOCK] = "SIG_UNBLOCK", [SIG_SETMASK] = "SIG_SETMASK"};
    struct ft_sigmask r = FT_GET(sigmask, e->record);
    json_string(object, "api", text_sigmask_api(r.api));
    json_string(object, "how", r.how < sizeof hows / sizeof *hows ? hows[r.how] : NULL);
    json_mask(object, "old", r.old_mask);
    json_mask(object, "new", r.new_mask);
}

void event_kill_fields(cJSON *object, const struct timeline *t, const struct event *e)
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

void event_signal_fields(cJSON *object, const struct timeline *t, const struct event *e)
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
