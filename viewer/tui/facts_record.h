/*
 * facts_record.h: what the record of an event says, one function a type; for
 * the table in facts_event.c. Each is called with a record of its type.
 */
#ifndef TUI_FACTS_RECORD_H
#define TUI_FACTS_RECORD_H

#include "facts.h"

typedef void fact_of(struct facts *f, const struct event *e);
fact_of fact_of_fork;
fact_of fact_of_exec;
fact_of fact_of_exec_failed;
fact_of fact_of_exit;
fact_of fact_of_wait;
fact_of fact_of_no_child;
fact_of fact_of_fd_use;
fact_of fact_of_stdio;
fact_of fact_of_unsafe_call;
fact_of fact_of_thread_create;
fact_of fact_of_greenlet;
fact_of fact_of_greenlet_run;
fact_of fact_of_thread_op;
fact_of fact_of_thread_name;
fact_of fact_of_lock_wait;
fact_of fact_of_lock_held;
fact_of fact_of_atfork;
fact_of fact_of_bind;
fact_of fact_of_session;
fact_of fact_of_credentials;
fact_of fact_of_write;
fact_of fact_of_change;
fact_of fact_of_note;
fact_of fact_of_sigaction;
fact_of fact_of_sigmask;
fact_of fact_of_kill;
fact_of fact_of_signal;

/* "failed", and with what errno; nothing if it is 0. */
void fact_error(struct facts *f, int error);

#endif
