/*
 * trouble.c: the moments a reader should see first, by rules of thumb: threads
 * lost at a fork, execs that failed, processes that were killed or ended
 * badly, locks that never came. n and N go through them.
 */
#include <stdlib.h>

#include "facts.h"
#include "tui.h"

static bool endless(const struct event *e)
{
    unsigned kind = wait_facts_of(e).kind;
    return e->flags & EVENT_UNFINISHED && kind >= FT_WAIT_mutex && kind <= FT_WAIT_spin;
}

static bool loses_threads(const struct timeline *t, event_id event)
{
    process_id child = fact_process_about(t, &t->events[event]);
    if (child == NONE) return false;
    const struct process *p = &t->processes[child];
    for (size_t g = 0; g < p->ghost_count; g++)
        if (p->ghosts[g].fork == event) return true;
    return false;
}

static const char *what_is_wrong(const struct timeline *t, event_id event)
{
    const struct event *e = &t->events[event];
    switch (e->type) {
    case EVENT_FORK: return loses_threads(t, event) ? "threads lost at this fork" : NULL;
    case EVENT_EXEC_FAILED: return "exec failed";
    case EVENT_LOCK_WAIT: return endless(e) ? "this wait never ended" : NULL;
    default: return NULL;
    }
}

static bool add(struct tui *tui, struct trouble trouble)
{
    size_t n = tui->trouble_count;
    if (!(n & (n + 1))) { /* grows at 0, 1, 3, 7, ... */
        struct trouble *more = realloc(tui->troubles, (2 * n + 1) * sizeof *more);
        if (!more) return false;
        tui->troubles = more;
    }
    tui->troubles[tui->trouble_count++] = trouble;
    return true;
}

static int by_time(const void *x, const void *y)
{
    const struct trouble *a = x, *b = y;
    return a->ns != b->ns ? (a->ns < b->ns ? -1 : 1) : a->process < b->process ? -1 : a->process > b->process;
}

static bool count_lost(struct tui *tui)
{
    const struct timeline *t = tui->timeline;
    bool *seen = calloc(t->thread_count + 1, sizeof *seen);
    if (!seen) return false;
    tui->lost_threads = tui->lossy_forks = 0;
    for (size_t i = 0; i < t->process_count; i++) {
        const struct process *p = &t->processes[i];
        tui->lossy_forks += p->ghost_count > 0;
        for (size_t g = 0; g < p->ghost_count; g++) {
            thread_id thread = p->ghosts[g].thread;
            if (thread >= t->thread_count || seen[thread]) continue;
            seen[thread] = true;
            tui->lost_threads++;
        }
    }
    free(seen);
    return true;
}

bool trouble_find(struct tui *tui)
{
    const struct timeline *t = tui->timeline;
    tui->trouble_count = 0;
    free(tui->troubles);
    tui->troubles = NULL;
    for (event_id i = 0; i < t->event_count; i++) {
        const struct event *e = &t->events[i];
        const char *what = what_is_wrong(t, i);
        if (what && !add(tui, (struct trouble){e->ns, i, e->process, e->thread, what})) return false;
    }
    for (process_id i = 0; i < t->process_count; i++) {
        const struct process *p = &t->processes[i];
        bool bad = p->how == END_SIGNAL || p->how == END_VANISHED || (p->how == END_EXIT && p->status > 0);
        const char *what = p->how == END_SIGNAL ? "killed by a signal"
                           : p->how == END_EXIT ? "ended with an error"
                                                : "vanished";
        if (bad && !add(tui, (struct trouble){p->end, NONE, i, p->main, what})) return false;
    }
    if (tui->trouble_count) qsort(tui->troubles, tui->trouble_count, sizeof *tui->troubles, by_time);
    return count_lost(tui);
}

/* Where we are among the troubles: the one we are at, or the last before. */
static size_t here(const struct tui *tui, bool *at)
{
    size_t i = 0;
    *at = false;
    for (; i < tui->trouble_count && tui->troubles[i].ns <= tui->now; i++) {
        const struct trouble *t = &tui->troubles[i];
        if (t->ns != tui->now || t->event != tui->event || tui->rows.of_process[t->process] > tui->row)
            continue;
        if (t->event == NONE && tui->rows.of_process[t->process] != tui->row) continue;
        *at = true;
        return i;
    }
    return i;
}

bool trouble_act(struct tui *tui, enum action action)
{
    if (action != ACTION_NEXT_TROUBLE && action != ACTION_PREV_TROUBLE) return false;
    if (!tui->trouble_count) {
        tui_say(tui, "no lost thread, failed exec, endless lock wait or bad end in this run");
        return true;
    }
    bool at;
    size_t count = tui->trouble_count, i = here(tui, &at);
    i = action == ACTION_NEXT_TROUBLE ? i + at : i + count - 1;
    i %= count;
    const struct trouble *t = &tui->troubles[i];
    place_keep(tui);
    if (t->event != NONE)
        move_to_event(tui, t->event);
    else
        move_to(tui, tui->rows.of_process[t->process], t->ns, NONE);
    tui_say(tui, "%zu of %zu: %s", i + 1, count, t->what);
    return true;
}
