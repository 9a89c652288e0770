/*
 * waits.c: locks that were held by another thread, and threads waited for. That
 * a wait took long depends on the machine and the load: it is shown. It counts
 * that its owner does not exist in the process that waits.
 */
#include <string.h>

#include "diff.h"

#define LONG    "waited for"
#define ENDLESS "waited for to the end"
#define LOST    "waited for to the end, though its owner does not exist"

static void end_of(char *buffer, size_t room, const char *thread)
{
    char name[200];
    text_escape(name, sizeof name, thread, strlen(thread)); /* cut at a whole character */
    snprintf(buffer, room, "the end of `%s`", name);
}

static void one(struct diff *d, int run, event_id i)
{
    const struct timeline *t = d->runs[run].t;
    struct event e = timeline_event(t, i);
    if (!e.record) return;
    char lock[NAMES_TEXT], subject[NAMES_TEXT + 32], name[NAMES_TEXT], place[NAMES_TEXT];
    thread_id awaited = timeline_awaited(t, &e, NONE);
    bool owned = e.child != NONE && e.child < t->thread_count, endless = e.flags & EVENT_UNFINISHED;
    if ((!owned && awaited == NONE) || is_gil(t, &e)) return;
    thread_id whom = awaited != NONE ? awaited : e.child;
    bool ghost = awaited != NONE ? t->threads[whom].process != e.process : !timeline_owner_alive(t, &e);
    if (awaited != NONE || wait_of(&e).kind == FT_WAIT_join)
        end_of(subject, sizeof subject, word_thread(name, t, whom));
    else
        snprintf(subject, sizeof subject, "%s",
                 word_lock(lock, t, &e, wait_of(&e).address, wait_of(&e).kind, whom));
    struct mention *m = mention(&d->mentions[run], SECTION_WAITS, e.process, subject,
                                !endless ? LONG
                                : ghost  ? LOST
                                         : ENDLESS);
    m->counts = endless && ghost;
    mention_detail(m, word_place(place, t, i));
}

void mention_waits(struct diff *d, int run)
{
    size_t count;
    const event_id *waits = timeline_events_of_type(d->runs[run].t, EVENT_LOCK_WAIT, &count);
    for (size_t i = 0; i < count; i++) one(d, run, waits[i]);
}
