/*
 * view_lanes.c: a lane over time for each row of the tree (view_tree.c), and
 * the lines between them. What is drawn depends on rows and
 * columns; events are only looked up (index.h).
 */
#include <stdlib.h>
#include <string.h>

#include "facts.h"
#include "lanes.h"
#include "mark.h"
#include "tui.h"
#include "viewer/text.h"

static int row_y(const struct pane *p, size_t row) { return p->lanes.y + (int)(row - p->tui->top); }

static const struct row *row_at(const struct pane *p, size_t row)
{
    return row < p->tui->rows.count ? &p->tui->rows.row[row] : NULL;
}

/* --- lanes ------------------------------------------------------------------------------------ */

static int lane_x(const struct pane *p, int64_t ns)
{
    return p->lanes.x + window_column(p->w, ns); /* lanes.x - 1: before; lanes.x + width: after */
}

static void draw_lane(struct pane *p, size_t i)
{
    const struct row *row = row_at(p, i);
    int y = row_y(p, i), first = lane_x(p, row_start(p->t, row)),
        last = lane_x(p, row_end(p->t, row, p->tui->end));
    int left = p->lanes.x, right = left + p->lanes.width - 1;
    if (row->kind == ROW_COPY) return; /* view_strips.c */
    enum style style = (enum style[]){STYLE_PROCESS, STYLE_THREAD, STYLE_GHOST}[row->kind];
    bool greenlet = row->kind == ROW_THREAD && p->t->threads[row->thread].kind == THREAD_GREENLET;
    unsigned shape = row->kind == ROW_PROCESS             ? LINE_HEAVY
                     : row->kind == ROW_GHOST || greenlet ? LINE_DASHED
                                                          : 0;
    if (last < left || first > right) return;
    for (int x = first < left ? left : first; x <= last && x <= right; x++) {
        unsigned lines = (x > first ? LINE_LEFT : 0) | (x < last ? LINE_RIGHT : 0);
        grid_line(p->g, x, y, (lines ? lines : LINE_RIGHT) | shape, style, false);
    }
}

static void draw_waits(struct pane *p, size_t i)
{
    thread_id lane = lane_of_row(p->tui, i);
    int y = row_y(p, i);
    for (int c = p->lanes.width - 1; lane != NONE && c >= 0; c--) {
        event_id wait = index_wait_before(&p->tui->index, lane, window_time(p->w, c + 1));
        if (wait == NONE) return;
        const struct event *e = EVENT_AT(p->t, wait);
        int64_t lasted = timeline_duration(p->t, e), end = e->ns + (lasted > 0 ? lasted : 0);
        int first = lane_x(p, e->ns), last = lane_x(p, end);
        if (first < p->lanes.x) first = p->lanes.x;
        if (last > p->lanes.x + c) last = p->lanes.x + c;
        if (last - first < 1) continue; /* its mark says it */
        enum style style = wait_endless(p->tui, e) ? STYLE_TROUBLE : STYLE_WAIT;
        for (int x = first; x <= last; x++) {
            struct cell *cell = grid_at(p->g, x, y);
            unsigned lines = cell->lines;
            if (lines && !(lines & LINE_LEFT)) continue; /* where a lane begins stays to be seen */
            grid_put(p->g, x, y, U'░', '%', style);
            cell->lines = (uint8_t)lines; /* lines of birth still join it */
        }
        c = first - p->lanes.x;
    }
}

/* What was waited for, and how long: for whom if there is room. Returns the columns it takes. */
static int wait_text(const struct pane *p, const struct event *e, bool endless, int room, char *text,
                     size_t size)
{
    char time[TEXT_SHORT], name[200];
    unsigned kind = wait_facts_of(e).kind;
    const char *end = endless ? ", endless" : "";
    text_duration(time, timeline_duration(p->t, e));
    thread_id awaited =
        e->type == EVENT_LOCK_WAIT && e->child == NONE ? timeline_awaited(p->t, e, NONE) : NONE;
    if (awaited != NONE) {
        snprintf(text, size, " for %.40s %s%s ", thread_name(p->t, awaited, name, sizeof name), time, end);
        int wide = grid_width(p->g, text, 100);
        if (wide <= room) return wide;
    }
    snprintf(text, size, " %s %s%s ", kind ? text_wait_kind(kind) : "wait", time, end);
    return grid_width(p->g, text, 100);
}

/* In the waits themselves, where the shading leaves room. */
static void label_waits(struct pane *p, size_t i)
{
    thread_id lane = lane_of_row(p->tui, i);
    int y = row_y(p, i);
    for (int c = p->lanes.width - 1; lane != NONE && c >= 0; c--) {
        event_id wait = index_wait_before(&p->tui->index, lane, window_time(p->w, c + 1));
        if (wait == NONE) return;
        const struct event *e = EVENT_AT(p->t, wait);
        char text[120];
        bool endless = wait_endless(p->tui, e);
        int first = lane_x(p, e->ns), x = first < p->lanes.x ? p->lanes.x + 1 : first + 2;
        int room = 0;
        for (const struct cell *cell;
             x + room < p->lanes.x + p->lanes.width && (cell = grid_at(p->g, x + room, y)); room++)
            if (cell->ch != (p->g->ascii ? U'%' : U'░')) break;
        int wide = room > 8 ? wait_text(p, e, endless, room - 2, text, sizeof text) : room;
        if (room >= wide + 2) grid_text(p->g, x, y, wide, endless ? STYLE_TROUBLE : STYLE_WAIT, text);
        c = (first < p->lanes.x ? p->lanes.x : first) - p->lanes.x;
    }
}

#define STRONG 76 /* marks that are shown whatever else is there */

static void draw_marks(struct pane *p, size_t i)
{
    const struct index *ix = &p->tui->index;
    thread_id lane = lane_of_row(p->tui, i);
    if (lane == NONE) return;
    int y = row_y(p, i);
    uint32_t end = ix->first[lane + 1], at = index_at(ix, lane, window_time(p->w, 0));
    while (at < end) {
        int column = window_column(p->w, p->t->events[ix->events[at]].ns);
        if (column >= p->w->columns) return;
        uint32_t next = index_next(ix, at, end, window_time(p->w, column + 1));
        if (next <= at) next = at + 1; /* times that are no times */
        event_id best = index_strongest(ix, at, next), chosen = p->tui->event;
        if (i == p->tui->row && chosen != NONE && index_of(ix, lane, chosen) >= at &&
            index_of(ix, lane, chosen) < next)
            best = chosen;
        const struct event *e = EVENT_AT(p->t, best);
        const struct mark *mark = mark_of(e);
        int x = p->lanes.x + column;
        bool corner = best != chosen && grid_at(p->g, x, y)->lines & LINE_UP &&
                      !(grid_at(p->g, x, y)->lines & LINE_LEFT);
        if (corner && mark->strength < STRONG) {
        } /* where a lane begins matters more */
        else if (mark->ch || (p->g->ascii && mark->plain && e->type != EVENT_LOCK_WAIT))
            grid_put(p->g, x, y, mark->ch, mark->plain, mark->style);
        else if (e->type == EVENT_FORK || e->type == EVENT_THREAD_CREATE)
            grid_line(p->g, x, y, LINE_DOWN, STYLE_CONNECTOR, false);
        else if (e->type == EVENT_LOCK_WAIT)
            grid_put(p->g, x, y, U'▒', '%', STYLE_WAIT);
        if (next - at > 1) grid_light(p->g, (struct area){x, y, 1, 1}, LIT_MANY);
        at = next;
    }
}

static bool blank(const struct pane *p, int x, int y, int wide)
{
    if (x + wide > p->lanes.x + p->lanes.width) return false;
    for (int i = 0; i < wide; i++)
        if (grid_at(p->g, x + i, y)->ch != ' ') return false;
    return true;
}

static void draw_end(struct pane *p, size_t i)
{
    const struct row *row = row_at(p, i);
    int x = lane_x(p, row_end(p->t, row, p->tui->end)), y = row_y(p, i);
    if (x < p->lanes.x || x >= p->lanes.x + p->lanes.width || row->kind >= ROW_GHOST) return;
    if (row_running(p->t, row)) {
        grid_put(p->g, x, y, U'▸', '>', STYLE_LIVE);
        return;
    }
    if (row->kind == ROW_THREAD) {
        grid_put(p->g, x, y, U'•', ')', STYLE_THREAD);
        return;
    }
    const struct process *process = &p->t->processes[row->process];
    bool killed = process->how == END_SIGNAL, good = !process_ended_badly(process);
    char text[60], end[TEXT_SHORT];
    grid_put(p->g, x, y,
             killed                         ? U'✖'
             : process->how == END_VANISHED ? U'?'
                                            : U'■',
             killed                         ? 'X'
             : process->how == END_VANISHED ? '?'
                                            : ']',
             good ? STYLE_MARK : STYLE_TROUBLE);
    int wide = snprintf(text, sizeof text, " %s", end_text(process, end, sizeof end));
    if (blank(p, x + 1, y, wide)) grid_text(p->g, x + 1, y, wide, good ? STYLE_DIM : STYLE_TROUBLE, text);
}

static void draw_ghost_words(struct pane *p, size_t i)
{
    const struct row *row = row_at(p, i);
    int start = lane_x(p, row_start(p->t, row)), x = start, y = row_y(p, i), left = p->lanes.x;
    int room = lane_x(p, row_end(p->t, row, p->tui->end)) - (x < left ? left : x);
    if (row->kind != ROW_GHOST) return;
    if (x >= left && x < left + p->lanes.width) grid_put(p->g, x, y, U'†', '#', STYLE_GHOST);
    if (x < left) x = left;
    const char *text = " lost at this fork ", *brief = " lost ";
    if (start < left) text = brief;
    if (room < 26) text = brief;
    if (room >= 12 && x + 3 + (int)strlen(text) < left + p->lanes.width)
        grid_text(p->g, x + 3, y, (int)strlen(text), STYLE_GHOST, text);
}

/* --- the lines of birth ----------------------------------------------------------------------- */

static size_t creator_row(const struct pane *p, const struct row *row)
{
    const struct rows *rows = &p->tui->rows;
    thread_id by = row->kind == ROW_THREAD ? p->t->threads[row->thread].created_by
                                           : p->t->processes[row->process].created_by;
    process_id parent = row->kind == ROW_THREAD ? row->process : p->t->processes[row->process].parent;
    if (row->kind >= ROW_GHOST) return NONE;
    if (by < rows->thread_count) return rows->of_thread[by];
    return parent < rows->process_count ? rows->of_process[parent] : NONE;
}

/* From a creator's line of the screen down to that of what it created; both may be just outside. */
static void line_down(struct pane *p, int column, int y0, int y1)
{
    int x = p->lanes.x + column, top = p->lanes.y, bottom = top + p->lanes.height - 1;
    if (y0 >= top) grid_line(p->g, x, y0, LINE_DOWN, STYLE_CONNECTOR, true);
    for (int y = y0 + 1; y < y1 && y <= bottom; y++)
        grid_line(p->g, x, y, LINE_UP | LINE_DOWN, STYLE_CONNECTOR, true);
    if (y1 <= bottom) grid_line(p->g, x, y1, LINE_UP, STYLE_CONNECTOR, true);
}

/*
 * Lines that leave the screen at its bottom are one a column, the longest; too
 * many of them would be a curtain before the lanes, so then there are none.
 */
static void draw_births(struct pane *p)
{
    int top = p->lanes.y, bottom = top + p->lanes.height - 1, leaving = 0;
    int *reach = malloc(((size_t)p->w->columns + 1) * sizeof *reach);
    if (!reach) return;
    for (int c = 0; c <= p->w->columns; c++) reach[c] = INT32_MAX;
    for (size_t i = p->tui->top; i < p->tui->rows.count; i++) {
        const struct row *row = row_at(p, i);
        size_t from = creator_row(p, row);
        int column = window_column(p->w, row_start(p->t, row));
        if (from >= i || column < 0 || column >= p->w->columns) continue;
        int y0 = from < p->tui->top ? top - 1 : row_y(p, from);
        if (i < p->tui->top + p->tui->page) {
            line_down(p, column, y0, row_y(p, i));
        } else if (y0 <= bottom) {
            leaving += reach[column] == INT32_MAX;
            if (y0 < reach[column]) reach[column] = y0;
        }
    }
    for (int c = 0; c < p->w->columns && leaving <= p->w->columns / 6; c++)
        if (reach[c] != INT32_MAX) line_down(p, c, reach[c], bottom + 1);
    free(reach);
}

/* From the selected event to the lane it is about: the receiver of a signal, the owner of a lock. */
static void draw_relation(struct pane *p)
{
    if (p->tui->event >= p->t->event_count) return;
    const struct event *e = EVENT_AT(p->t, p->tui->event);
    if (e->type == EVENT_FORK || e->type == EVENT_THREAD_CREATE) return; /* has its line of birth */
    const struct rows *rows = &p->tui->rows;
    process_id process = fact_process_about(p->t, e);
    thread_id thread = fact_thread_about(p->t, e);
    event_id taken = timeline_taken(p->t, e); /* a process is sent it, one of its threads takes it */
    if (taken != NONE) process = NONE, thread = EVENT_AT(p->t, taken)->thread;
    size_t to = process != NONE  ? rows->of_process[process]
                : thread != NONE ? rows->of_thread[thread]
                                 : p->tui->row;
    int column = window_column(p->w, e->ns), x = p->lanes.x + column;
    if (to == p->tui->row || column < 0 || column >= p->w->columns) return;
    size_t low = to < p->tui->row ? to : p->tui->row, high = to + p->tui->row - low;
    enum style style = mark_of(e)->style;
    for (size_t i = low + 1 > p->tui->top ? low + 1 : p->tui->top; i < high && i < p->tui->top + p->tui->page;
         i++) {
        struct cell *cell = grid_at(p->g, x, row_y(p, i));
        if (cell->ch == ' ' || cell->lines) grid_put(p->g, x, row_y(p, i), U'┆', ':', style);
    }
    if (to < p->tui->top || to >= p->tui->top + p->tui->page) return;
    if (e->type != EVENT_KILL)
        grid_put(p->g, x, row_y(p, to), U'◆', '@', style);
    else if (to > p->tui->row) /* an arrow into the receiver's lane */
        grid_put(p->g, x, row_y(p, to), U'▼', 'v', style);
    else
        grid_put(p->g, x, row_y(p, to), U'▲', '^', style);
}

/* What proves the finding that is told now. */
static void draw_evidence(struct pane *p)
{
    const struct finding *x = p->tui->on_finding ? p->tui->findings->list[p->tui->verdict] : NULL;
    for (size_t i = 0; x && i < x->evidence.count; i++) {
        event_id event = x->evidence.list[i];
        if (event >= p->t->event_count) continue;
        uint32_t row = row_of_event(p->tui, event);
        int column = window_column(p->w, p->t->events[event].ns);
        if (row < p->tui->top || row >= p->tui->top + p->tui->page || column < 0 || column >= p->w->columns)
            continue;
        grid_light(p->g, (struct area){p->lanes.x + column, row_y(p, row), 1, 1}, LIT_EVIDENCE);
    }
}

/* --- the view --------------------------------------------------------------------------------- */

static struct pane divide(struct tui *tui, struct area a)
{
    int tree = a.width * 34 / 100;
    if (tree < 16) tree = a.width < 32 ? a.width / 2 : 16;
    if (tree > 36) tree = 36;
    struct pane p = {.tui = tui, .g = &tui->grid, .t = tui->timeline, .w = &tui->window};
    int map = !tui->fitted && a.height > 6; /* what is on the screen is a part */
    p.map = (struct area){a.x, a.y, a.width, map};
    p.axis = (struct area){a.x, a.y + map, a.width, 1};
    p.tree = (struct area){a.x, a.y + map + 1, tree, a.height - map - 1};
    p.lanes = (struct area){a.x + tree, p.tree.y, a.width - tree, p.tree.height};
    return p;
}

struct area view_lanes_area(struct tui *tui, struct area a) { return divide(tui, a).lanes; }

static void blank_cells(struct pane *p, int from, int to, int y)
{
    for (int x = from; x < to; x++) *grid_at(p->g, x, y) = (struct cell){.ch = U' '};
}

/* In a replay, what is right of the cursor has not happened yet. */
static void hide_future(struct pane *p)
{
    int now = window_column(p->w, p->tui->now), end = p->lanes.x + p->lanes.width;
    for (int y = p->lanes.y; p->tui->replaying && y < p->lanes.y + p->lanes.height; y++) {
        size_t i = p->tui->top + (size_t)(y - p->lanes.y);
        bool unborn = i < p->tui->rows.count && row_start(p->t, row_at(p, i)) > p->tui->now;
        blank_cells(p, unborn ? p->tree.x + 1 : p->lanes.x + (now < 0 ? 0 : now + 1), end, y);
    }
}

static void draw(struct tui *tui, struct area a)
{
    struct pane p = divide(tui, a);
    if (p.lanes.height < 1 || p.lanes.width < 1 || !tui->rows.count) return;
    if (tui->window.columns != p.lanes.width || tui->page != (size_t)p.lanes.height) {
        tui->window.columns = p.lanes.width;
        tui->page = (size_t)p.lanes.height;
        if (tui->window.span < p.lanes.width) tui->window.span = p.lanes.width;
        if (tui->fitted) window_fit(&tui->window, tui->end);
        window_show(&tui->window, tui->end, tui->now);
    }
    move_settle(tui);
    size_t end = tui->top + tui->page < tui->rows.count ? tui->top + tui->page : tui->rows.count;
    for (size_t i = tui->top; i < end; i++) draw_label(&p, i, row_y(&p, i));
    for (size_t i = tui->top; i < end; i++) draw_lane(&p, i);
    for (size_t i = tui->top; i < end; i++) draw_waits(&p, i);
    draw_births(&p);
    for (size_t i = tui->top; i < end; i++)
        if (tui->rows.row[i].kind == ROW_COPY) draw_strip(&p, &tui->rows.row[i], row_y(&p, i));
    for (size_t i = tui->top; i < end; i++) draw_marks(&p, i);
    draw_crowds(&p);
    for (size_t i = tui->top; i < end; i++) draw_end(&p, i);
    for (size_t i = tui->top; i < end; i++) label_waits(&p, i), draw_ghost_words(&p, i);
    draw_relation(&p);
    hide_future(&p);
    draw_gaps(&p);
    draw_evidence(&p);
    draw_map(&p);
    draw_axis(&p);
    draw_selection(&p);
    draw_cursor(&p);
}

const struct view_ops view_lanes = {"lanes", draw, move_act};
