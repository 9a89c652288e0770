/*
 * facts.h: lanes and events put into words, line by line, for the details pane
 * and for the search. Strings may hold anything a traced program put there:
 * the grid escapes them.
 */
#ifndef TUI_FACTS_H
#define TUI_FACTS_H

#include <stddef.h>

#include "style.h"
#include "viewer/names.h"

struct fact {
    const char *key; /* static; NULL: a line of its own */
    char *value;
    uint8_t style;
};

struct facts {
    struct fact *fact;
    size_t count, room;
    const struct timeline *timeline;
};

void facts_free(struct facts *f);
void facts_add(struct facts *f, const char *key, enum style style, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* What facts are made of; nothing is added for what is unknown (NONE, 0, no name). */
void facts_add_process(struct facts *f, const char *key, process_id p);
void facts_add_thread(struct facts *f, const char *key, thread_id thread);
void facts_add_address(struct facts *f, const char *key, const struct event *e, uint64_t address);
void facts_add_python(struct facts *f, const char *key, struct python_function function);
void facts_add_mask(struct facts *f, const char *key, uint64_t mask);
void facts_add_stack(struct facts *f, const struct event *e);

/* One line: "fork → uwsgi worker 1". */
void fact_event_line(const struct timeline *t, event_id event, char *buffer, size_t size);
void facts_event(struct facts *f, event_id event);
void facts_process(struct facts *f, process_id process);
void facts_thread(struct facts *f, thread_id thread);
/* A global and all its copies; `copy` is the one looked at. */
void facts_copy(struct facts *f, copy_id copy);
void facts_ghost(struct facts *f, process_id process, uint32_t ghost);

/* Short names for lanes; never empty. */
const char *process_name(const struct timeline *t, process_id process);
/* From its name, or its start routine, or its tid; in buffer or the timeline's. */
const char *thread_name(const struct timeline *t, thread_id thread, char *buffer, size_t size);
/* "ticker (app.py:18)": with the Python line that created it, where that is known. */
const char *thread_label(const struct timeline *t, thread_id thread, char *buffer, size_t size);
/* "exit 0", "SIGKILL", "vanished". */
const char *end_text(const struct process *p, char *buffer, size_t size);
/* What an event is about; NONE if nothing of that kind. */
process_id fact_process_about(const struct timeline *t, const struct event *e);
thread_id fact_thread_about(const struct timeline *t, const struct event *e);

/* A LOCK_WAIT, ended or not; zeros if nothing was recorded. */
struct wait_facts {
    uint32_t kind; /* enum ft_wait_kind */
    uint64_t address, second;
    uint32_t owner_tid;
};
struct wait_facts wait_facts_of(const struct event *e);

#endif
