/*
 * events.h: the fields that a type of event has besides those all have
 * (events.c), one function a type.
 */
#ifndef EXPORT_EVENTS_H
#define EXPORT_EVENTS_H

#include "json.h"

typedef void fields(cJSON *object, const struct timeline *t, const struct event *e);

fields event_fork_fields;
fields event_exec_fields;
fields event_exec_failed_fields;
fields event_exit_fields;
fields event_wait_fields;
fields event_create_fields;
fields event_no_fields;
fields event_target_fields;
fields event_name_fields;
fields event_sigaction_fields;
fields event_sigmask_fields;
fields event_kill_fields;
fields event_signal_fields;
fields event_lock_wait_fields;
fields event_lock_held_fields;
fields event_atfork_fields;
fields event_bind_fields;
fields event_session_fields;
fields event_credentials_fields;
fields event_note_fields;
fields event_write_fields;
fields event_change_fields;
fields event_stdio_fields;
fields event_unsafe_call_fields;
fields event_no_child_fields;
fields event_greenlet_fields;
fields event_greenlet_run_fields;
fields event_fd_use_fields;

/* The text of an FT_STRING, or null; the errno in a result as it was recorded, or 0. */
void event_string(cJSON *object, const char *key, const struct timeline *t, ft_ref ref);
int event_error(int32_t result);

#endif
