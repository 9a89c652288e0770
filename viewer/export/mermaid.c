/*
 * mermaid.c: the births of processes and threads as a Mermaid flowchart, for
 * Markdown: who made whom, what was lost at which fork, how each ended.
 */
#include <string.h>

#include "json.h"
#include "viewer/text.h"
#include "viewer/tui/facts.h"

#define MOST 200 /* boxes: a larger one nobody can read, and hosts refuse it */

/* Mermaid takes HTML's entities within quotes; a number sign begins one. */
static void put_words(FILE *out, const char *text)
{
    char safe[300];
    text_escape(safe, sizeof safe, text, strlen(text));
    for (const char *c = safe; *c; c++) {
        if (strchr("\"#<>&;`\\[]{}()|", *c))
            fprintf(out, "#%d;", *c);
        else
            fputc(*c, out);
    }
}

static void put_process(FILE *out, const struct timeline *t, process_id p)
{
    const struct process *process = &t->processes[p];
    char end[TEXT_SHORT];
    fprintf(out, "  p%u[\"", p);
    put_words(out, process_name(t, p));
    fprintf(out, "<br>pid %u, %s\"]\n", process->pid,
            process->end == NEVER ? "running" : end_text(process, end, sizeof end));
    if (process->parent != NONE)
        fprintf(out, "  p%u -->|%s| p%u\n", process->parent, origin_name(process->origin), p);
    for (size_t i = 0; i < process->ghost_count && process->image_count < 2; i++) {
        char label[280];
        thread_id lost = process->ghosts[i].thread;
        if (lost >= t->thread_count || t->threads[lost].is_main) continue;
        fprintf(out, "  p%u -.- g%u_%zu[/\"† ", p, p, i);
        put_words(out, thread_label(t, lost, label, sizeof label));
        fputs(" lost\"/]\n", out);
    }
}

bool export_mermaid(FILE *out, const struct loaded *l)
{
    const struct timeline *t = l->timeline;
    size_t boxes = 0, left = 0;
    fputs("flowchart LR\n", out);
    for (process_id p = 0; p < t->process_count; p++) {
        if (boxes >= MOST && ++left) continue;
        put_process(out, t, p);
        boxes += 1 + t->processes[p].ghost_count;
    }
    for (thread_id i = 0; i < t->thread_count; i++) {
        const struct thread *th = &t->threads[i];
        char label[280];
        if (th->is_main) continue;
        if (boxes >= MOST && ++left) continue;
        fprintf(out, "  t%u([\"", i);
        put_words(out, thread_label(t, i, label, sizeof label));
        fprintf(out, "\"])\n  p%u --> t%u\n", th->process, i);
        boxes++;
    }
    if (left) fprintf(out, "  more[\"%zu more processes and threads are left out\"]\n", left);
    return true;
}
