/*
 * events_wait.c: waits, and what goes wrong with forks, as JSON: the fields of each type of event.
 */
#include <signal.h>
#include <string.h>

#include "events.h"
#include "viewer/names.h"
#include "viewer/text.h"

#define AWAITED 64 /* threads one of which a wait is for, that are named */

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

void event_lock_wait_fields(cJSON *object, const struct timeline *t, const struct event *e)
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

void event_lock_held_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_held r = FT_GET(held, e->record);
    lock(object, t, e, r.address, r.kind);
    json_id(object, "holder", 't', e->child);
}

void event_bind_fields(cJSON *object, const struct timeline *t, const struct event *e)
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
    json_id(object, "holder", 'p', before == NONE ? NONE : EVENT_AT(t, before)->process);
    if (before == NONE)
        json_null(object, "held_by"); /* the event by which it was bound */
    else
        json_uint(object, "held_by", before);
}

/* --- pitfalls --------------------------------------------------------------------------------- */

void event_stdio_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_stdio r = FT_GET(stdio, e->record);
    json_string(object, "what", r.what == FT_STDIO_WRITTEN ? "written" : "pending");
    json_id(object, "child", 'p', e->child);
    json_int(object, "fd", r.fd);
    event_string(object, "path", t, r.path);
    json_uint(object, "bytes", r.bytes);
}

void event_unsafe_call_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    json_string(object, "function", text_unsafe(FT_GET(unsafe_call, e->record).function));
}

void event_no_child_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct ft_no_child r = FT_GET(no_child, e->record);
    json_string(object, "api", text_reap_api(r.api));
    json_id(object, "child", 'p', e->child);
    json_int(object, "pid", r.pid);
}

void event_fd_use_fields(cJSON *object, const struct timeline *t, const struct event *e)
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
