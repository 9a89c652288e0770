/*
 * fd_uses.c: which events are about the same connection: its number is the
 * same in all processes forked from one image.
 */
#include "fd_uses.h"

#include <stdlib.h>
#include <string.h>

struct use {
    uint32_t family, connection;
    event_id event;
};

static struct use use_of(const struct timeline *t, event_id i)
{
    const struct event *e = EVENT_AT(t, i);
    const struct process *p = &t->processes[e->process];
    uint32_t family = e->image < p->image_count ? p->images[e->image].family : UINT32_MAX - e->process;
    return (struct use){family, fd_use(t, i).connection, i};
}

static int in_order(const void *a, const void *b)
{
    const struct use *x = a, *y = b;
    if (x->family != y->family) return x->family < y->family ? -1 : 1;
    if (x->connection != y->connection) return x->connection < y->connection ? -1 : 1;
    return x->event < y->event ? -1 : x->event > y->event;
}

struct fd_uses fd_uses_of(struct findings *f)
{
    const struct timeline *t = f->timeline;
    struct fd_uses u = {0};
    const event_id *events = timeline_events_of_type(t, EVENT_FD_USE, &u.count);
    if (!u.count) return u;
    struct use *uses = malloc(u.count * sizeof *uses);
    u.list = malloc(u.count * sizeof *u.list);
    if (!uses || !u.list) {
        f->failed = true;
        free(uses), fd_uses_free(&u);
        return u;
    }
    for (size_t i = 0; i < u.count; i++) uses[i] = use_of(t, events[i]);
    qsort(uses, u.count, sizeof *uses, in_order);
    for (size_t i = 0; i < u.count; i++) u.list[i] = uses[i].event;
    free(uses);
    return u;
}

void fd_uses_free(struct fd_uses *u)
{
    free(u->list);
    *u = (struct fd_uses){0};
}

size_t fd_uses_end(const struct timeline *t, const struct fd_uses *u, size_t from)
{
    struct use first = use_of(t, u->list[from]);
    size_t end = from + 1;
    for (; end < u->count; end++) {
        struct use next = use_of(t, u->list[end]);
        if (next.family != first.family || next.connection != first.connection) break;
    }
    return end;
}

const char *word_connection(char *buffer, const struct timeline *t, const event_id *events, size_t count)
{
    char address[NAMES_TEXT - 16];
    buffer[0] = 0;
    for (size_t i = 0; i < count; i++) {
        size_t length;
        int port;
        const void *bytes =
            ft_tail(EVENT_AT(t, events[i])->record, offsetof(struct ft_fd_use, address), &length);
        if (!length) continue;
        text_sockaddr(bytes, length, address, sizeof address, &port);
        if (!*address) continue;
        if (port >= 0)
            snprintf(buffer, NAMES_TEXT, strchr(address, ':') ? "[%s]:%d" : "%s:%d", address, port);
        else
            snprintf(buffer, NAMES_TEXT, "%s", address);
        break;
    }
    return buffer;
}
