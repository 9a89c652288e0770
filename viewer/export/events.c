/*
 * events.c: events as JSON: what all have. The fields of each type are in
 * events_*.c.
 */
#include "events.h"
#include "viewer/text.h"

void event_string(cJSON *object, const char *key, const struct timeline *t, ft_ref ref)
{
    size_t length;
    bool cut;
    const char *bytes = ft_reader_string(t->reader, ref, &length, &cut);
    if (ref && ft_reader_find(t->reader, ref, FT_STRING))
        json_bytes(object, key, bytes, length);
    else
        json_null(object, key);
}

int event_error(int32_t result) { return result < 0 && result > -4096 ? -result : 0; }

static fields *const by_type[EVENT_TYPE_COUNT] = {
    [EVENT_FORK] = event_fork_fields,
    [EVENT_EXEC] = event_exec_fields,
    [EVENT_EXEC_FAILED] = event_exec_failed_fields,
    [EVENT_EXIT] = event_exit_fields,
    [EVENT_WAIT] = event_wait_fields,
    [EVENT_THREAD_CREATE] = event_create_fields,
    [EVENT_THREAD_START] = event_no_fields,
    [EVENT_THREAD_END] = event_no_fields,
    [EVENT_THREAD_JOIN] = event_target_fields,
    [EVENT_THREAD_DETACH] = event_target_fields,
    [EVENT_THREAD_CANCEL] = event_target_fields,
    [EVENT_THREAD_NAME] = event_name_fields,
    [EVENT_SIGACTION] = event_sigaction_fields,
    [EVENT_SIGMASK] = event_sigmask_fields,
    [EVENT_KILL] = event_kill_fields,
    [EVENT_SIGNAL] = event_signal_fields,
    [EVENT_LOCK_WAIT] = event_lock_wait_fields,
    [EVENT_LOCK_HELD] = event_lock_held_fields,
    [EVENT_ATFORK] = event_atfork_fields,
    [EVENT_BIND] = event_bind_fields,
    [EVENT_SESSION] = event_session_fields,
    [EVENT_CREDENTIALS] = event_credentials_fields,
    [EVENT_NOTE] = event_note_fields,
    [EVENT_WRITE] = event_write_fields,
    [EVENT_CHANGE] = event_change_fields,
    [EVENT_TEARDOWN] = event_write_fields,
    [EVENT_STDIO] = event_stdio_fields,
    [EVENT_UNSAFE_CALL] = event_unsafe_call_fields,
    [EVENT_NO_CHILD] = event_no_child_fields,
    [EVENT_GREENLET] = event_greenlet_fields,
    [EVENT_GREENLET_RUN] = event_greenlet_run_fields,
    [EVENT_FD_USE] = event_fd_use_fields,
};

cJSON *json_event_itself(const struct timeline *t, event_id i)
{
    const struct event *e = EVENT_AT(t, i);
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
    return object;
}

cJSON *json_event(const struct timeline *t, event_id i)
{
    cJSON *object = json_event_itself(t, i);
    cJSON_AddItemToObject(object, "stack", json_frames(t, EVENT_AT(t, i)));
    return object;
}
