/* move.c: where the reader is, and every way to be elsewhere. */
#include "facts.h"
#include "tui.h"

thread_id lane_of_row(const struct tui *tui, size_t row)
{
    if (row >= tui->rows.count || tui->rows.row[row].kind >= ROW_GHOST) return NONE;
    thread_id thread = tui->rows.row[row].thread;
    return thread < tui->timeline->thread_count ? thread : NONE;
}

void move_settle(struct tui *tui)
{
    if (tui->row >= tui->rows.count) tui->row = tui->rows.count ? tui->rows.count - 1 : 0;
    if (tui->row < tui->top) tui->top = tui->row;
    if (tui->page && tui->row >= tui->top + tui->page) tui->top = tui->row - tui->page + 1;
    if (tui->rows.count <= tui->page)
        tui->top = 0;
    else if (tui->top + tui->page > tui->rows.count)
        tui->top = tui->rows.count - tui->page;
    if (tui->now < 0) tui->now = 0;
    if (tui->now > tui->end) tui->now = tui->end > 0 ? tui->end : 0;
}

/* The last write of a watched copy under the time cursor. */
static event_id write_here(const struct tui *tui, copy_id copy, int column)
{
    uint32_t before = values_before(&tui->values, copy, window_time(&tui->window, column + 1));
    struct point point = values_point(&tui->values, copy, before - 1);
    return before && point.ns >= window_time(&tui->window, column) ? point.event : NONE;
}

/* The strongest event under the time cursor. */
void move_select(struct tui *tui)
{
    thread_id lane = lane_of_row(tui, tui->row);
    int column = window_column(&tui->window, tui->now);
    tui->event = NONE;
    if (column < 0 || column >= tui->window.columns || tui->row >= tui->rows.count) return;
    if (tui->rows.row[tui->row].kind == ROW_COPY)
        tui->event = write_here(tui, tui->rows.row[tui->row].copy, column);
    if (lane == NONE) return;
    uint32_t from = index_at(&tui->index, lane, window_time(&tui->window, column));
    uint32_t to = index_at(&tui->index, lane, window_time(&tui->window, column + 1));
    if (from < to) tui->event = index_strongest(&tui->index, from, to);
}

void move_to(struct tui *tui, uint32_t row, int64_t ns, event_id event)
{
    if (ns > tui->end) ns = tui->end;
    tui->row = row;
    tui->now = ns;
    tui->scroll = 0;
    tui->following = false;
    window_show(&tui->window, tui->end, ns);
    tui->event = event;
    move_settle(tui);
}

void move_stay(struct tui *tui, uint32_t row)
{
    bool following = tui->following;
    move_to(tui, row, tui->now, NONE);
    tui->following = following;
    move_select(tui);
}

size_t events_until_now(const struct tui *tui)
{
    const struct timeline *t = tui->timeline;
    return tui->now < INT64_MAX ? timeline_events_before(t, tui->now + 1) : t->event_count;
}

uint32_t row_of_event(const struct tui *tui, event_id event)
{
    const struct event *e = EVENT_AT(tui->timeline, event);
    if (e->thread < tui->rows.thread_count) return tui->rows.of_thread[e->thread];
    return e->process < tui->rows.process_count ? tui->rows.of_process[e->process] : 0;
}

/* Unfold a process and all it is in; a filter that hides it goes. */
void move_reveal(struct tui *tui, process_id p, thread_id thread, bool itself)
{
    bool change = false;
    if (p < tui->rows.process_count &&
        (!filter_process(&tui->filter, p) ||
         (itself && thread < tui->rows.thread_count && !filter_thread(&tui->filter, thread)))) {
        *tui->filter.text = 0;
        tui->filter.families = 0;
        move_filter(tui), move_filter_now(tui);
        tui_say(tui, "the filter hid where this goes: it is off");
    }
    for (size_t steps = 0; p < tui->rows.process_count && steps <= tui->rows.process_count; steps++) {
        change |= itself && tui->rows.folded[p];
        if (itself) tui->rows.folded[p] = false;
        itself = true;
        p = tui->timeline->processes[p].parent;
    }
    if (change) rows_build(&tui->rows, tui->timeline);
}

void move_to_event(struct tui *tui, event_id event)
{
    const struct event *e = EVENT_AT(tui->timeline, event);
    bool main = e->thread < tui->timeline->thread_count && tui->timeline->threads[e->thread].is_main;
    move_reveal(tui, e->process, e->thread, !main);
    move_to(tui, row_of_event(tui, event), e->ns, event);
}

void move_zoom(struct tui *tui, int numerator, int denominator)
{
    window_zoom(&tui->window, tui->now, tui->end, numerator, denominator);
    window_show(&tui->window, tui->end, tui->now);
    struct window whole = tui->window;
    window_fit(&whole, tui->end);
    tui->fitted = tui->window.span == whole.span;
}

/* --- steps ------------------------------------------------------------------------------------ */

/* The next or previous moment at which something is known of a value. */
static void step_value(struct tui *tui, copy_id copy, int by)
{
    const struct values *v = &tui->values;
    uint32_t before = values_before(v, copy, tui->now), count = values_count(v, copy);
    if (by > 0)
        while (before < count && values_point(v, copy, before).ns <= tui->now &&
               values_point(v, copy, before).event != tui->event)
            before++;
    uint32_t at = by < 0                                                           ? before - 1
                  : before < count && values_point(v, copy, before).ns <= tui->now ? before + 1
                                                                                   : before;
    struct point point = values_point(v, copy, at);
    if (at < count ? false : by > 0 || tui->now <= point.ns)
        tui_say(tui, by > 0 ? "nothing later is known of this value" : "here this copy begins");
    else
        move_to(tui, (uint32_t)tui->row, point.ns, point.event);
}

static void step_event(struct tui *tui, int by)
{
    if (tui->rows.row[tui->row].kind == ROW_COPY) {
        step_value(tui, tui->rows.row[tui->row].copy, by);
        return;
    }
    thread_id lane = lane_of_row(tui, tui->row);
    if (lane == NONE) {
        tui_say(tui, "a ghost does nothing: Enter goes to where the thread lives");
        return;
    }
    const struct index *ix = &tui->index;
    uint32_t first = ix->first[lane], end = ix->first[lane + 1], at;
    if (tui->event != NONE && (at = index_of(ix, lane, tui->event)) < end)
        at = by > 0 ? at + 1 : at == first ? end : at - 1;
    else if (by > 0)
        at = index_at(ix, lane, tui->now + 1);
    else
        at = (at = index_at(ix, lane, tui->now)) == first ? end : at - 1;
    if (at >= end)
        tui_say(tui, by > 0 ? "no later event on this lane" : "no earlier event on this lane");
    else
        move_to(tui, (uint32_t)tui->row, tui->timeline->events[ix->events[at]].ns, ix->events[at]);
}

static void step_row(struct tui *tui, long by)
{
    long row = (long)tui->row + by, most = (long)tui->rows.count - 1;
    move_stay(tui, (uint32_t)(row < 0 ? 0 : row > most ? most : row));
}

static void step_column(struct tui *tui, int by)
{
    int column = window_column(&tui->window, tui->now);
    move_to(tui, (uint32_t)tui->row, window_time(&tui->window, column + by), NONE);
    move_select(tui);
}

/* The cursor stays on the screen, so that what is pressed next happens where one looks. */
static void pan(struct tui *tui, int by)
{
    window_pan(&tui->window, tui->end, by * tui->window.columns / 2);
    int column = window_column(&tui->window, tui->now);
    tui->following = false;
    if (column >= 0 && column < tui->window.columns) return;
    tui->now = window_time(&tui->window, column < 0 ? 0 : tui->window.columns - 1);
    move_settle(tui);
    move_select(tui);
}

static void select_time(struct tui *tui)
{
    tui->selecting = !tui->selecting;
    if (tui->selecting) {
        tui->mark = tui->now;
        tui_say(tui, "selecting from here: move the time cursor, then s again; Esc forgets it");
        return;
    }
    if (tui->mark == tui->now) {
        tui_say(tui, "nothing selected: move the time cursor after s");
        return;
    }
    place_keep(tui);
    window_between(&tui->window, tui->end, tui->mark, tui->now);
    move_zoom(tui, 1, 1);
}

static void to_end(struct tui *tui)
{
    move_to(tui, (uint32_t)tui->row, tui->end, NONE);
    move_select(tui);
    tui->following = tui->live;
}

bool move_act(struct tui *tui, enum action action)
{
    long page = tui->page > 1 ? (long)tui->page - 1 : 1;
    switch (action) {
    case ACTION_NEXT_EVENT: step_event(tui, 1); break;
    case ACTION_PREV_EVENT: step_event(tui, -1); break;
    case ACTION_DOWN: step_row(tui, 1); break;
    case ACTION_UP: step_row(tui, -1); break;
    case ACTION_PAGE_DOWN: step_row(tui, page); break;
    case ACTION_PAGE_UP: step_row(tui, -page); break;
    case ACTION_FIRST: step_row(tui, -(long)tui->rows.count); break;
    case ACTION_LAST: step_row(tui, (long)tui->rows.count); break;
    case ACTION_CURSOR_LEFT: step_column(tui, -1); break;
    case ACTION_CURSOR_RIGHT: step_column(tui, 1); break;
    case ACTION_START: move_to(tui, (uint32_t)tui->row, 0, NONE), move_select(tui); break;
    case ACTION_FINISH: to_end(tui); break;
    case ACTION_ZOOM_IN: move_zoom(tui, 1, 2); break;
    case ACTION_ZOOM_OUT: move_zoom(tui, 2, 1); break;
    case ACTION_FIT: window_fit(&tui->window, tui->end), tui->fitted = true; break;
    case ACTION_PAN_LEFT: pan(tui, -1); break;
    case ACTION_PAN_RIGHT: pan(tui, 1); break;
    case ACTION_SELECT: select_time(tui); break;
    default: return jump_act(tui, action) || shown_act(tui, action);
    }
    return true;
}
