/*
 * binds.c: whose address it is that a bind() found in use.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "build.h"

#define TRIES 1000 /* earlier binds looked at: more only a forged file has */

struct address {
    const uint8_t *bytes; /* what follows the family and port */
    size_t length;
    uint16_t family, port;
    bool any; /* 0.0.0.0 or :: */
    bool known;
};

static struct address address_of(const struct event *e)
{
    struct address a = {0};
    size_t length;
    const uint8_t *raw = ft_tail(e->record, sizeof(struct ft_bind), &length);
    if (length < sizeof a.family) return a;
    memcpy(&a.family, raw, sizeof a.family);
    size_t at = sizeof a.family, size = length - at;
    if (a.family == AF_INET) at = offsetof(struct sockaddr_in, sin_addr), size = sizeof(struct in_addr);
    if (a.family == AF_INET6) at = offsetof(struct sockaddr_in6, sin6_addr), size = sizeof(struct in6_addr);
    if (at + size > length) return a;
    a.bytes = raw + at;
    a.length = size;
    a.known = true;
    if (a.family != AF_INET && a.family != AF_INET6) return a;
    memcpy(&a.port, raw + offsetof(struct sockaddr_in, sin_port),
           sizeof a.port); /* at the same place in both */
    a.any = true;
    for (size_t i = 0; i < size; i++) a.any &= !a.bytes[i];
    return a;
}

/* Can the one be in use because of the other? Port 0 asks for any free one. */
static bool collide(struct address a, struct address b)
{
    if (!a.known || !b.known) return false;
    bool in = a.family == AF_INET || a.family == AF_INET6,
         in_too = b.family == AF_INET || b.family == AF_INET6;
    if (in && in_too && (!a.port || a.port != b.port)) return false;
    if (in && in_too && (a.any || b.any)) return a.family == b.family || (a.any && b.any);
    return a.family == b.family && a.length == b.length && !memcmp(a.bytes, b.bytes, a.length);
}

/* A socket lives in who made it and in all forked from there; parents come before their children. */
static bool lives_on(const struct timeline *t, process_id p, int64_t ns)
{
    bool *below = calloc(t->process_count, sizeof *below), alive = false;
    for (process_id q = p; below && !alive && q < t->process_count; q++) {
        const struct process *process = &t->processes[q];
        below[q] = q == p || (process->parent < q && below[process->parent]);
        alive = below[q] && process->start <= ns && (process->end == NEVER || process->end > ns);
    }
    free(below);
    return alive;
}

void binds_finish(struct build *b)
{
    size_t count;
    const event_id *binds = timeline_events_of_type(b->t, EVENT_BIND, &count);
    for (size_t i = 0; i < count; i++) {
        const struct event *e = EVENT_AT(b->t, binds[i]);
        if (!e->record || FT_GET(bind, e->record).error) continue;
        b->bound = build_grow(b, b->bound, b->bound_count, sizeof *b->bound);
        b->bound[b->bound_count++] = binds[i];
    }
}

event_id timeline_bound_before(const struct timeline *t, const struct event *e)
{
    if (e->type != EVENT_BIND || !e->record || FT_GET(bind, e->record).error != EADDRINUSE) return NONE;
    const struct build *b = build_of(t);
    struct address wanted = address_of(e);
    size_t tries = 0;
    for (size_t i = b->bound_count; i-- > 0 && tries < TRIES;) {
        const struct event *other = EVENT_AT(t, b->bound[i]);
        if (other->id > e->id) continue;
        tries++;
        if (collide(wanted, address_of(other)) && lives_on(t, other->process, e->ns)) return b->bound[i];
    }
    return NONE;
}
