/*
 * report.c: `forktrace report`: what happened, in words, for a terminal, a
 * pipe or a log. The first lines tell the story; what follows is the evidence.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "names.h"
#include "report.h"
#include "text.h"
#include "tree.h"

void report_heading(FILE *out, const char *text)
{
    fprintf(out, "\n%s%s%s\n", text_ink(INK_BOLD), text, text_ink(INK_PLAIN));
}

/* --- the first lines ---------------------------------------------------------------------------- */

static void header(FILE *out, const struct loaded *l)
{
    const struct ft_header *h = l->reader.header;
    char when[64] = "?", host[sizeof h->host + 1] = "", kernel[sizeof h->kernel + 1] = "",
         duration[TEXT_SHORT];
    time_t seconds = (time_t)(l->timeline->realtime / 1000000000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm)) strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &tm);
    memcpy(host, h->host, sizeof h->host);
    memcpy(kernel, h->kernel, sizeof h->kernel);
    text_put(out, l->path);
    fprintf(out, ": %s, %s, on ", when, text_duration(duration, l->timeline->end));
    text_put(out, host);
    fputs(" (", out);
    text_put(out, kernel);
    fputs(")\n", out);
}

struct counts {
    size_t forks, other_births, threads_created, greenlets, lost_threads, lossy_processes, waiting;
    size_t ends[END_VANISHED + 1], failed;
};

static int by_id(const void *a, const void *b)
{
    thread_id x = *(const thread_id *)a, y = *(const thread_id *)b;
    return x < y ? -1 : x > y;
}

/* Threads that are a ghost somewhere, and the processes they are missing from. */
static void count_ghosts(const struct timeline *t, struct counts *c)
{
    size_t all = 0;
    for (size_t i = 0; i < t->process_count; i++)
        all += tree_ghosts_matter(&t->processes[i]) ? t->processes[i].ghost_count : 0;
    thread_id *lost = malloc((all + 1) * sizeof *lost);
    if (!lost) return;
    size_t n = 0;
    for (size_t i = 0; i < t->process_count; i++) {
        const struct process *p = &t->processes[i];
        if (!tree_ghosts_matter(p)) continue;
        c->lossy_processes++;
        for (size_t k = 0; k < p->ghost_count; k++) lost[n++] = p->ghosts[k].thread;
    }
    qsort(lost, n, sizeof *lost, by_id);
    for (size_t i = 0; i < n; i++) c->lost_threads += !i || lost[i] != lost[i - 1];
    free(lost);
}

static struct counts count(const struct timeline *t)
{
    struct counts c = {0};
    for (size_t i = 0; i < t->event_count; i++) {
        const struct event *e = EVENT_AT(t, i);
        if (e->type == EVENT_FORK && e->child != NONE) {
            enum origin origin = t->processes[e->child].origin;
            bool fork = origin == ORIGIN_FORK || origin == ORIGIN_VFORK || origin == ORIGIN_CLONE;
            *(fork ? &c.forks : &c.other_births) += 1;
        }
        c.threads_created += e->type == EVENT_THREAD_CREATE && e->child != NONE;
        c.waiting += e->type == EVENT_LOCK_WAIT && (e->flags & EVENT_UNFINISHED) && e->record;
    }
    for (size_t i = 0; i < t->process_count; i++) {
        c.ends[t->processes[i].how]++;
        c.failed += t->processes[i].how == END_EXIT && t->processes[i].status > 0;
    }
    for (thread_id i = 0; i < t->thread_count; i++) {
        const struct thread *th = &t->threads[i];
        c.greenlets += th->kind == THREAD_GREENLET && th->copy_of == NONE && !th->hub;
    }
    count_ghosts(t, &c);
    return c;
}

static const char *s(size_t n) { return n == 1 ? "" : "s"; }

static void story(FILE *out, const struct counts *c, size_t processes)
{
    fprintf(out, "\n%s%zu process%s, %zu fork%s", text_ink(INK_BOLD), processes, processes == 1 ? "" : "es",
            c->forks, s(c->forks));
    if (c->other_births) fprintf(out, ", %zu started otherwise", c->other_births);
    fprintf(out, ", %zu thread%s created", c->threads_created, s(c->threads_created));
    if (c->greenlets) fprintf(out, ", %zu greenlet%s seen", c->greenlets, s(c->greenlets));
    if (c->lost_threads == 1 && c->threads_created == 1)
        fprintf(out, "; %sit does not exist in %zu of them", text_ink(INK_GHOST), c->lossy_processes);
    else if (c->lost_threads)
        fprintf(out, ";\n%s%zu thread%s lost at a fork, missing in %zu process%s", text_ink(INK_GHOST),
                c->lost_threads, c->lost_threads == 1 ? " was" : "s were", c->lossy_processes,
                c->lossy_processes == 1 ? "" : "es");
    fprintf(out, ".%s\n", text_ink(INK_PLAIN));
}

static void part(FILE *out, bool *first, size_t n, const char *text)
{
    if (!n) return;
    fprintf(out, "%s%zu %s", *first ? "" : ", ", n, text);
    *first = false;
}

static void ends(FILE *out, const struct counts *c)
{
    bool first = true;
    part(out, &first, c->ends[END_EXIT] - c->failed, "exited with status 0");
    part(out, &first, c->failed, "exited with another status");
    part(out, &first, c->ends[END_SIGNAL], "killed by a signal");
    part(out, &first, c->ends[END_RUNNING], "still running");
    part(out, &first, c->ends[END_VANISHED], "vanished without a word");
    part(out, &first, c->waiting, "wait(s) that never ended");
    fputs(".\n", out);
}

void report_summary(FILE *out, const struct loaded *l)
{
    header(out, l);
    struct counts c = count(l->timeline);
    story(out, &c, l->timeline->process_count);
    ends(out, &c);
    if (!l->timeline->complete)
        fprintf(out, "%sThis trace is not complete: see \"coverage\" at the end.%s\n", text_ink(INK_BAD),
                text_ink(INK_PLAIN));
}

int report_main(int argc, char **argv)
{
    struct reading reading;
    struct loaded l;
    int error = command_reading(argc, argv, NULL, "", NULL, &reading);
    if (!error) error = load(&l, reading.file, reading.partial);
    if (error) return error;
    report_summary(stdout, &l);
    report_findings(stdout, l.timeline);
    report_heading(stdout, "Processes and threads");
    tree_print(stdout, l.timeline, false);
    report_globals(stdout, l.timeline);
    report_waits(stdout, l.timeline);
    report_signals(stdout, l.timeline);
    report_kills(stdout, l.timeline);
    report_binds(stdout, l.timeline);
    report_coverage(stdout, &l);
    unload(&l);
    return EXIT_CLEAN;
}
