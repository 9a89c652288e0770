/*
 * diff.c: two traces compared, from their timelines to the answer.
 */
#include <stdlib.h>
#include <string.h>

#include "diff.h"

/* clang-format off */
const struct section_words section_words[SECTION_COUNT] = {
#define X(id, name, heading, one, joiner, absent) [SECTION_##id] = {name, heading, one, joiner, absent},
    DIFF_SECTIONS(X)
#undef X
};
/* clang-format on */

static bool look(struct run *r, const struct loaded *l, const char *letter)
{
    r->t = l->timeline;
    r->path = l->path;
    r->letter = letter;
    r->findings = findings_find(r->t);
    return r->findings && parts_group(r) && answer_served(r);
}

static const char *program(const struct run *r)
{
    const char *name = r->t->process_count ? r->t->processes[r->server].program : NULL;
    return name ? name : "";
}

/* By the program where that tells them apart. */
static void label(struct diff *d)
{
    d->same_program = !strcmp(program(&d->runs[0]), program(&d->runs[1]));
    for (int run = 0; run < 2; run++) {
        struct run *r = &d->runs[run];
        char name[128];
        text_escape(name, sizeof name, program(r), strlen(program(r)));
        if (d->same_program || !*name)
            snprintf(r->label, sizeof r->label, "In %s", r->letter);
        else
            snprintf(r->label, sizeof r->label, "Under %s", name);
    }
}

static void mention_all(struct diff *d, int run)
{
    mention_processes(d, run);
    mention_threads(d, run);
    mention_globals(d, run);
    mention_signals(d, run);
    mention_waits(d, run);
    mention_addresses(d, run);
}

struct diff *diff_of(const struct loaded *a, const struct loaded *b)
{
    struct diff *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    bool done = look(&d->runs[0], a, "A") && look(&d->runs[1], b, "B") && parts_match(d) &&
                unseen_run(&d->runs[0], d->part_count) && unseen_run(&d->runs[1], d->part_count);
    if (done) {
        label(d);
        mention_all(d, 0), mention_all(d, 1);
        done = compare_mentions(d) && compare_findings(d);
    }
    if (!done) return diff_free(d), NULL;
    answer_find(d);
    return d;
}

static void forget(struct run *r, struct mentions *m)
{
    for (size_t i = 0; i < m->count; i++)
        free(m->list[i].subject), free(m->list[i].state), free(m->list[i].detail);
    for (size_t i = 0; r->groups && i < r->group_count; i++) free(r->groups[i].name);
    free(m->list), free(r->groups), free(r->group_of), free(r->served), free(r->hidden), free(r->there);
    findings_free(r->findings);
}

void diff_free(struct diff *d)
{
    if (!d) return;
    for (int run = 0; run < 2; run++) forget(&d->runs[run], &d->mentions[run]);
    for (size_t i = 0; d->facts && i < d->fact_count; i++)
        free(d->facts[i].says[0]), free(d->facts[i].says[1]);
    for (uint32_t i = 0; d->parts && i < d->part_count; i++) free(d->parts[i].name);
    free(d->facts), free(d->parts), free(d->findings);
    free(d);
}
