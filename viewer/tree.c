/*
 * tree.c: drawing the tree. Iterative: a forged trace may be 100,000 deep.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "names.h"
#include "text.h"
#include "tree.h"

#define DEEP 16 /* deeper levels are not indented further */
#define MANY 12 /* threads, ghosts or images of one process that are listed */
#define LINE 4096

struct tree {
    FILE *out;
    const struct timeline *t;
    bool brief;
    unsigned width;
    process_id *child, *sibling; /* first child; next of the same parent */
    unsigned depth;
    bool more[DEEP]; /* by level: another sibling follows */
    const char *tee, *corner, *bar, *ghost, *dot;
};

unsigned tree_width(FILE *out)
{
    struct winsize size;
    if (isatty(fileno(out)) && !ioctl(fileno(out), TIOCGWINSZ, &size) && size.ws_col >= 20)
        return size.ws_col;
    return isatty(fileno(out)) ? 80 : 200;
}

bool tree_ghosts_matter(const struct process *p)
{
    return p->ghost_count && p->image_inherited && p->image_count < 2;
}

/* --- lines ------------------------------------------------------------------------------------ */

static void lead(const struct tree *tree, bool own_line, bool has_children)
{
    unsigned levels = tree->depth < DEEP ? tree->depth : DEEP;
    fputs(text_ink(INK_DIM), tree->out);
    for (unsigned i = 0; i < levels; i++) {
        bool last = i + 1 == levels;
        const char *piece = own_line && last ? (tree->more[i] ? tree->tee : tree->corner)
                            : tree->more[i]  ? tree->bar
                                             : "   ";
        fputs(piece, tree->out);
    }
    if (!own_line) fputs(has_children ? tree->bar : "   ", tree->out);
    fputs(text_ink(INK_PLAIN), tree->out);
}

/* A line under a process; `text` is safe and is cut to the width. */
static void detail(const struct tree *tree, process_id p, enum ink ink, const char *text)
{
    unsigned used = 3 + 3 * (tree->depth < DEEP ? tree->depth : DEEP), columns = 0;
    size_t length = 0;
    lead(tree, false, tree->child[p] != NONE);
    while (text[length] &&
           (columns < tree->width - used || used >= tree->width || (text[length] & 0xc0) == 0x80))
        columns += (text[length++] & 0xc0) != 0x80;
    bool cut = text[length] && used < tree->width;
    if (cut)
        for (int steps = 0; length && steps < 3;) steps += (text[--length] & 0xc0) != 0x80;
    fprintf(tree->out, "%s%.*s%s%s\n", ink == INK_PLAIN ? "" : text_ink(ink), (int)length, text,
            cut ? "..." : "", ink == INK_PLAIN ? "" : text_ink(INK_PLAIN));
}

static const char *function_at(char *buffer, size_t size, const struct timeline *t, const struct event *e)
{
    char name[NAMES_TEXT];
    names_caller(name, sizeof name, t, e);
    snprintf(buffer, size, *name ? " in %s" : "%s", name);
    return buffer;
}

static void created(const struct tree *tree, process_id p)
{
    const struct timeline *t = tree->t;
    const struct process *process = &t->processes[p];
    if (process->fork == NONE) {
        if (process->origin == ORIGIN_ROOT) return;
        detail(tree, p, INK_PLAIN,
               process->found        ? "it ran already when forktrace-ebpf began to look"
               : process->birth_lost ? "its birth was overwritten"
                                     : "nobody saw who made it");
        return;
    }
    const struct event *e = EVENT_AT(t, process->fork);
    char line[LINE], where[NAMES_TEXT + 8], time[TEXT_SHORT];
    const char *how = e->record ? text_fork_api(FT_GET(fork, e->record).api) : "a fork nobody saw";
    snprintf(line, sizeof line, "%s by t%u of p%u at %s%s", how, e->thread, e->process,
             text_time(time, e->ns), function_at(where, sizeof where, t, e));
    detail(tree, p, INK_PLAIN, line);
}

static void image(const struct tree *tree, process_id p, size_t number)
{
    const struct image *i = &tree->t->processes[p].images[number];
    char line[LINE], time[TEXT_SHORT];
    size_t used = 0;
    if (number) used = (size_t)snprintf(line, sizeof line, "exec at %s: ", text_time(time, i->start));
    if (!i->argc)
        used +=
            text_escape(line + used, sizeof line - used, i->exe ? i->exe : "?", i->exe ? strlen(i->exe) : 1);
    for (size_t a = 0; a < i->argc && used + 2 < sizeof line; a++) {
        if (a) line[used++] = ' ';
        used += text_escape(line + used, sizeof line - used, i->argv[a], strlen(i->argv[a]));
    }
    line[used] = 0;
    detail(tree, p, INK_DIM, line);
}

/* The image a child has from its parent is said once, with the parent. */
static void images(const struct tree *tree, process_id p)
{
    const struct process *process = &tree->t->processes[p];
    size_t first = process->image_inherited;
    for (size_t i = first; i < process->image_count; i++) {
        if (i - first < MANY || i + 1 == process->image_count)
            image(tree, p, i);
        else if (i - first == MANY)
            detail(tree, p, INK_DIM, "...");
    }
}

static void thread(const struct tree *tree, process_id p, thread_id id)
{
    const struct timeline *t = tree->t;
    const struct thread *th = &t->threads[id];
    char line[LINE], name[NAMES_TEXT], where[NAMES_TEXT + 8] = "", from[TEXT_SHORT], end[TEXT_SHORT] = "",
                                                          by[32] = "";
    tree_thread(name, sizeof name, t, id);
    if (th->created_by != NONE) snprintf(by, sizeof by, " by t%u", th->created_by);
    if (th->create != NONE) function_at(where, sizeof where, t, EVENT_AT(t, th->create));
    if (th->end != NEVER) text_time(end, th->end);
    snprintf(line, sizeof line, "t%u %s, tid %u: %s%s%s, %s%s%s", id, name, th->tid,
             th->birth_lost ? "birth not seen, known since " : "created at ", text_time(from, th->start), by,
             thread_end_name(th->how), *end ? " at " : "", end);
    detail(tree, p, INK_PLAIN, line);
    if (!*where) return;
    snprintf(line, sizeof line, "   created%s", where);
    detail(tree, p, INK_DIM, line);
}

/* Where it was spawned; ", copied from t3 by the fork"; until when it was seen. */
static void greenlet(const struct tree *tree, process_id p, thread_id id)
{
    const struct timeline *t = tree->t;
    const struct thread *g = &t->threads[id];
    char line[LINE], name[NAMES_TEXT], where[NAMES_TEXT + 8] = "", from[TEXT_SHORT], at[TEXT_SHORT],
                                                          end[TEXT_SHORT + 32] = "";
    snprintf(from, sizeof from, ", seen at %s", text_time(at, g->start));
    if (g->copy_of != NONE) snprintf(from, sizeof from, ", copy of t%u", g->copy_of);
    if (g->how == THREAD_RETURNED) snprintf(end, sizeof end, ", gone by %s", text_time(at, g->end));
    if (g->create != NONE) function_at(where, sizeof where, t, EVENT_AT(t, g->create));
    snprintf(line, sizeof line, "t%u %s%s, greenlet run by t%u%s%s%s%s", id,
             tree_thread(name, sizeof name, t, id),
             g->copy_of != NONE && !g->hub ? ", which survived the fork" : "", g->runs_on, from, end,
             *where ? ", spawned" : "", where);
    detail(tree, p, INK_PLAIN, line);
}

/* Of a child that went on to another program nobody wants to know the greenlets it might have run. */
static bool is_listed(const struct thread *th)
{
    return !th->is_main && (th->copy_of == NONE || th->how != THREAD_EXEC);
}

static void threads(const struct tree *tree, process_id p)
{
    const struct timeline *t = tree->t;
    size_t listed = 0, left = 0;
    for (thread_id id = timeline_next_thread(t, p, NONE); id != NONE; id = timeline_next_thread(t, p, id)) {
        if (!is_listed(&t->threads[id])) continue;
        if (listed++ >= MANY)
            left++;
        else if (t->threads[id].kind == THREAD_GREENLET)
            greenlet(tree, p, id);
        else
            thread(tree, p, id);
    }
    char line[64];
    snprintf(line, sizeof line, "... and %zu more threads", left);
    if (left) detail(tree, p, INK_PLAIN, line);
}

static void ghosts(const struct tree *tree, process_id p)
{
    const struct timeline *t = tree->t;
    const struct process *process = &t->processes[p];
    char line[LINE], name[NAMES_TEXT];
    if (!process->ghost_count) return;
    if (!tree_ghosts_matter(process)) {
        snprintf(line, sizeof line, "%zu thread%s did not come along; no matter, it called exec",
                 process->ghost_count, process->ghost_count == 1 ? "" : "s");
        if (!tree->brief) detail(tree, p, INK_DIM, line);
        return;
    }
    for (size_t i = 0; i < process->ghost_count && i < MANY; i++) {
        thread_id ghost = process->ghosts[i].thread;
        tree_thread(name, sizeof name, t, ghost);
        char started[NAMES_TEXT];
        const char *believed = process->ghosts[i].python == BELIEF_ALIVE ? "; Python lists it as alive" : "";
        snprintf(line, sizeof line, "%s %s (t%u)%s, does not exist here: lost at fork%s", tree->ghost, name,
                 ghost, tree_started(started, sizeof started, t, ghost), believed);
        detail(tree, p, INK_GHOST, line);
    }
    snprintf(line, sizeof line, "%s ... and %zu more threads lost at fork", tree->ghost,
             process->ghost_count - MANY);
    if (process->ghost_count > MANY) detail(tree, p, INK_GHOST, line);
}

static void reaped(const struct tree *tree, process_id p)
{
    const struct process *process = &tree->t->processes[p];
    char line[LINE], time[TEXT_SHORT];
    if (process->reap == NONE) {
        bool ended = process->how == END_EXIT || process->how == END_SIGNAL;
        bool seen = process->parent != NONE && tree->t->processes[process->parent].coverage == COVERAGE_FULL;
        if (ended && seen) detail(tree, p, INK_DIM, "nobody of the run waited for it");
        return;
    }
    const struct event *e = EVENT_AT(tree->t, process->reap);
    snprintf(line, sizeof line, "reaped by p%u at %s with %s", process->reaped_by, text_time(time, e->ns),
             e->record ? text_reap_api(FT_GET(reap, e->record).api) : "?");
    detail(tree, p, process->reaped_by == process->parent ? INK_DIM : INK_PLAIN, line);
}

static enum ink ink_of_end(const struct process *p)
{
    if (p->how == END_RUNNING) return INK_GOOD;
    return process_ended_badly(p) ? INK_BAD : INK_PLAIN;
}

static void killed_by(const struct tree *tree, const struct process *p)
{
    char from[NAMES_TEXT];
    if (*tree_sender(from, sizeof from, tree->t, p->killed_by)) fprintf(tree->out, " from %s", from);
    if (p->out_of_memory) fputs(": out of memory", tree->out);
}

static void headline(const struct tree *tree, process_id p)
{
    const struct process *process = &tree->t->processes[p];
    char role[96], end[TEXT_SHORT], lived[TEXT_SHORT];
    const char *name = process->role ? process->role : "process";
    text_escape(role, sizeof role, name, strlen(name));
    lead(tree, true, false);
    fprintf(tree->out, "p%u %s%s%s%s", p, text_ink(INK_BOLD), role, text_ink(INK_PLAIN), tree->dot);
    if (process->pid) fprintf(tree->out, "pid %u%s", process->pid, tree->dot);
    enum ink ink = ink_of_end(process);
    fprintf(tree->out, "%s%s%s", ink == INK_PLAIN ? "" : text_ink(ink), text_end(end, process),
            ink == INK_PLAIN ? "" : text_ink(INK_PLAIN));
    if (process->killed_by != NONE) killed_by(tree, process);
    if (process->end != NEVER && process->how != END_VANISHED)
        fprintf(tree->out, " after %s", text_duration(lived, process->end - process->start));
    fputc('\n', tree->out);
}

static void print_process(const struct tree *tree, process_id p)
{
    const struct process *process = &tree->t->processes[p];
    headline(tree, p);
    if (!tree->brief) created(tree, p);
    images(tree, p);
    threads(tree, p);
    ghosts(tree, p);
    if (!tree->brief) reaped(tree, p);
    char line[LINE];
    if (!process->coverage_reason) return;
    bool full = process->coverage == COVERAGE_FULL;
    snprintf(line, sizeof line, "%s: %s", full ? "partly covered" : "not covered", process->coverage_reason);
    detail(tree, p, full ? INK_DIM : INK_BAD, line);
}

/* --- the walk ---------------------------------------------------------------------------------- */

static bool link_children(struct tree *tree, process_id *first_root)
{
    size_t count = tree->t->process_count;
    tree->child = malloc((count + 1) * sizeof *tree->child);
    tree->sibling = malloc((count + 1) * sizeof *tree->sibling);
    *first_root = NONE;
    if (!tree->child || !tree->sibling) return false;
    for (size_t p = 0; p < count; p++) tree->child[p] = NONE;
    for (size_t p = count; p-- > 0;) {
        process_id parent = tree->t->processes[p].parent;
        process_id *list = parent == NONE || parent >= p ? first_root : &tree->child[parent];
        tree->sibling[p] = *list;
        *list = (process_id)p;
    }
    return true;
}

/* The parent of the last process on the way up is always known: no stack is needed. */
static process_id next_process(struct tree *tree, process_id p)
{
    if (tree->child[p] != NONE) {
        p = tree->child[p];
        tree->depth++;
    } else {
        while (p != NONE && tree->sibling[p] == NONE) {
            if (!tree->depth) return NONE;
            p = tree->t->processes[p].parent;
            tree->depth--;
        }
        p = tree->sibling[p];
    }
    if (tree->depth && tree->depth <= DEEP) tree->more[tree->depth - 1] = tree->sibling[p] != NONE;
    return p;
}

void tree_print(FILE *out, const struct timeline *t, bool brief)
{
    struct tree tree = {.out = out, .t = t, .brief = brief, .width = tree_width(out)};
    bool unicode = text_unicode();
    tree.tee = unicode ? "├─ " : "|- ";
    tree.corner = unicode ? "└─ " : "`- ";
    tree.bar = unicode ? "│  " : "|  ";
    tree.ghost = unicode ? "†" : "+";
    tree.dot = unicode ? " · " : ", ";
    process_id p;
    if (link_children(&tree, &p))
        for (; p != NONE; p = next_process(&tree, p)) print_process(&tree, p);
    free(tree.child), free(tree.sibling);
}
