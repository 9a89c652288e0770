/*
 * tracks_events.c: events as marks: which of them last, where their arrows go,
 * and the values of globals over time.
 */
#include <string.h>

#include "tracks_walk.h"
#include "viewer/text.h"
#include "viewer/tui/facts.h"
#include "viewer/tui/values.h"

/* 0 is no arrow: each has the number of the event it begins at, and one. */
static uint64_t arrow_of(event_id e) { return 1 + (uint64_t)e; }

event_id walk_fork_of(const struct walk *w, process_id p)
{
    event_id e = w->t->processes[p].fork;
    if (e >= w->t->event_count || w->t->processes[p].main >= w->t->thread_count) return NONE;
    const struct event_about *about = timeline_about(w->t, e);
    return about->type == EVENT_FORK && about->child == p ? e : NONE;
}

event_id walk_create_of(const struct walk *w, thread_id thread)
{
    event_id e = w->t->threads[thread].create;
    if (e >= w->t->event_count || w->t->threads[thread].is_main) return NONE;
    const struct event_about *about = timeline_about(w->t, e);
    return about->type == EVENT_THREAD_CREATE && about->child == thread ? e : NONE;
}

/* --- what lasts ----------------------------------------------------------------------------------- */

/* Makes it a slice, if it lasts, within the one it began in. What records of several clocks say would cross
 * is cut: viewers take slices of a lane for calls in calls. */
static void last(struct walk *w, struct mark *m, int64_t duration)
{
    if (duration <= 0 || m->thread == NONE) return;
    int64_t *end = w->open[m->thread].end, limit = walk_limit(w, m->thread, m->ns);
    uint32_t *count = &w->open[m->thread].count;
    while (*count && end[*count - 1] <= m->ns) --*count;
    if (*count && end[*count - 1] < limit) limit = end[*count - 1];
    if (*count == OPEN_MOST || limit <= m->ns) return;
    m->shape = MARK_SLICE;
    m->end = limit - m->ns < duration ? limit : m->ns + duration;
    end[(*count)++] = m->end;
}

/* --- arrows --------------------------------------------------------------------------------------- */

thread_id tracks_waited_for(const struct timeline *t, const struct event *e)
{
    thread_id owner = e->type == EVENT_LOCK_WAIT ? fact_thread_about(t, e) : NONE;
    return owner < t->thread_count && owner != e->thread ? owner : NONE;
}

/* Of a thread that is not in the waiting process: where its ghost is, if there is one. */
static void place_owner(const struct walk *w, struct mark *m, const struct event *e, thread_id owner)
{
    const struct process *p = &w->t->processes[e->process];
    walk_place(w, m, e->process, owner);
    if (m->process == e->process) return;
    for (size_t g = 0; g < p->ghost_count; g++)
        if (p->ghosts[g].thread == owner) walk_place_ghost(w, m, e->process, g);
}

/* Who is waited for, on its own lane, or where it would be in the process that waits. */
static bool draw_owner(const struct walk *w, const struct event *e, thread_id owner)
{
    char who[200], line[260], safe[300];
    struct mark m = {.shape = MARK_INSTANT, .category = "lock-wait", .name = safe, .ns = e->ns};
    place_owner(w, &m, e, owner);
    m.ends = arrow_of(e->id);
    m.arrow = "wait";
    const char *name = e->thread < w->t->thread_count ? thread_name(w->t, e->thread, who, sizeof who) : "?";
    snprintf(line, sizeof line, "%s waits for this thread", name);
    text_escape(safe, sizeof safe, line, strlen(line));
    return w->format->mark(w->context, &m);
}

/* What the arrow is that begins at an event, besides that of a signal; NULL: none does. */
static const char *arrow_from(const struct walk *w, const struct event *e)
{
    const struct timeline *t = w->t;
    switch (e->type) {
    case EVENT_FORK: return e->child < t->process_count && walk_fork_of(w, e->child) == e->id ? "fork" : NULL;
    case EVENT_THREAD_CREATE:
        return e->child < t->thread_count && walk_create_of(w, e->child) == e->id ? "thread" : NULL;
    case EVENT_LOCK_WAIT: return tracks_waited_for(w->t, e) != NONE ? "wait" : NULL;
    default: return NULL;
    }
}

/* What an event made, or whom it waits for: the other end of its arrow, and what begins there. */
static bool draw_other_end(const struct walk *w, const struct event *e)
{
    if (!arrow_from(w, e)) return true;
    if (e->type == EVENT_FORK) return walk_life_of_process(w, e->child, arrow_of(e->id));
    if (e->type == EVENT_THREAD_CREATE) return walk_life_of_thread(w, e->child, arrow_of(e->id));
    return draw_owner(w, e, tracks_waited_for(w->t, e));
}

/* A signal is taken after it was sent, but two clocks say so: all KILLs are looked at before. */
static bool find_taken(struct walk *w)
{
    bool ok = true;
    for (event_id i = 0; ok && i < w->t->event_count; i++) {
        if (timeline_about(w->t, i)->type != EVENT_KILL) continue;
        event_id taken = timeline_taken(w->t, EVENT_AT(w->t, i));
        if (taken != NONE && !map_get(&w->taken, taken, 0)) ok = map_put(&w->taken, taken, 0, i);
    }
    return ok;
}

static void arrows_of_signal(const struct walk *w, struct mark *m, const struct event *e)
{
    event_id taken = e->type == EVENT_KILL ? timeline_taken(w->t, e) : NONE;
    uint32_t *sent = map_get(&w->taken, e->type == EVENT_KILL ? taken : e->id, 0);
    m->arrow = "signal";
    if (e->type == EVENT_KILL && taken != NONE && sent && *sent == e->id) m->begins = arrow_of(e->id);
    if (e->type == EVENT_SIGNAL && sent) m->ends = arrow_of(*sent);
}

/* --- values --------------------------------------------------------------------------------------- */

bool walk_counts(const struct walk *w, copy_id copy)
{
    const struct copy *c = &w->t->copies[copy];
    double number;
    return value_number(c->last, &number) || value_number(c->at_birth, &number);
}

/* On a track of numbers there is no room for what is none: that stands on the lane of who wrote it. */
static bool draw_value(const struct walk *w, copy_id copy, int64_t ns, struct value value)
{
    char text[512], safe[600];
    double number;
    struct mark m = {.shape = MARK_VALUE, .category = "value", .name = safe, .ns = ns, .value = value};
    if (!value.known || (walk_counts(w, copy) && !value_number(value, &number))) return true;
    walk_place_copy(w, &m, copy);
    value_format(value, text, sizeof text);
    text_escape(safe, sizeof safe, text, strlen(text));
    return w->format->mark(w->context, &m);
}

/* What copies were born with, and of those whose writes are no events: with what others were forked from
 * them, and the last value. */
bool walk_copies(const struct walk *w)
{
    const struct timeline *t = w->t;
    bool ok = true;
    for (copy_id i = 0; ok && i < t->copy_count; i++) {
        const struct copy *c = &t->copies[i];
        bool events = t->globals[c->global].watched;
        if (!walk_shows(w, i)) continue;
        ok = draw_value(w, i, c->born, c->at_birth);
        if (ok && !events && c->parent < t->copy_count && walk_shows(w, c->parent))
            ok = draw_value(w, c->parent, c->born, c->at_birth);
        if (ok && !events && c->written != NEVER) ok = draw_value(w, i, c->written, c->last);
    }
    return ok;
}

/* --- events --------------------------------------------------------------------------------------- */

static bool draw_event(struct walk *w, event_id i)
{
    const struct event *e = EVENT_AT(w->t, i);
    char line[300], safe[400];
    if (e->type == EVENT_THREAD_START || e->type == EVENT_THREAD_END) return true; /* the slice says so */
    struct mark m = {.shape = MARK_INSTANT, .name = safe, .ns = e->ns, .about = ABOUT_EVENT, .id = i};
    walk_place(w, &m, e->process, e->thread);
    m.category = event_type_name(e->type);
    fact_event_line(w->t, i, line, sizeof line);
    text_escape(safe, sizeof safe, line, strlen(line));
    last(w, &m, timeline_duration(w->t, e));
    m.arrow = arrow_from(w, e);
    if (m.arrow) m.begins = arrow_of(i);
    if (e->type == EVENT_KILL || e->type == EVENT_SIGNAL) arrows_of_signal(w, &m, e);
    copy_id copy = timeline_copy_written(w->t, i);
    if (!w->format->mark(w->context, &m) || !draw_other_end(w, e)) return false;
    return copy == NONE || !walk_shows(w, copy) || draw_value(w, copy, e->ns, timeline_written(w->t, e));
}

bool walk_events(struct walk *w)
{
    bool ok = find_taken(w);
    for (event_id i = 0; ok && i < w->t->event_count; i++) ok = draw_event(w, i);
    return ok;
}
