/*
 * fd_uses.h: the changes of a connection's user, connection by connection, for
 * the rules about them.
 */
#ifndef FINDINGS_FD_USES_H
#define FINDINGS_FD_USES_H

#include "find.h"

struct fd_uses {
    event_id *list; /* FD_USE events by connection, then by time */
    size_t count;
};

/* Nothing if there are none or memory ran out. End with fd_uses_free. */
struct fd_uses fd_uses_of(struct findings *f);
void fd_uses_free(struct fd_uses *u);
/* Behind the last event of the connection that the event at `from` is about. */
size_t fd_uses_end(const struct timeline *t, const struct fd_uses *u, size_t from);

/* The record of an FD_USE event. */
#define fd_use(t, e) FT_GET(fd_use, EVENT_AT(t, e)->record)

/* "127.0.0.1:6379", "/run/db.sock"; "" if nobody recorded where it leads. Escaped, NAMES_TEXT bytes. */
const char *word_connection(char *buffer, const struct timeline *t, const event_id *events, size_t count);

#endif
