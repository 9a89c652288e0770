/*
 * unseen.c: what a run could not see: where it does not mention something, that
 * is no difference, but something it does not know.
 */
#include <stdlib.h>
#include <string.h>

#include "diff.h"
#include "viewer/tree.h"

bool unseen_python(const char *object)
{
    const char *slash = object ? strrchr(object, '/') : NULL, *name = slash ? slash + 1 : object;
    return name && (!strncmp(name, "libpython", 9) || !strncmp(name, "python", 6));
}

bool unseen_name(const struct timeline *t, thread_id id)
{
    const struct thread *th = &t->threads[id];
    if (th->python_name || th->python.name || th->name || !th->start_routine) return false;
    const struct object *o = timeline_object(t, th->process, th->start, th->start_routine);
    return o && unseen_python(o->path);
}

/* What FORKTRACE_PYTHON leaves out is in no record: it is known by what is not there. */
static void look_for_python(struct run *r)
{
    for (thread_id id = 0; id < r->t->thread_count && !r->nameless; id++) r->nameless = unseen_name(r->t, id);
    for (global_id g = 0; g < r->t->global_count; g++) r->globals |= !r->t->globals[g].c;
}

bool unseen_run(struct run *r, uint32_t part_count)
{
    look_for_python(r);
    tree_lost(r->lost, sizeof r->lost, r->t);
    if (!*r->lost && r->t->reader->truncated)
        snprintf(r->lost, sizeof r->lost, "the trace is truncated, its end is missing");
    r->anyone = NONE;
    r->hidden = malloc((part_count + 1) * sizeof *r->hidden);
    r->there = calloc(part_count + 1, sizeof *r->there);
    if (!r->hidden || !r->there) return false;
    for (uint32_t part = 0; part < part_count; part++)
        for (int c = 0; c <= COVERAGE_NONE; c++) r->hidden[part].by[c] = NONE;
    for (process_id p = 0; p < r->t->process_count; p++) {
        const struct process *process = &r->t->processes[p];
        uint32_t part = part_of(r, p);
        process_id *first = &r->hidden[part].by[process->coverage];
        r->there[part] = true;
        if (!process->coverage_reason && process->coverage == COVERAGE_FULL) continue;
        if (*first == NONE) *first = p;
        if (r->anyone == NONE && process->coverage != COVERAGE_FULL) r->anyone = p;
    }
    return true;
}

/* Whether a process without the library in it (or: without a sight of its Python) leaves this in the dark. */
static bool hides(enum coverage coverage, enum section section)
{
    switch (coverage) {
    case COVERAGE_FULL: return section == SECTION_THREADS || section == SECTION_GLOBALS;
    case COVERAGE_KERNEL_ONLY: return section != SECTION_PROCESSES && section != SECTION_ENDS;
    default: return section != SECTION_PROCESSES;
    }
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
    for (int c = COVERAGE_NONE; c >= COVERAGE_FULL; c--) {
        process_id p = r->hidden[part].by[c];
        if (p != NONE && hides((enum coverage)c, section)) return say_process(buffer, r, p);
    }
    /* There is no such part here: or it was started where nobody looked. */
    return !r->there[part] && r->anyone != NONE ? say_process(buffer, r, r->anyone) : NULL;
}
