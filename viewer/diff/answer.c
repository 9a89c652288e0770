/*
 * answer.c: one sentence: what differs, and why that matters.
 *
 * A thread that a fork lost comes first: that is the question forktrace is
 * asked. Then the worst finding of one run, then the first thing that differs.
 */
#include <stdlib.h>
#include <string.h>

#include "diff.h"

/* --- who serves ------------------------------------------------------------------------------- */

/* Its own, or before it was forked: it has the socket. */
bool answer_served(struct run *r)
{
    const struct timeline *t = r->t;
    size_t count;
    const event_id *binds = timeline_events_of_type(t, EVENT_BIND, &count);
    int64_t *bound = malloc((t->process_count + 1) * sizeof *bound);
    r->served = calloc(t->process_count + 1, sizeof *r->served);
    if (!bound || !r->served) return free(bound), false;
    for (process_id p = 0; p < t->process_count; p++) bound[p] = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        struct event e = timeline_event(t, binds[i]);
        if (e.record && !FT_GET(bind, e.record).error && e.ns < bound[e.process]) bound[e.process] = e.ns;
    }
    for (process_id p = 0; p < t->process_count; p++) {
        const struct process *process = &t->processes[p];
        bool copied = process->image_inherited && process->image_count < 2 && process->parent < p;
        if (copied && bound[process->parent] < process->start && bound[p] > process->start)
            bound[p] = process->start;
        r->served[p] = bound[p] != INT64_MAX;
        if (r->served[p] && !r->served[r->server]) r->server = p;
    }
    free(bound);
    return true;
}

static bool all_served(const struct run *r, const struct finding_ids *processes)
{
    bool all = processes->count > 0;
    for (size_t i = 0; i < processes->count; i++) all &= r->served[processes->list[i]];
    return all;
}

/* --- a thread that is not there --------------------------------------------------------------- */

/* Where it is told to run. */
static size_t where_it_runs(const struct diff *d, int run, const char *subject, uint32_t *list, size_t room)
{
    const struct mentions *m = &d->mentions[run];
    size_t count = 0;
    for (size_t i = 0; i < m->count && count < room; i++) {
        const struct mention *x = &m->list[i];
        if (x->section != SECTION_THREADS || strcmp(x->subject, subject) || strncmp(x->state, "runs", 4))
            continue;
        if (!count || list[count - 1] != x->process) list[count++] = x->process;
    }
    return mention_once(list, count);
}

static size_t forks_of(const struct timeline *t, const struct finding *x)
{
    size_t forks = 0;
    for (size_t i = 0; i < x->evidence.count; i++)
        forks += timeline_event(t, x->evidence.list[i]).type == EVENT_FORK;
    return forks;
}

static void say_global(struct say *s, const struct timeline *t, const struct finding *x)
{
    char name[512], safe[NAMES_TEXT];
    if (!x->globals.count) return;
    global_format(&t->globals[x->globals.list[0]], name, sizeof name);
    text_escape(safe, sizeof safe, name, strlen(name));
    say(s, " What it writes to `%s` is not seen there.", safe);
}

static void say_other(struct say *s, const struct diff *d, int run, const char *name)
{
    const struct run *r = &d->runs[run];
    uint32_t list[64];
    size_t count = where_it_runs(d, run, name, list, 64);
    if (!count) {
        say(s, " %s there is no such thread.", r->label);
        return;
    }
    say(s, " %s it runs in ", r->label);
    say_processes(s, r->t, list, count);
    bool only = r->t->process_count == 1;
    say(s, "%s.", only ? ", the only process" : count > 1 ? ", in each its own" : "");
}

static void lost_thread(struct diff *d, int run, const struct finding *x)
{
    const struct run *r = &d->runs[run];
    struct say *s = &d->answer;
    char name[NAMES_TEXT], place[NAMES_TEXT], creator[NAMES_TEXT];
    const struct thread *th = &r->t->threads[x->threads.list[0]];
    size_t forks = forks_of(r->t, x);
    word_thread(name, r->t, x->threads.list[0]);
    if (all_served(r, &x->processes)) {
        say(s, "%s, `%s` does not run where requests are served, in ", r->label, name);
    } else {
        say(s, "%s, `%s` does not exist in ", r->label, name);
    }
    say_processes(s, r->t, x->processes.list, x->processes.count);
    say(s, ": it was started in %s (pid %u)", word_process(creator, r->t, th->process),
        r->t->processes[th->process].pid);
    if (*word_place(place, r->t, th->create)) say(s, ", at %s", place);
    say(s, ", before %s, and a fork copies only the thread that calls it.",
        forks == 1 ? "the fork" : "they were forked");
    say_global(s, r->t, x);
    say_other(s, d, !run, name);
}

/* --- anything else ---------------------------------------------------------------------------- */

/* The worst that counts and only this run has: of a lost thread, if that is an error. */
static const struct finding *worst_of(const struct diff *d, int run)
{
    const struct finding *first = NULL;
    for (size_t i = 0; i < d->finding_count; i++) {
        const struct finding *x = d->findings[i].of[run];
        if (!d->findings[i].counts || !x || d->findings[i].of[!run]) continue;
        bool lost = x->rule == RULE_thread_lost && x->severity == SEVERITY_ERROR;
        if (!first || (lost && first->rule != RULE_thread_lost)) first = x;
    }
    return first;
}

static void finding(struct diff *d, int run, const struct finding *x)
{
    if (x->rule == RULE_thread_lost && x->threads.count)
        lost_thread(d, run, x);
    else
        say(&d->answer, "%s only: %s", d->runs[run].label, x->title);
}

static int weight(const struct finding *x)
{
    return !x ? -1 : 2 * (int)x->severity + (x->rule == RULE_thread_lost && x->severity == SEVERITY_ERROR);
}

/* Of one run, or of each. */
static bool only_one_has(struct diff *d)
{
    const struct finding *of[2] = {worst_of(d, 0), worst_of(d, 1)};
    int run = weight(of[1]) > weight(of[0]);
    if (!of[run]) return false;
    finding(d, run, of[run]);
    d->fix = of[run]->fix;
    if (of[!run]) say(&d->answer, " %s only: %s", d->runs[!run].label, of[!run]->title);
    return true;
}

static bool both_have(struct diff *d)
{
    for (size_t i = 0; i < d->finding_count; i++) {
        const struct shared_finding *f = &d->findings[i];
        if (!f->counts || !f->of[0] || !f->of[1]) continue;
        int worse = f->of[1]->severity > f->of[0]->severity;
        say(&d->answer, "%s it is worse: %s", d->runs[worse].label, f->of[worse]->title);
        d->fix = f->of[worse]->fix;
        return true;
    }
    return false;
}

/* The sections, the most telling first. */
static const enum section telling[] = {SECTION_ENDS,    SECTION_THREADS,   SECTION_GLOBALS, SECTION_PROCESSES,
                                       SECTION_SIGNALS, SECTION_ADDRESSES, SECTION_WAITS};

static bool fact(struct diff *d, enum section section)
{
    for (size_t i = 0; i < d->fact_count; i++) {
        const struct fact *f = &d->facts[i];
        if (f->section != section || !f->counts) continue;
        const struct section_words *w = &section_words[section];
        say(&d->answer, "%s `%s` is not the same. %s: %s. %s: %s.", w->one, f->subject, d->runs[0].label,
            f->says[0] ? f->says[0] : w->absent, d->runs[1].label, f->says[1] ? f->says[1] : w->absent);
        return true;
    }
    return false;
}

/* Whether something is told that one run could not have seen. */
static bool unseen(const struct diff *d)
{
    for (size_t i = 0; i < d->fact_count; i++)
        if (d->facts[i].unseen >= 0) return true;
    for (size_t i = 0; i < d->finding_count; i++)
        if (*d->findings[i].reason && !d->findings[i].allowed) return true;
    return false;
}

void answer_find(struct diff *d)
{
    bool found = only_one_has(d) || both_have(d);
    for (size_t i = 0; !found && i < sizeof telling / sizeof *telling; i++) found = fact(d, telling[i]);
    if (!found)
        say(&d->answer, "Nothing differs that matters%s.",
            unseen(d) ? ", as far as both runs could see" : "");
}
