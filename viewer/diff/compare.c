/*
 * compare.c: facts from what both runs mention, and findings that one has and
 * the other has not.
 *
 * A run that does not mention something which the other does differs, unless it
 * could not have seen it.
 */
#include <stdlib.h>
#include <string.h>

#include "diff.h"
#include "viewer/allow.h"

/* --- mentions in order -------------------------------------------------------------------------- */

static int by_subject(const struct mention *x, const struct mention *y)
{
    if (x->section != y->section) return x->section < y->section ? -1 : 1;
    return strcmp(x->subject, y->subject);
}

static int by_all(const void *a, const void *b)
{
    const struct mention *x = a, *y = b;
    int order = by_subject(x, y);
    if (order) return order;
    if (x->counts != y->counts) return x->counts ? -1 : 1;
    return x->process != y->process ? (x->process < y->process ? -1 : 1) : strcmp(x->state, y->state);
}

struct about { /* the mentions of one subject */
    const struct mention *list;
    size_t count;
};

static struct about about(const struct mentions *m, size_t from)
{
    size_t end = from;
    while (end < m->count && !by_subject(&m->list[from], &m->list[end])) end++;
    return (struct about){m->list + from, end - from};
}

/* --- in words ----------------------------------------------------------------------------------- */

#define DETAILS 3

static void details(struct say *s, const struct about *a, const char *state)
{
    const char *told[DETAILS];
    size_t count = 0;
    for (size_t i = 0; i < a->count && count <= DETAILS; i++) {
        const struct mention *m = &a->list[i];
        if (!m->detail || !*m->detail || strcmp(m->state, state)) continue;
        size_t k = 0;
        while (k < count && strcmp(told[k], m->detail)) k++;
        if (k < count) continue;
        if (count < DETAILS) told[count] = m->detail;
        count++;
    }
    for (size_t i = 0; i < count && i < DETAILS; i++) say(s, "%s%s", i ? "; " : " (", told[i]);
    if (count) say(s, "%s)", count > DETAILS ? "; ..." : "");
}

#define STATES 16 /* of one subject that are told apart in words */

/* "runs in uwsgi master; lost at the fork in uwsgi worker 1 and 2" */
static char *words(const struct run *r, const struct about *a)
{
    struct say s = {0};
    const char *told[STATES];
    size_t states = 0;
    process_id *list = malloc((a->count + 1) * sizeof *list);
    if (!list) return NULL;
    for (size_t i = 0; i < a->count; i++) {
        size_t k = 0, count = 0;
        while (k < states && strcmp(told[k], a->list[i].state)) k++;
        if (k < states) continue;
        if (states == STATES) {
            say(&s, "; and more");
            break;
        }
        told[states++] = a->list[i].state;
        for (k = i; k < a->count; k++)
            if (!strcmp(a->list[k].state, a->list[i].state)) list[count++] = a->list[k].process;
        count = mention_once(list, count); /* what counts comes first: a process may be there twice */
        if (i) say(&s, "; ");
        if (!a->list[i].silent) say(&s, "%s%s", a->list[i].state, section_words[a->list[i].section].joiner);
        say_processes(&s, r->t, list, count);
        details(&s, a, a->list[i].state);
    }
    free(list);
    return strdup(s.text); /* what is too long for it, lacks its end */
}

/* --- the same or not ---------------------------------------------------------------------------- */

static bool has(const struct run *r, const struct about *a, uint32_t part, const char *state)
{
    for (size_t i = 0; i < a->count; i++)
        if (part_of(r, a->list[i].process) == part && !strcmp(a->list[i].state, state)) return true;
    return false;
}

static const char *why_unseen(const struct run *r, const struct about *a, const struct mention *of_other,
                              uint32_t part, char *buffer)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->list[i].unseen) return snprintf(buffer, 512, "%s", a->list[i].unseen), buffer;
    if (!a->count && of_other->needs) return snprintf(buffer, 512, "%s", of_other->needs), buffer;
    return unseen_in(r, part, of_other->section, buffer);
}

/* Many processes say the same: whether it was looked at is remembered, for as many as there usually are. */
struct looked_at {
    struct {
        uint32_t part;
        const char *state;
    } at[STATES];
    size_t next;
};

static bool again(struct looked_at *l, uint32_t part, const char *state)
{
    for (size_t i = 0; i < STATES; i++)
        if (l->at[i].state && l->at[i].part == part && !strcmp(l->at[i].state, state)) return true;
    l->at[l->next].part = part;
    l->at[l->next].state = state;
    l->next = (l->next + 1) % STATES;
    return false;
}

/* Every server has handlers where another program has the default. */
static bool is_servers_own(const struct diff *d, const struct mention *m, const struct about *other)
{
    return m->section == SECTION_SIGNALS && !d->same_program && !other->count;
}

/* What the other run mentions and this one does not. */
static void missing(struct diff *d, struct fact *f, int run, const struct about *mine,
                    const struct about *its)
{
    const struct run *r = &d->runs[run], *other = &d->runs[!run];
    struct looked_at looked = {0};
    char reason[512];
    for (size_t i = 0; i < its->count; i++) {
        const struct mention *m = &its->list[i];
        uint32_t part = part_of(other, m->process);
        if (again(&looked, part, m->state) || has(r, mine, part, m->state)) continue;
        f->same = false;
        if (!m->counts || is_servers_own(d, m, mine)) continue;
        if (!why_unseen(r, mine, m, part, reason)) {
            f->counts = true;
            continue;
        }
        f->unseen = run;
        memcpy(f->reason, reason, sizeof reason);
    }
}

static bool add_fact(struct diff *d, const struct about *a, const struct about *b)
{
    const struct mention *first = a->count ? a->list : b->list;
    struct fact *f = &d->facts[d->fact_count++];
    *f = (struct fact){.section = first->section, .subject = first->subject, .same = true, .unseen = -1};
    missing(d, f, 1, b, a);
    missing(d, f, 0, a, b);
    if (f->counts) f->unseen = -1; /* it differs in what both saw, too */
    if (a->count && !(f->says[0] = words(&d->runs[0], a))) return false;
    if (b->count && !(f->says[1] = words(&d->runs[1], b))) return false;
    d->differences += f->counts;
    return true;
}

bool compare_mentions(struct diff *d)
{
    struct mentions *x = &d->mentions[0], *y = &d->mentions[1];
    d->facts = calloc(x->count + y->count + 1, sizeof *d->facts);
    if (!d->facts || x->failed || y->failed) return false;
    if (x->count) qsort(x->list, x->count, sizeof *x->list, by_all);
    if (y->count) qsort(y->list, y->count, sizeof *y->list, by_all);
    for (size_t i = 0, k = 0; i < x->count || k < y->count;) {
        int order = i == x->count ? 1 : k == y->count ? -1 : by_subject(&x->list[i], &y->list[k]);
        struct about a = {0}, b = {0};
        if (order <= 0) a = about(x, i);
        if (order >= 0) b = about(y, k);
        if (!add_fact(d, &a, &b)) return false;
        i += a.count, k += b.count;
    }
    return true;
}

/* --- findings ----------------------------------------------------------------------------------- */

/* What no run can find that forktrace-ebpf did not see. */
static bool is_of_the_kernel(enum rule_id rule) { return rule == RULE_killed_from_outside; }

static bool could_not_be_found(const struct diff *d, int run, const struct finding *x, char *reason)
{
    const struct run *r = &d->runs[run], *other = &d->runs[!run];
    char buffer[512];
    if (is_of_the_kernel(x->rule) && r->t->kernel_view == KERNEL_VIEW_NONE &&
        other->t->kernel_view != KERNEL_VIEW_NONE)
        return snprintf(reason, 512, "only forktrace-ebpf sees that: record --ebpf"), true;
    if (*r->lost) return snprintf(reason, 512, "%s", r->lost), true;
    enum section section = x->globals.count   ? SECTION_GLOBALS
                           : x->threads.count ? SECTION_THREADS
                                              : SECTION_WAITS;
    for (size_t i = 0; i < x->processes.count; i++) {
        uint32_t part = part_of(other, x->processes.list[i]);
        if (unseen_in(r, part, section, buffer)) return memcpy(reason, buffer, 512), true;
    }
    return false;
}

static const struct finding *worst(const struct shared_finding *s)
{
    return !s->of[1] || (s->of[0] && s->of[0]->severity >= s->of[1]->severity) ? s->of[0] : s->of[1];
}

static void judge(struct diff *d, struct shared_finding *s)
{
    const struct finding *a = s->of[0], *b = s->of[1], *x = worst(s);
    bool differs = !a || !b || a->severity != b->severity;
    int without = !a ? 0 : !b ? 1 : -1, worse = x == b;
    char by[1200];
    if (!differs) return;
    s->allowed = allow_find(d->runs[worse].t, x, by, sizeof by) != ALLOWED_NOT;
    if (s->allowed)
        snprintf(s->reason, sizeof s->reason, "allowed: %.500s", by);
    else if (without < 0 || !could_not_be_found(d, without, x, s->reason))
        s->counts = x->severity >= SEVERITY_WARNING;
    d->differences += s->counts;
}

static int by_weight(const void *a, const void *b)
{
    const struct finding *x = worst(a), *y = worst(b);
    if (x->severity != y->severity) return x->severity > y->severity ? -1 : 1;
    if (x->rule != y->rule) return x->rule < y->rule ? -1 : 1;
    return strcmp(x->subject, y->subject);
}

static struct finding *find(const struct findings *f, const struct finding *like)
{
    for (size_t i = 0; i < f->count; i++)
        if (!strcmp(f->list[i]->fingerprint, like->fingerprint)) return f->list[i];
    return NULL;
}

bool compare_findings(struct diff *d)
{
    const struct findings *a = d->runs[0].findings, *b = d->runs[1].findings;
    d->findings = calloc(a->count + b->count + 1, sizeof *d->findings);
    if (!d->findings) return false;
    for (size_t i = 0; i < a->count; i++)
        d->findings[d->finding_count++] = (struct shared_finding){.of = {a->list[i], find(b, a->list[i])}};
    for (size_t i = 0; i < b->count; i++)
        if (!find(a, b->list[i])) d->findings[d->finding_count++].of[1] = b->list[i];
    for (size_t i = 0; i < d->finding_count; i++) judge(d, &d->findings[i]);
    if (d->finding_count) qsort(d->findings, d->finding_count, sizeof *d->findings, by_weight);
    return true;
}
