/* rows.c: a walk over the tree of processes without recursion: a trace may nest them 100,000 deep. */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

/* Children of each process, as lists; process_count stands for "the roots". */
struct tree {
    process_id *child, *next;
    const struct timeline *t;
    const struct filter *filter;
};

static process_id parent_of(const struct timeline *t, process_id p)
{
    process_id parent = t->processes[p].parent;
    return parent < t->process_count && parent != p ? parent : (process_id)t->process_count;
}

static bool tree_build(struct tree *tree, const struct timeline *t)
{
    size_t n = t->process_count;
    tree->child = malloc((n + 1) * sizeof(process_id)), tree->next = malloc((n + 1) * sizeof(process_id));
    tree->t = t;
    if (!tree->child || !tree->next) return false;
    for (size_t i = 0; i <= n; i++) tree->child[i] = tree->next[i] = NONE;
    for (process_id p = (process_id)n; p-- > 0;) {
        process_id parent = parent_of(t, p);
        if (!filter_process(tree->filter, p)) continue; /* its children are filtered, too */
        tree->next[p] = tree->child[parent];
        tree->child[parent] = p;
    }
    return true;
}

/* A copy worth a row. Functions and classes are watched only because a whole module is. */
bool rows_notable(const struct timeline *t, copy_id c)
{
    const struct global *g = &t->globals[t->copies[c].global];
    unsigned kind = t->copies[c].last.kind;
    bool code = kind == FT_PY_KIND_function || kind == FT_PY_KIND_module || kind == FT_PY_KIND_type;
    return (g->diverged && !g->found) || (g->watched && !code);
}

static bool shown(const struct rows *rows, const struct timeline *t, copy_id c)
{
    process_id p = t->copies[c].process;
    if (p >= t->process_count || rows->copies == COPIES_NONE || !filter_process(rows->filter, p))
        return false;
    return rows->copies == COPIES_ALL || rows_notable(t, c);
}

/* The copies to show, by process: a counting sort, which keeps the order of the globals. */
struct shelf {
    uint32_t *first; /* [process_count + 1] */
    copy_id *copies;
};

static bool shelf_build(struct shelf *s, const struct rows *rows, const struct timeline *t)
{
    size_t n = t->process_count;
    *s = (struct shelf){calloc(n + 2, sizeof *s->first), malloc((t->copy_count + 1) * sizeof *s->copies)};
    if (!s->first || !s->copies) return false;
    uint32_t *start = s->first + 1; /* one early: filling moves each start to its end */
    for (copy_id c = 0; c < t->copy_count; c++)
        if (shown(rows, t, c)) start[t->copies[c].process + 1]++;
    for (size_t p = 1; p <= n; p++) start[p] += start[p - 1];
    for (copy_id c = 0; c < t->copy_count; c++)
        if (shown(rows, t, c)) s->copies[start[t->copies[c].process]++] = c;
    return true;
}

struct walk {
    struct rows *rows;
    const struct timeline *t;
    const struct shelf *shelf;
    size_t room;
    uint64_t open; /* of the row about to be added */
    unsigned depth;
};

static void add(struct walk *w, struct row row)
{
    if (w->rows->count == w->room) return; /* never: there is room for every lane */
    row.depth = (uint16_t)(w->depth < UINT16_MAX ? w->depth : UINT16_MAX);
    row.open = w->open;
    w->rows->row[w->rows->count++] = row;
}

/* The rows of a process itself. `more`: child processes follow below. */
static void add_process(struct walk *w, process_id p, bool last, bool more)
{
    const struct process *process = &w->t->processes[p];
    bool folded = w->rows->folded[p];
    uint32_t self = (uint32_t)w->rows->count;
    struct row *head = &w->rows->row[self];
    add(w, (struct row){
               .kind = ROW_PROCESS, .last = last, .folded = folded, .process = p, .thread = process->main});
    w->rows->of_process[p] = self;
    if (w->depth < 64 && !last) w->open |= 1ull << w->depth;
    w->depth++;
    struct row *below = NULL;
    bool any = more;
    for (uint32_t g = 0; g < process->ghost_count; g++) {
        thread_id lost = process->ghosts[g].thread;
        if (lost < w->t->thread_count && !filter_thread(w->rows->filter, lost)) continue;
        any = true;
        if (folded) {
            head->hidden++;
            continue;
        }
        below = &w->rows->row[w->rows->count];
        add(w,
            (struct row){.kind = ROW_GHOST, .process = p, .thread = process->ghosts[g].thread, .ghost = g});
    }
    for (thread_id t = timeline_next_thread(w->t, p, NONE); t != NONE; t = timeline_next_thread(w->t, p, t)) {
        w->rows->of_thread[t] = self;
        if (w->t->threads[t].is_main || !filter_thread(w->rows->filter, t)) continue;
        any = true;
        if (folded) {
            w->rows->row[self].hidden++;
            continue;
        }
        w->rows->of_thread[t] = (uint32_t)w->rows->count;
        below = &w->rows->row[w->rows->count];
        add(w, (struct row){.kind = ROW_THREAD, .process = p, .thread = t});
    }
    for (uint32_t i = w->shelf->first[p]; i < w->shelf->first[p + 1]; i++) {
        any = true;
        if (folded) break;
        below = &w->rows->row[w->rows->count];
        add(w, (struct row){
                   .kind = ROW_COPY, .process = p, .thread = process->main, .copy = w->shelf->copies[i]});
    }
    w->depth--;
    if (w->depth < 64) w->open &= ~(1ull << w->depth);
    head->parent = any;
    if (below && !more) below->last = true;
}

static void hide(struct rows *rows, const struct timeline *t, process_id p, uint32_t row)
{
    rows->of_process[p] = row;
    rows->row[row].hidden += 1 + (uint32_t)t->processes[p].ghost_count;
    for (thread_id i = timeline_next_thread(t, p, NONE); i != NONE; i = timeline_next_thread(t, p, i)) {
        rows->of_thread[i] = row;
        rows->row[row].hidden += !t->threads[i].is_main;
    }
}

static void walk(struct walk *w, const struct tree *tree)
{
    process_id root = (process_id)w->t->process_count, p = tree->child[root];
    uint32_t folded_row = NONE; /* inside this folded process ... */
    unsigned folded_depth = 0;  /* ... which is this deep */
    while (p != NONE) {
        bool last = tree->next[p] == NONE, more = tree->child[p] != NONE;
        if (folded_row != NONE && w->depth <= folded_depth) folded_row = NONE;
        if (folded_row != NONE) {
            hide(w->rows, w->t, p, folded_row);
        } else {
            add_process(w, p, last, more);
            if (w->rows->folded[p]) {
                folded_row = w->rows->of_process[p];
                folded_depth = w->depth;
            }
        }
        if (more) {
            if (w->depth < 64 && !last) w->open |= 1ull << w->depth;
            w->depth++;
            p = tree->child[p];
            continue;
        }
        while (p != root && tree->next[p] == NONE) {
            p = parent_of(w->t, p);
            if (p == root) break;
            w->depth--;
            if (w->depth < 64) w->open &= ~(1ull << w->depth);
        }
        p = p == root ? NONE : tree->next[p];
    }
}

static bool keep_size(struct rows *rows, const struct timeline *t)
{
    bool *folded = calloc(t->process_count + 1, sizeof *folded);
    uint32_t *of_thread = malloc((t->thread_count + 1) * sizeof *of_thread);
    uint32_t *of_process = malloc((t->process_count + 1) * sizeof *of_process);
    if (!folded || !of_thread || !of_process) {
        free(folded), free(of_thread), free(of_process);
        return false;
    }
    size_t known = rows->process_count < t->process_count ? rows->process_count : t->process_count;
    if (known) memcpy(folded, rows->folded, known * sizeof *folded);
    memset(of_thread, 0, (t->thread_count + 1) * sizeof *of_thread);
    memset(of_process, 0, (t->process_count + 1) * sizeof *of_process);
    free(rows->folded), free(rows->of_thread), free(rows->of_process);
    rows->folded = folded, rows->of_thread = of_thread, rows->of_process = of_process;
    rows->process_count = t->process_count, rows->thread_count = t->thread_count;
    return true;
}

bool rows_build(struct rows *rows, const struct timeline *t)
{
    size_t room = t->process_count + t->thread_count + t->copy_count + 1;
    for (process_id p = 0; p < t->process_count; p++) room += t->processes[p].ghost_count;
    struct tree tree = {.filter = rows->filter};
    struct shelf shelf = {0};
    struct row *row = malloc(room * sizeof *row);
    bool ok = row && tree_build(&tree, t) && shelf_build(&shelf, rows, t) && keep_size(rows, t);
    if (ok) {
        free(rows->row);
        rows->row = row;
        rows->count = 0;
        walk(&(struct walk){.rows = rows, .t = t, .shelf = &shelf, .room = room}, &tree);
    } else {
        free(row);
    }
    free(tree.child);
    free(tree.next);
    free(shelf.first);
    free(shelf.copies);
    return ok;
}

void rows_free(struct rows *rows)
{
    free(rows->row);
    free(rows->folded);
    free(rows->of_thread);
    free(rows->of_process);
    *rows = (struct rows){0};
}

int64_t row_start(const struct timeline *t, const struct row *row)
{
    const struct process *p = &t->processes[row->process];
    if (row->kind == ROW_PROCESS) return p->start;
    if (row->kind == ROW_THREAD) return t->threads[row->thread].start;
    if (row->kind == ROW_COPY) return t->copies[row->copy].born;
    event_id fork = p->ghosts[row->ghost].fork;
    return fork < t->event_count && t->events[fork].ns > p->start ? t->events[fork].ns : p->start;
}

bool row_running(const struct timeline *t, const struct row *row)
{
    const struct process *p = &t->processes[row->process];
    if (row->kind != ROW_THREAD) return p->end == NEVER;
    return t->threads[row->thread].end == NEVER && p->end == NEVER;
}

int64_t row_end(const struct timeline *t, const struct row *row, int64_t now)
{
    const struct process *p = &t->processes[row->process];
    int64_t end = p->end == NEVER ? now : p->end;
    if (row->kind == ROW_COPY && t->copies[row->copy].end != NEVER) return t->copies[row->copy].end;
    if (row->kind != ROW_THREAD) return end;
    const struct thread *thread = &t->threads[row->thread];
    return thread->end == NEVER ? end : thread->end;
}
