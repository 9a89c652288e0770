/*
 * hidden.c: children whose pid their creator never told us: those of system()
 * and popen(), and of calls that had not returned. They are recognised by
 * their birth certificate (its ppid) or by the wait for them.
 */
#include "build.h"

#define LOOK_BACK 64 /* calls at once in one process that are told apart */

void hidden_add(struct build *b, event_id fork)
{
    struct process_more *p = &b->processes[event_about(b, fork)->process];
    b->hiddens = build_grow(b, b->hiddens, b->hidden_count, sizeof *b->hiddens);
    b->hiddens[b->hidden_count] = (struct hidden){.event = fork, .older = p->hidden};
    p->hidden = (uint32_t)b->hidden_count++;
}

void hidden_note(struct build *b, event_id fork, unsigned api)
{
    const struct event *e = EVENT_AT(b->t, fork);
    if (api == FT_FORK_system) b->threads[e->thread].system = fork;
    if (api != FT_FORK_popen) return;
    b->processes[e->process].popen = fork;
    b->processes[e->process].popens++;
}

static process_id make(struct build *b, event_id fork, uint32_t pid)
{
    const struct event *e = EVENT_AT(b->t, fork);
    struct ft_fork record = FT_GET(fork, e->record);
    bool hidden;
    struct birth birth = process_kind(record.api, &hidden);
    birth.pid = pid;
    birth.creator = e->thread;
    birth.fork = fork;
    birth.ns = e->ns;
    return process_add(b, &birth);
}

process_id hidden_take(struct build *b, process_id parent, thread_id thread, uint32_t pid)
{
    uint32_t *at = &b->processes[parent].hidden;
    for (int i = 0; i < LOOK_BACK && *at != NONE; i++) {
        struct hidden *h = &b->hiddens[*at];
        if (thread == NONE || event_about(b, h->event)->thread == thread) {
            *at = h->older;
            return make(b, h->event, pid);
        }
        at = &h->older;
    }
    return NONE;
}

process_id hidden_reaped(struct build *b, thread_id reaper, unsigned reap_api)
{
    struct process_more *p = &b->processes[b->t->threads[reaper].process];
    event_id fork = reap_api == FT_REAP_system ? b->threads[reaper].system : p->popens == 1 ? p->popen : NONE;
    if (reap_api == FT_REAP_pclose && p->popens) p->popens--;
    if (fork == NONE) return NONE;
    uint32_t child = event_about(b, fork)->child;
    return child != NONE ? child : hidden_take(b, b->t->threads[reaper].process, reaper, 0);
}

/* A call that succeeded had a child, even if that child never said a word. */
void hidden_finish(struct build *b)
{
    size_t count = b->t->process_count; /* those added below have none */
    for (size_t p = 0; p < count; p++)
        for (uint32_t h = b->processes[p].hidden; h != NONE; h = b->hiddens[h].older)
            if (FT_GET(fork, event_about(b, b->hiddens[h].event)->record).result > 0)
                make(b, b->hiddens[h].event, 0);
}
