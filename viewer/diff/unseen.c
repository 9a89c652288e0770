/*
 * unseen.c: what a run could not see: where it does not mention something, that
 * is no difference, but something it does not know.
 */
#include <stdlib.h>
#include <string.h>

#include "diff.h"
#include "viewer/tree.h"

/* Whether a process leaves this in the dark: the library is not in it, or does not see all. */
static bool hides(const struct process *p, enum section section)
{
    static const unsigned dark[SECTION_COUNT] = {
        [SECTION_THREADS] = DARK_PYTHON_NAMES | DARK_GREENLETS,
        [SECTION_GLOBALS] = DARK_PYTHON_GLOBALS,
        [SECTION_SIGNALS] = DARK_PYTHON_NAMES,
    };
    switch (p->coverage) {
    case COVERAGE_FULL: return p->dark & dark[section];
    case COVERAGE_KERNEL_ONLY: return section != SECTION_PROCESSES && section != SECTION_ENDS;
    default: return section != SECTION_PROCESSES;
    }
}

bool unseen_run(struct run *r, uint32_t part_count)
{
    const struct process *processes = r->t->processes;
    tree_lost(r->lost, sizeof r->lost, r->t);
    if (!*r->lost && r->t->reader->truncated)
        snprintf(r->lost, sizeof r->lost, "the trace is truncated, its end is missing");
    r->anyone = NONE;
    r->hidden = malloc((part_count + 1) * sizeof *r->hidden);
    r->there = calloc(part_count + 1, sizeof *r->there);
    if (!r->hidden || !r->there) return false;
    for (uint32_t part = 0; part < part_count; part++)
        for (int s = 0; s < SECTION_COUNT; s++) r->hidden[part].by[s] = NONE;
    for (process_id p = 0; p < r->t->process_count; p++) {
        uint32_t part = part_of(r, p);
        r->there[part] = true;
        for (int s = 0; s < SECTION_COUNT; s++) {
            process_id *worst = &r->hidden[part].by[s];
            if (hides(&processes[p], (enum section)s) &&
                (*worst == NONE || processes[p].coverage > processes[*worst].coverage))
                *worst = p;
        }
        if (r->anyone == NONE && processes[p].coverage != COVERAGE_FULL) r->anyone = p;
    }
    return true;
}

static const char *say_process(char *buffer, const struct run *r, process_id p)
{
    char name[NAMES_TEXT], reason[240];
    const char *why = r->t->processes[p].coverage_reason;
    if (!why) why = "not covered";
    text_escape(reason, sizeof reason, why, strlen(why));
    snprintf(buffer, 512, "%s: %s", word_process(name, r->t, p), reason);
    return buffer;
}

const char *unseen_in(const struct run *r, uint32_t part, enum section section, char *buffer)
{
    if (*r->lost) return snprintf(buffer, 512, "%s", r->lost), buffer;
    process_id p = r->hidden[part].by[section];
    if (p != NONE) return say_process(buffer, r, p);
    /* There is no such part here: or it was started where nobody looked. */
    return !r->there[part] && r->anyone != NONE ? say_process(buffer, r, r->anyone) : NULL;
}
