/*
 * fd_shared_after_fork.c: fd-shared-after-fork: a connection or an epoll
 * instance from before a fork that two processes use.
 *
 * That a child goes on with what its parent opened or accepted is how a
 * connection is handed over. Shared it is when another one than the child's own
 * children takes it up after the child: the parent again, or a sibling.
 */
#include <string.h>

#include "fd_uses.h"

/* After a use by one process comes one by another that did not get it from there. */
static bool is_shared(const struct timeline *t, event_id i)
{
    const struct event *e = EVENT_AT(t, i);
    if (e->child == NONE) return false;
    process_id before = t->threads[e->child].process;
    return before != e->process && !is_ancestor(t, before, e->process);
}

static void look(struct findings *f, const event_id *events, size_t count)
{
    const struct timeline *t = f->timeline;
    char name[NAMES_TEXT], subject[NAMES_TEXT + 32];
    size_t shared = 0;
    while (shared < count && !is_shared(t, events[shared])) shared++;
    if (shared == count) return;
    if (fd_use(t, events[0]).flags & FT_FD_EPOLL)
        snprintf(subject, sizeof subject, "epoll of %s",
                 word_group(name, t, EVENT_AT(t, events[shared])->process));
    else if (*word_connection(name, t, events, count))
        snprintf(subject, sizeof subject, "%s", name);
    else
        snprintf(subject, sizeof subject, "a connection of %s",
                 word_group(name, t, EVENT_AT(t, events[shared])->process));
    struct finding *x = finding_of(f, RULE_fd_shared_after_fork, subject);
    for (size_t i = 0; i < count; i++) {
        const struct event *e = EVENT_AT(t, events[i]);
        if (e->child == NONE || t->threads[e->child].process == e->process) continue;
        finding_process(f, x, e->process);
        if (is_shared(t, events[i])) finding_process(f, x, t->threads[e->child].process);
        if (i <= shared + 8) finding_event(f, x, events[i]);
        finding_event(f, x, t->processes[e->process].fork);
    }
}

void find_fd_shared_after_fork(struct findings *f)
{
    struct fd_uses u = fd_uses_of(f);
    for (size_t i = 0, end; i < u.count; i = end) {
        end = fd_uses_end(f->timeline, &u, i);
        look(f, u.list + i, end - i);
    }
    fd_uses_free(&u);
}

void tell_fd_shared_after_fork(const struct timeline *t, struct finding *x, struct say *title,
                               struct say *why)
{
    char name[NAMES_TEXT], place[NAMES_TEXT];
    event_id use = NONE;
    for (size_t i = 0; i < x->evidence.count; i++) {
        event_id e = x->evidence.list[i];
        if (EVENT_AT(t, e)->type == EVENT_FD_USE && (use == NONE || !is_shared(t, use))) use = e;
    }
    if (use == NONE) return;
    struct ft_fd_use r = fd_use(t, use);
    bool epoll = r.flags & FT_FD_EPOLL, writes = r.direction == FT_FD_WRITES;
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title,
        epoll ? " use the same epoll instance, made before the fork."
              : " use the same connection%s%s, opened before the fork.",
        epoll                      ? ""
        : r.flags & FT_FD_ACCEPTED ? " accepted at "
                                   : " to ",
        epoll ? "" : x->subject);
    say(why, "%s %s it", word_process(name, t, EVENT_AT(t, use)->process),
        epoll    ? writes ? "changes" : "waits for"
        : writes ? "writes to"
                 : "reads from");
    if (*word_place(place, t, use)) say(why, " in %s", place);
    if (EVENT_AT(t, use)->child != NONE)
        say(why, " after %s did", word_process(name, t, t->threads[EVENT_AT(t, use)->child].process));
    say(why,
        epoll ? ". An event goes to one of those who wait for it, and descriptors are added for all of them."
              : ". What one asks, another may be answered; and TLS ends at the first record out of order.");
}
