/*
 * trouble.c: what a reader should see first: the findings, then the moments
 * that look bad by rules of thumb: threads lost at a fork, execs that failed,
 * processes that were killed or ended badly, locks that never came. n and N go
 * through them all.
 */
#include <stdlib.h>
#include <string.h>

#include "facts.h"
#include "mark.h"
#include "tui.h"

static bool for_a_lock_to_the_end(const struct event *e)
{
    unsigned kind = wait_facts_of(e).kind;
    return e->flags & EVENT_UNFINISHED && kind >= FT_WAIT_mutex && kind <= FT_WAIT_spin &&
           timeline_timed(e) != FT_TIMED;
}

/*
 * Idle threads of a server wait for the one that waits for the next request: those are well. The owner is the
 * one at the beginning of the wait.
 */
bool wait_endless(const struct tui *tui, const struct event *e)
{
    const struct timeline *t = tui->timeline;
    if (!for_a_lock_to_the_end(e)) return false;
    if (!timeline_owner_alive(t, e) || e->child == e->thread) return true;
    enum thread_end how = t->threads[e->child].how;
    if (how == THREAD_RETURNED || how == THREAD_EXITED || how == THREAD_CANCELLED) return true;
    event_id last = tui->index.last_wait[e->child];
    if (last == NONE || !for_a_lock_to_the_end(EVENT_AT(t, last))) return false;
    return wait_facts_of(EVENT_AT(t, last)).address !=
           wait_facts_of(e).address; /* else it has let go of it */
}

static bool loses_threads(const struct timeline *t, event_id event)
{
    process_id child = fact_process_about(t, EVENT_AT(t, event));
    if (child == NONE) return false;
    const struct process *p = &t->processes[child];
    for (size_t g = 0; g < p->ghost_count; g++)
        if (p->ghosts[g].fork == event) return true;
    return false;
}

/* execvp() and shells try one directory of PATH after the other. */
static bool another_worked(const struct timeline *t, const struct event *e)
{
    return e->process < t->process_count && e->image + 1u < t->processes[e->process].image_count;
}

static const char *what_is_wrong(const struct tui *tui, event_id event)
{
    const struct timeline *t = tui->timeline;
    const struct event *e = EVENT_AT(t, event);
    switch (e->type) {
    case EVENT_FORK: return loses_threads(t, event) ? "threads lost at this fork" : NULL;
    case EVENT_EXEC_FAILED: return another_worked(t, e) ? NULL : "exec failed";
    case EVENT_LOCK_WAIT: return wait_endless(tui, e) ? "this wait never ended" : NULL;
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

/* Anew, and still at the finding we were at: its fingerprint is the same in every run. */
static void look_for_findings(struct tui *tui)
{
    const struct timeline *t = tui->timeline;
    struct findings *old = tui->findings;
    size_t was = old ? old->count : 0;
    tui->findings = t->reader ? findings_find(t) : NULL;
    size_t count = finding_count(tui);
    if (tui->verdict >= was) {
        tui->verdict += count - was;
    } else {
        size_t i = 0;
        while (i < count && strcmp(tui->findings->list[i]->fingerprint, old->list[tui->verdict]->fingerprint))
            i++;
        tui->on_finding &= i < count;
        tui->verdict = i < count ? i : 0;
    }
    findings_free(old);
}

bool trouble_find(struct tui *tui)
{
    const struct timeline *t = tui->timeline;
    look_for_findings(tui);
    tui->trouble_count = 0;
    free(tui->troubles);
    tui->troubles = NULL;
    size_t count;
    const event_id *events = timeline_rare_events(t, &count);
    for (size_t i = 0; i < count; i++) {
        const struct event *e = EVENT_AT(t, events[i]);
        const char *what = what_is_wrong(tui, events[i]);
        if (what && !add(tui, (struct trouble){e->ns, events[i], e->process, e->thread, what})) return false;
    }
    for (process_id i = 0; i < t->process_count; i++) {
        const struct process *p = &t->processes[i];
        const char *what = p->how == END_SIGNAL ? "killed by a signal"
                           : p->how == END_EXIT ? "ended with an error"
                                                : "vanished";
        if (process_ended_badly(p) && !add(tui, (struct trouble){p->end, NONE, i, p->main, what}))
            return false;
    }
    if (tui->trouble_count) qsort(tui->troubles, tui->trouble_count, sizeof *tui->troubles, by_time);
    return count_lost(tui);
}

size_t finding_count(const struct tui *tui) { return tui->findings ? tui->findings->count : 0; }

static uint64_t key_of(const struct finding *x)
{
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */
    for (const char *p = x->fingerprint; *p; p++) hash = (hash ^ (unsigned char)*p) * 0x100000001b3;
    return hash | 1;
}

uint64_t finding_key(const struct tui *tui)
{
    return tui->on_finding ? key_of(tui->findings->list[tui->verdict]) : 0;
}

void finding_tell(struct tui *tui, uint64_t key)
{
    tui->on_finding = false;
    for (size_t i = 0; key && i < finding_count(tui); i++)
        if (key_of(tui->findings->list[i]) == key) tui->verdict = i, tui->on_finding = true;
}

/* Its strongest evidence, as on the lanes: a fork before the creation of what it loses. There may be none. */
static void go_to_finding(struct tui *tui, const struct finding *x)
{
    const struct timeline *t = tui->timeline;
    event_id best = NONE;
    for (size_t i = 0; i < x->evidence.count; i++) {
        event_id event = x->evidence.list[i];
        if (event >= t->event_count) continue;
        if (best == NONE || mark_of(EVENT_AT(t, event))->strength > mark_of(EVENT_AT(t, best))->strength)
            best = event;
    }
    if (best != NONE)
        move_to_event(tui, best);
    else if (x->processes.count && x->processes.list[0] < tui->rows.process_count)
        move_to(tui, tui->rows.of_process[x->processes.list[0]], x->ns, NONE);
}

void verdict_go(struct tui *tui, size_t i)
{
    size_t findings = finding_count(tui);
    tui->verdict = i;
    tui->on_finding = i < findings;
    if (tui->on_finding) {
        go_to_finding(tui, tui->findings->list[i]);
        return;
    }
    const struct trouble *t = &tui->troubles[i - findings];
    if (t->event != NONE) {
        move_to_event(tui, t->event);
        return;
    }
    move_reveal(tui, t->process, NONE, false);
    move_to(tui, tui->rows.of_process[t->process], t->ns, NONE);
}

/* From a finding to the moment it is about: the details then tell the event. */
static bool leave_finding(struct tui *tui, enum action action)
{
    bool moves = action < ACTION_SEARCH && action != ACTION_FINISH;
    bool jumps = action > ACTION_FOLLOW && action <= ACTION_FORWARD; /* jump.c remembers the finding first */
    if (!tui->on_finding || !moves || jumps) return false;
    if (action == ACTION_FOLLOW) place_keep(tui);
    tui->on_finding = false;
    if (action != ACTION_FOLLOW) return false;
    go_to_finding(tui, tui->findings->list[tui->verdict]);
    return true;
}

bool trouble_act(struct tui *tui, enum action action)
{
    if (action != ACTION_NEXT_TROUBLE && action != ACTION_PREV_TROUBLE) return leave_finding(tui, action);
    size_t findings = finding_count(tui), count = findings + tui->trouble_count, i = tui->verdict;
    if (!count) {
        tui_say(tui, "no finding, lost thread, failed exec, endless wait or bad end in this run");
        return true;
    }
    bool back = i < findings && !tui->on_finding && action == ACTION_PREV_TROUBLE; /* to the one we left */
    if (!back) i = action == ACTION_NEXT_TROUBLE ? i + 1 : i + count - 1;
    if (i >= count) i %= count;
    place_keep(tui);
    verdict_go(tui, i);
    if (i < findings)
        tui_say(tui, "finding %zu of %zu: %s; Enter goes to it", i + 1, findings,
                finding_rules[tui->findings->list[i]->rule].name);
    else
        tui_say(tui, "moment %zu of %zu: %s", i - findings + 1, tui->trouble_count,
                tui->troubles[i - findings].what);
    return true;
}
