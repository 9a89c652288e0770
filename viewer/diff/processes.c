/*
 * processes.c: who is there, and how each ended. How many there are of a kind is
 * compared as far as one or several: a server starts and ends workers in the
 * order of its load.
 */
#include <string.h>

#include "diff.h"

static void present(struct diff *d, int run, process_id p)
{
    const struct run *r = &d->runs[run];
    const struct group *g = &r->groups[r->group_of[p]];
    char name[NAMES_TEXT];
    bool numbered = strcmp(word_process(name, r->t, p), g->name);
    const char *state = g->joined      ? "forked by it"
                        : g->slots > 1 ? "several"
                        : numbered     ? "one at a time"
                                       : "runs";
    mention(&d->mentions[run], SECTION_PROCESSES, p, d->parts[g->part].name, state)->silent = !g->joined;
}

/* Of children of different programs only bad ends can be compared: uWSGI's workers leave with statuses that
 * mean something to their master. */
static void end(struct diff *d, int run, process_id p)
{
    const struct run *r = &d->runs[run];
    const struct process *process = &r->t->processes[p];
    const struct group *g = &r->groups[r->group_of[p]];
    char how[TEXT_SHORT];
    struct mention *m =
        mention(&d->mentions[run], SECTION_ENDS, p, d->parts[g->part].name, text_end(how, process));
    bool own_meaning = g->joined || (p != r->server && d->parts[g->part].renamed);
    bool exited = process->how == END_EXIT && (!own_meaning || process_ended_badly(process));
    m->counts = exited || process->how == END_SIGNAL;
    if (process->how == END_RUNNING) m->unseen = "it still runs: how it ends is not known";
    if (process->how == END_VANISHED) m->unseen = "nobody recorded its end (record --ebpf)";
}

void mention_processes(struct diff *d, int run)
{
    for (process_id p = 0; p < d->runs[run].t->process_count; p++) present(d, run, p), end(d, run, p);
}
