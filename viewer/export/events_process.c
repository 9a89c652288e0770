/*
 * events_process.c: events of processes and threads as JSON: the fields of each type.
 */
#include <signal.h>
#include <string.h>

#include "events.h"
#include "viewer/names.h"
#include "viewer/text.h"

void event_fork_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_fork r = e->record ? FT_GET(fork, e->record) : (struct ft_fork){0};
    if (e->record)
        json_string(object, "api", text_fork_api(r.api));
    else
        json_null(object, "api");
    json_id(object, "child", 'p', e->child);
    json_int(object, "errno", event_error(r.result));
}

void event_exec_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    json_uint(object, "image", e->image + 1u);
    event_string(object, "path", t, FT_GET(exec, e->record).path);
}

void event_exec_failed_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    /* FT_EXEC and FT_EXEC_FAILED both name it; the event has either. */
    bool call = e->record->type == FT_EXEC;
    event_string(object, "path", t,
                 call ? FT_GET(exec, e->record).path : FT_GET(exec_failed, e->record).path);
    json_int(object, "errno", (int32_t)e->child);
}

void event_exit_fields(cJSON *object, const struct timeline *t, const struct event *e)
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

void event_wait_fields(cJSON *object, const struct timeline *t, const struct event *e)
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

void event_session_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_session r = FT_GET(session, e->record);
    json_string(object, "api", text_session_api(r.api));
    json_int(object, "result", r.result);
}

void event_credentials_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_cred r = FT_GET(cred, e->record);
    bool path = r.api == FT_CRED_chroot;
    json_string(object, "api", text_cred_api(r.api));
    cJSON *ids = cJSON_AddArrayToObject(object, "ids");
    for (int i = 0; i < 4 && !path; i++) cJSON_AddItemToArray(ids, cJSON_CreateNumber((int32_t)r.ids[i]));
    if (path)
        event_string(object, "path", t, r.ids[0]);
    else
        json_null(object, "path");
    json_int(object, "errno", r.error);
}

void event_note_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_note r = FT_GET(note, e->record);
    json_string(object, "note", ft_note_text(r.what));
    event_string(object, "about", t, r.text);
}

/* --- threads ---------------------------------------------------------------------------------- */

void event_create_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_thread_create r = FT_GET(thread_create, e->record);
    json_id(object, "child", 't', e->child);
    json_int(object, "errno", r.error > 0 ? r.error : 0);
    json_bool(object, "detached", r.detached);
}

void event_target_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    json_id(object, "target", 't', e->child);
    json_int(object, "errno", FT_GET(thread_op, e->record).error);
}

void event_name_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_thread_name r = FT_GET(thread_name, e->record);
    json_id(object, "target", 't', e->child);
    json_bytes(object, "name", r.name, strnlen(r.name, sizeof r.name));
}

void event_no_fields(cJSON *object, const struct timeline *t, const struct event *e) {}

void event_atfork_fields(cJSON *object, const struct timeline *t, const struct event *e)
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
