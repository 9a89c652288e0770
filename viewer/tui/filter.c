/* filter.c: words into what stays on the screen. */
#include "filter.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "facts.h"

#define TERMS 8

enum field { ANY, PROCESS, THREAD, KIND };

struct term {
    regex_t regex;
    enum field field;
    bool not ;
};

struct terms {
    struct term term[TERMS];
    size_t count;
};

static bool parse(struct terms *terms, const char *text, char *error, size_t size)
{
    char copy[sizeof((struct filter *)0)->text], *rest;
    snprintf(copy, sizeof copy, "%s", text);
    terms->count = 0;
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        struct term *term = &terms->term[terms->count];
        if (terms->count == TERMS) return snprintf(error, size, "more than %d words", TERMS), false;
        term->not = *word == '!' && word[1];
        word += term->not ;
        static const char letters[] = "?ptk";
        const char *letter = word[1] == ':' && word[2] ? strchr(letters + 1, *word) : NULL;
        term->field = letter ? (enum field)(letter - letters) : ANY;
        if (letter) word += 2;
        int code = regcomp(&term->regex, word, REG_EXTENDED | REG_ICASE | REG_NOSUB);
        if (code) {
            char why[60];
            regerror(code, &term->regex, why, sizeof why);
            snprintf(error, size, "%.40s: %s", word, why);
            return false;
        }
        terms->count++;
    }
    return true;
}

static bool holds(const struct term *term, const char *text)
{
    return regexec(&term->regex, text, 0, NULL, 0) == 0;
}

static bool name_holds(const struct term *term, const char *name, uint32_t number)
{
    char digits[16];
    snprintf(digits, sizeof digits, "%u", number);
    return holds(term, name) || holds(term, digits);
}

/* What each term says of each process, thread and kind of event: so that an event costs a look-up. */
struct verdicts {
    const struct timeline *t;
    const struct terms *terms;
    bool *process, *thread; /* [TERMS * count] */
    bool kind[TERMS][EVENT_TYPE_COUNT];
};

static bool judge(struct verdicts *v)
{
    const struct timeline *t = v->t;
    char name[300];
    v->process = calloc(t->process_count * TERMS + 1, 1);
    v->thread = calloc(t->thread_count * TERMS + 1, 1);
    if (!v->process || !v->thread) return false;
    for (size_t k = 0; k < v->terms->count; k++) {
        const struct term *term = &v->terms->term[k];
        for (size_t i = 0; i < t->process_count; i++)
            v->process[i * TERMS + k] = name_holds(term, process_name(t, (process_id)i), t->processes[i].pid);
        for (size_t i = 0; i < t->thread_count; i++) {
            bool shares = t->threads[i].is_main && t->threads[i].process < t->process_count;
            v->thread[i * TERMS + k] =
                shares ? v->process[t->threads[i].process * TERMS + k]
                       : name_holds(term, thread_name(t, (thread_id)i, name, sizeof name), t->threads[i].tid);
        }
        for (int kind = 0; kind < EVENT_TYPE_COUNT; kind++)
            v->kind[k][kind] = holds(term, event_type_name((enum event_type)kind));
    }
    return true;
}

/* One term on a lane; `event` NONE: the lane itself. */
static bool term_holds(const struct verdicts *v, size_t k, process_id p, thread_id thread, event_id event)
{
    const struct term *term = &v->terms->term[k];
    bool process = p < v->t->process_count && v->process[p * TERMS + k];
    bool lane = thread < v->t->thread_count ? v->thread[thread * TERMS + k] : process;
    char line[600];
    bool is;
    switch (term->field) {
    case PROCESS: is = process; break;
    case THREAD: is = lane; break;
    case KIND:
        if (event == NONE) return false; /* a lane is of no kind */
        is = v->kind[k][EVENT_AT(v->t, event)->type];
        break;
    default:
        is = process || lane;
        if (is || event == NONE) break;
        fact_event_line(v->t, event, line, sizeof line);
        is = holds(term, line);
    }
    return is != term->not ;
}

static bool all_hold(const struct verdicts *v, process_id p, thread_id thread, event_id event)
{
    for (size_t k = 0; k < v->terms->count; k++)
        if (!term_holds(v, k, p, thread, event)) return false;
    return true;
}

/* The process, and every one that created it: the tree needs them. */
static void keep_process(struct filter *f, const struct timeline *t, process_id p)
{
    while (p < t->process_count && !f->process[p]) {
        f->process[p] = true;
        p = t->processes[p].parent;
    }
}

/* Who comes from `family`, and who it comes from. Each parent is asked once: a trace may nest them 100,000
 * deep. */
static bool *related(const struct timeline *t, process_id family)
{
    enum { UNKNOWN, NO, YES } *known = calloc(t->process_count + 1, sizeof *known);
    bool *is = calloc(t->process_count + 1, 1);
    for (process_id p = 0; known && is && p < t->process_count; p++) {
        process_id at = p;
        while (at < t->process_count && at != family && !known[at]) {
            known[at] = NO; /* also ends a ring of parents, which only a damaged file has */
            at = t->processes[at].parent;
        }
        bool yes = at == family || (at < t->process_count && known[at] == YES);
        for (at = p; yes && at < t->process_count && known[at] != YES; at = t->processes[at].parent) {
            known[at] = YES;
            if (at == family) break;
        }
    }
    for (process_id p = 0; known && is && p < t->process_count; p++) is[p] = known[p] == YES;
    for (process_id p = family; known && is && p < t->process_count && (p == family || !is[p]);
         p = t->processes[p].parent)
        is[p] = true;
    free(known);
    return is;
}

/* NULL: out of memory. */
static bool *all_related(const struct timeline *t, const struct filter *f)
{
    bool *is = related(t, f->family[0]);
    for (size_t i = 1; is && i < f->families; i++) {
        bool *more = related(t, f->family[i]);
        for (process_id p = 0; more && p < t->process_count; p++) is[p] |= more[p];
        free(more);
    }
    return is;
}

static void choose(struct filter *f, const struct verdicts *v, const bool *family)
{
    const struct timeline *t = v->t;
    for (event_id i = 0; i < t->event_count; i++) {
        const struct event *e = EVENT_AT(t, i);
        if (family && e->process < t->process_count && !family[e->process]) continue;
        if (!all_hold(v, e->process, e->thread, i)) continue;
        f->event[i] = true;
        keep_process(f, t, e->process);
        if (e->thread < t->thread_count) f->thread[e->thread] = true;
    }
    for (thread_id i = 0; i < t->thread_count; i++) {
        process_id p = t->threads[i].process;
        if ((family && p < t->process_count && !family[p]) || !all_hold(v, p, i, NONE)) continue;
        f->thread[i] = true;
        keep_process(f, t, p);
    }
    for (process_id p = 0; p < t->process_count; p++) {
        if (family && !family[p]) continue;
        if (all_hold(v, p, NONE, NONE)) keep_process(f, t, p);
        for (size_t g = 0; g < t->processes[p].ghost_count; g++) {
            thread_id lost = t->processes[p].ghosts[g].thread;
            if (lost >= t->thread_count || !all_hold(v, p, lost, NONE)) continue;
            f->thread[lost] = true;
            keep_process(f, t, p);
        }
    }
}

void filter_clear(struct filter *f)
{
    free(f->process);
    free(f->thread);
    free(f->event);
    *f = (struct filter){0};
}

static bool work_out(struct filter *f, const struct timeline *t, const struct terms *terms)
{
    struct verdicts v = {.t = t, .terms = terms};
    bool *family = f->families ? all_related(t, f) : NULL;
    bool ok = judge(&v) && (family || !f->families);
    f->process = calloc(t->process_count + 1, 1);
    f->thread = calloc(t->thread_count + 1, 1);
    f->event = calloc(t->event_count + 1, 1);
    ok = ok && f->process && f->thread && f->event;
    if (ok) choose(f, &v, family);
    free(v.process);
    free(v.thread);
    free(family);
    return ok;
}

bool filter_apply(struct filter *f, const struct timeline *t, char *error, size_t size)
{
    struct filter wanted = *f;
    struct terms terms = {0};
    wanted.process = wanted.thread = wanted.event = NULL;
    filter_clear(f);
    bool ok = parse(&terms, wanted.text, error, size);
    if (ok && (terms.count || wanted.families)) {
        *f = wanted;
        ok = work_out(f, t, &terms);
        if (!ok) {
            filter_clear(f);
            snprintf(error, size, "not enough memory");
        }
    }
    for (size_t k = 0; k < terms.count; k++) regfree(&terms.term[k].regex);
    return ok;
}
