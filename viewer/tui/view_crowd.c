/*
 * view_crowd.c: what is folded away below a process, as heights on its lane: how
 * many of those processes and threads lived at a time, by powers of two, so that
 * all lanes of all runs share a scale. Costs a glance at every process and
 * thread, and only while a folded one is on the screen.
 */
#include <stdlib.h>

#include "lanes.h"

struct crowd {
    struct pane *p;
    int32_t *change; /* [page * (columns + 1)]: more or fewer from this column on */
    double start, scale;
};

/* As window_column, in a tenth of the time; a nanosecond more or less makes no height. */
static int column_of(const struct crowd *c, int64_t ns)
{
    const struct window *w = c->p->w;
    if (w->idle) return window_column(w, ns);
    double column = ((double)ns - c->start) * c->scale;
    return column < 0 ? -1 : column >= w->columns ? w->columns : (int)column;
}

static bool on_screen(const struct tui *tui, uint32_t row)
{
    return row >= tui->top && row < tui->rows.count && row - tui->top < tui->page &&
           tui->rows.row[row].kind == ROW_PROCESS && tui->rows.row[row].folded;
}

static void lived(struct crowd *c, uint32_t row, int64_t start, int64_t end)
{
    int first = column_of(c, start), last = column_of(c, end == NEVER ? c->p->tui->end : end);
    if (last < 0 || first >= c->p->w->columns) return;
    int32_t *change = c->change + (row - c->p->tui->top) * ((size_t)c->p->w->columns + 1);
    change[first < 0 ? 0 : first]++;
    change[last < c->p->w->columns ? last + 1 : c->p->w->columns]--;
}

static void count(struct crowd *c)
{
    const struct tui *tui = c->p->tui;
    const struct timeline *t = c->p->t;
    for (process_id i = 0; i < t->process_count; i++) {
        uint32_t row = tui->rows.of_process[i];
        if (on_screen(tui, row) && tui->rows.row[row].process != i && filter_process(&tui->filter, i))
            lived(c, row, t->processes[i].start, t->processes[i].end);
    }
    for (thread_id i = 0; i < t->thread_count; i++) {
        const struct thread *thread = &t->threads[i];
        uint32_t row = tui->rows.of_thread[i];
        if (!on_screen(tui, row) || thread->is_main || thread->process >= t->process_count) continue;
        if (filter_thread(&tui->filter, i))
            lived(c, row, thread->start,
                  thread->end == NEVER ? t->processes[thread->process].end : thread->end);
    }
}

/* Over the lane and the waits; marks that say more stay. */
static void draw(const struct pane *p, int y, const int32_t *change)
{
    int32_t alive = 0;
    for (int x = 0; x < p->w->columns; x++) {
        const struct cell *cell = grid_at(p->g, p->lanes.x + x, y);
        int height = -1;
        alive += change[x];
        for (int32_t n = alive; n > 0 && height < 7; n >>= 1) height++;
        if (height >= 0 &&
            (cell->lines || cell->ch == ' ' || cell->style == STYLE_CONNECTOR || cell->style == STYLE_WAIT))
            grid_put(p->g, p->lanes.x + x, y, U"▁▂▃▄▅▆▇█"[height], "..::||##"[height], STYLE_THREAD);
    }
}

void draw_crowds(struct pane *p)
{
    const struct tui *tui = p->tui;
    struct crowd c = {.p = p, .start = (double)p->w->start, .scale = p->w->columns / (double)p->w->span};
    bool any = false;
    for (size_t y = 0; y < tui->page; y++) any |= on_screen(tui, (uint32_t)(tui->top + y));
    if (!any) return;
    c.change = calloc(tui->page * ((size_t)p->w->columns + 1), sizeof *c.change);
    if (!c.change) return;
    count(&c);
    for (size_t y = 0; y < tui->page; y++)
        draw(p, p->lanes.y + (int)y, c.change + y * ((size_t)p->w->columns + 1));
    free(c.change);
}
