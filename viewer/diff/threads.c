/*
 * threads.c: which threads run where, and where a fork lost them. Threads are
 * known by their name without a number, or by what they run.
 *
 * How many of a kind there are, a pool under load decides: that is shown, not
 * compared. So is what one short job each is done in, like the requests of
 * werkzeug's server: a fork that meets one is chance. Whether a child lives long
 * enough to matter is chance, too, where it is close: a loss is always told, and
 * counts only if it does.
 */
#include <string.h>

#include "diff.h"
#include "viewer/tree.h"

#define RUNS      "runs"
#define RUNS_EACH "runs once each" /* where the other run has one process for all of these */
#define LOST      "lost at the fork"

/* Greenlets are seen at forks and ends only: which, is chance, but for those that a fork copied. */
static bool is_told(const struct thread *th)
{
    if (th->is_main || th->hub) return false;
    return th->kind == THREAD_NATIVE || th->copy_of != NONE;
}

static const char *subject_of(char *buffer, const struct timeline *t, thread_id id)
{
    char name[NAMES_TEXT];
    const struct thread *th = &t->threads[id];
    word_thread(name, t, id);
    bool named =
        th->python_name || th->name || th->python.name || th->kind == THREAD_GREENLET || !th->start_routine;
    if (!named && !timeline_object(t, th->process, th->start, th->start_routine))
        strcpy(name, "thread of a function in no file"); /* made at run time: at any address */
    if (t->threads[id].kind != THREAD_GREENLET) return memcpy(buffer, name, NAMES_TEXT);
    strcpy(buffer, "greenlet ");
    text_escape(buffer + 9, NAMES_TEXT - 9, name, strlen(name)); /* cut at a whole character */
    return buffer;
}

static void runs(struct diff *d, int run, thread_id id)
{
    const struct timeline *t = d->runs[run].t;
    const struct thread *th = &t->threads[id];
    char subject[NAMES_TEXT], place[NAMES_TEXT], detail[NAMES_TEXT + 32];
    const struct group *g = &d->runs[run].groups[d->runs[run].group_of[th->process]];
    bool brief = th->how == THREAD_RETURNED && is_transient_thread(t, id);
    bool each = d->parts[g->part].split && g->slots > 1 && !brief;
    struct mention *m = mention(&d->mentions[run], SECTION_THREADS, th->process, subject_of(subject, t, id),
                                each ? RUNS_EACH : RUNS);
    word_place(place, t, th->create);
    snprintf(detail, sizeof detail, "%s%s%s", brief ? "each for a moment" : "", brief && *place ? ", " : "",
             place);
    m->counts = !brief && !is_unnamed_thread(t, id);
    mention_detail(m, detail);
}

/* A child of the same name it started itself: nothing is missing there. */
static bool has_its_own(const struct timeline *t, process_id p, const char *subject)
{
    char name[NAMES_TEXT];
    size_t looked = 0;
    for (thread_id i = timeline_next_thread(t, p, NONE); i != NONE && looked < 256; looked++) {
        if (is_told(&t->threads[i]) && !strcmp(subject_of(name, t, i), subject)) return true;
        i = timeline_next_thread(t, p, i);
    }
    return false;
}

static void lost(struct diff *d, int run, process_id p)
{
    const struct timeline *t = d->runs[run].t;
    const struct process *process = &t->processes[p];
    char subject[NAMES_TEXT];
    for (size_t i = 0; i < process->ghost_count; i++) {
        thread_id id = process->ghosts[i].thread;
        if (id >= t->thread_count || t->threads[id].is_main || is_transient_thread(t, id)) continue;
        if (has_its_own(t, p, subject_of(subject, t, id))) continue;
        struct mention *m = mention(&d->mentions[run], SECTION_THREADS, p, subject, LOST);
        m->counts = lives_on(t, p) && !is_unnamed_thread(t, id);
        if (process->ghosts[i].python == BELIEF_ALIVE) mention_detail(m, "though Python lists it as alive");
    }
}

void mention_threads(struct diff *d, int run)
{
    const struct timeline *t = d->runs[run].t;
    for (thread_id id = 0; id < t->thread_count; id++)
        if (is_told(&t->threads[id])) runs(d, run, id);
    for (process_id p = 0; p < t->process_count; p++)
        if (tree_ghosts_matter(&t->processes[p])) lost(d, run, p);
}
