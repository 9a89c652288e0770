/* move.c: where the reader is, and every way to be elsewhere. */
#include "facts.h"
#include "tui.h"

thread_id lane_of_row(const struct tui *tui, size_t row)
{
    if (row >= tui->rows.count || tui->rows.row[row].kind >= ROW_GHOST) return NONE;
    thread_id thread = tui->rows.row[row].thread;
    return thread < tui->timeline->thread_count ? thread : NONE;
}

#define AT_ONCE 400000u /* events a filter goes through before the next frame is due */

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
    tui->row = row;
    tui->now = ns;
    tui->scroll = 0;
    tui->following = false;
    window_show(&tui->window, tui->end, ns);
    tui->event = event;
    move_settle(tui);
}

uint32_t row_of_event(const struct tui *tui, event_id event)
{
    const struct event *e = &tui->timeline->events[event];
    if (e->thread < tui->rows.thread_count) return tui->rows.of_thread[e->thread];
    return e->process < tui->rows.process_count ? tui->rows.of_process[e->process] : 0;
}

/* Unfold a process and all it is in; a filter that hides it goes. */
static void reveal(struct tui *tui, process_id p, thread_id thread, bool itself)
{
    bool change = false;
    if (p < tui->rows.process_count &&
        (!filter_process(&tui->filter, p) ||
         (itself && thread < tui->rows.thread_count && !filter_thread(&tui->filter, thread)))) {
        *tui->filter.text = 0;
        tui->filter.family = NONE;
        move_filter(tui);
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
    const struct event *e = &tui->timeline->events[event];
    bool main = e->thread < tui->timeline->thread_count && tui->timeline->threads[e->thread].is_main;
    reveal(tui, e->process, e->thread, !main);
    move_to(tui, row_of_event(tui, event), e->ns, event);
}

/* --- places ----------------------------------------------------------------------------------- */

static struct place here(const struct tui *tui)
{
    const struct row *row = &tui->rows.row[tui->row];
    global_id global = row->kind == ROW_COPY ? tui->timeline->copies[row->copy].global : NONE;
    return (struct place){tui->now, tui->event, row->kind, row->process, row->thread, global, tui->window};
}

static uint32_t find_row(const struct tui *tui, const struct place *place)
{
    for (uint32_t i = 0; i < tui->rows.count; i++) {
        const struct row *row = &tui->rows.row[i];
        if (row->kind == place->kind && row->process == place->process && row->thread == place->thread &&
            (row->kind != ROW_COPY || tui->timeline->copies[row->copy].global == place->global))
            return i;
    }
    return place->process < tui->rows.process_count ? tui->rows.of_process[place->process] : 0;
}

void place_keep(struct tui *tui)
{
    if (!tui->rows.count) return;
    if (tui->place == PLACES - 1) {
        for (size_t i = 1; i < PLACES; i++) tui->places[i - 1] = tui->places[i];
        tui->place--;
    }
    tui->places[tui->place++] = here(tui);
    tui->place_count = tui->place;
}

static void zoom(struct tui *tui, int numerator, int denominator)
{
    window_zoom(&tui->window, tui->now, tui->end, numerator, denominator);
    window_show(&tui->window, tui->end, tui->now);
    struct window whole = tui->window;
    window_fit(&whole, tui->end);
    tui->fitted = tui->window.span == whole.span;
}

static void place_go(struct tui *tui, int by)
{
    if (by < 0 ? tui->place == 0 : tui->place + 1 >= tui->place_count) {
        tui_say(tui, by < 0 ? "this is where you started" : "nothing further");
        return;
    }
    tui->places[tui->place] = here(tui);
    if (tui->place == tui->place_count) tui->place_count++;
    tui->place += (size_t)by;
    struct place place = tui->places[tui->place];
    int columns = tui->window.columns;
    reveal(tui, place.process, place.thread, place.kind != ROW_PROCESS);
    const struct idle *idle = tui->window.idle;
    tui->window = place.window;
    tui->window.columns = columns;
    if (tui->window.idle != idle) window_leave_out(&tui->window, idle, tui->end, place.now);
    zoom(tui, 1, 1); /* whether this is the whole run */
    move_to(tui, find_row(tui, &place), place.now, place.event);
}

void jump_to_event(struct tui *tui, event_id event)
{
    place_keep(tui);
    move_to_event(tui, event);
}

uint32_t row_of_copy(const struct tui *tui, copy_id copy)
{
    process_id p = tui->timeline->copies[copy].process;
    uint32_t i = p < tui->rows.process_count ? tui->rows.of_process[p] : NONE;
    for (; i < tui->rows.count && tui->rows.row[i].process == p; i++)
        if (tui->rows.row[i].kind == ROW_COPY && tui->rows.row[i].copy == copy) return i;
    return NONE;
}

/* --- jumps ------------------------------------------------------------------------------------ */

static void jump_to_lane(struct tui *tui, process_id process, thread_id thread, int64_t ns)
{
    bool main = thread >= tui->rows.thread_count || tui->timeline->threads[thread].is_main;
    place_keep(tui);
    reveal(tui, process, thread, !main);
    move_to(tui, main ? tui->rows.of_process[process] : tui->rows.of_thread[thread], ns, NONE);
    move_select(tui);
}

/* From a value to the thread that wrote it; where nobody did, to the copy it was forked from. */
static void to_writer(struct tui *tui, const struct copy *copy)
{
    const struct timeline *t = tui->timeline;
    if (tui->event < t->event_count) {
        jump_to_event(tui, tui->event);
    } else if (copy->writer < t->thread_count && copy->written != NEVER) {
        jump_to_lane(tui, t->threads[copy->writer].process, copy->writer, copy->written);
        tui_say(tui, "the thread that wrote it last");
    } else if (copy->parent != NONE && row_of_copy(tui, copy->parent) != NONE) {
        place_keep(tui);
        move_to(tui, row_of_copy(tui, copy->parent), copy->born, NONE);
        tui_say(tui, "never written here: this is the copy it was forked from");
    } else {
        tui_say(tui, "nobody was seen writing this");
    }
}

/* From a write to the value it wrote. */
static bool to_copy(struct tui *tui, const struct event *e)
{
    copy_id copy = timeline_copy_written(tui->timeline, e);
    uint32_t row = copy == NONE ? NONE : row_of_copy(tui, copy);
    if (row == NONE) return false;
    place_keep(tui);
    move_to(tui, row, e->ns, tui->event);
    return true;
}

/* What the selected thing is about. */
static void follow(struct tui *tui)
{
    const struct timeline *t = tui->timeline;
    const struct row *row = &tui->rows.row[tui->row];
    if (row->kind == ROW_GHOST && row->thread < t->thread_count) {
        jump_to_lane(tui, t->threads[row->thread].process, row->thread, tui->now);
        tui_say(tui, "the thread itself, in the process where it lives");
        return;
    }
    if (row->kind == ROW_COPY) {
        to_writer(tui, &t->copies[row->copy]);
        return;
    }
    const struct event *e = tui->event < t->event_count ? &t->events[tui->event] : NULL;
    if (e && (e->type == EVENT_WRITE || e->type == EVENT_CHANGE || e->type == EVENT_TEARDOWN) &&
        to_copy(tui, e))
        return;
    process_id process = e ? fact_process_about(t, e) : NONE;
    thread_id thread = e ? fact_thread_about(t, e) : NONE;
    if (process != NONE)
        jump_to_lane(tui, process, NONE, e->type == EVENT_FORK ? t->processes[process].start : e->ns);
    else if (thread != NONE && t->threads[thread].process < t->process_count)
        jump_to_lane(tui, t->threads[thread].process, thread,
                     e->type == EVENT_THREAD_CREATE ? t->threads[thread].start : e->ns);
    else
        tui_say(tui,
                e ? "this event is about no other lane" : "no event here: h and l go to the nearest ones");
}

static void to_creator(struct tui *tui)
{
    const struct timeline *t = tui->timeline;
    const struct row *row = &tui->rows.row[tui->row];
    const struct process *p = &t->processes[row->process];
    event_id event = row->kind == ROW_PROCESS || row->kind == ROW_COPY ? p->fork
                     : row->kind == ROW_THREAD                         ? t->threads[row->thread].create
                                                                       : p->ghosts[row->ghost].fork;
    if (event < t->event_count)
        jump_to_event(tui, event);
    else if (row->kind == ROW_PROCESS && p->parent < t->process_count)
        jump_to_lane(tui, p->parent, NONE, p->start);
    else
        tui_say(tui, "nobody was seen creating this");
}

static void to_child(struct tui *tui)
{
    thread_id lane = lane_of_row(tui, tui->row);
    const struct timeline *t = tui->timeline;
    if (lane == NONE) return;
    for (int around = 0; around < 2; around++) {
        uint32_t i = index_at(&tui->index, lane, around ? 0 : tui->now);
        for (; i < tui->index.first[lane + 1]; i++) {
            const struct event *e = &t->events[tui->index.events[i]];
            bool process = e->type == EVENT_FORK && e->child < t->process_count;
            if (!process && (e->type != EVENT_THREAD_CREATE || e->child >= t->thread_count)) continue;
            if (process)
                jump_to_lane(tui, e->child, NONE, t->processes[e->child].start);
            else
                jump_to_lane(tui, t->threads[e->child].process, e->child, t->threads[e->child].start);
            return;
        }
    }
    tui_say(tui, "this lane created nothing");
}

/* --- what is shown ---------------------------------------------------------------------------- */

static void filter_now(struct tui *tui)
{
    char error[120];
    struct index index;
    struct place place = {0};
    bool any = tui->rows.count > 0;
    if (any) place = here(tui);
    if (!filter_apply(&tui->filter, tui->timeline, error, sizeof error)) tui_say(tui, "filter: %s", error);
    if (!index_build(&index, tui->timeline, &tui->filter)) {
        tui_say(tui, "not enough memory");
        return;
    }
    index_free(&tui->index);
    tui->index = index;
    rows_build(&tui->rows, tui->timeline);
    if (!tui->rows.count) { /* an empty screen would be a riddle */
        tui_say(tui, "nothing matches: %s", tui->filter.text);
        filter_clear(&tui->filter);
        filter_now(tui);
        return;
    }
    if (!any) return;
    uint32_t row = find_row(tui, &place);
    move_to(tui, row, place.now, NONE);
    move_select(tui);
}

void move_filter_now(struct tui *tui)
{
    if (!tui->filtering) return;
    tui->filtering = false;
    *tui->message = 0;
    filter_now(tui);
}

void move_filter(struct tui *tui)
{
    size_t count = tui->timeline->event_count;
    tui->filtering = true;
    tui_say(tui, "filtering %zu events", count);
    if (count < AT_ONCE) move_filter_now(tui);
}

static void only_family(struct tui *tui)
{
    tui->filter.family = tui->filter.family == NONE ? tui->rows.row[tui->row].process : NONE;
    bool on = tui->filter.family != NONE;
    move_filter(tui);
    if (!tui->filtering)
        tui_say(tui, on ? "only this process, who it comes from and who comes from it: o or Esc shows all"
                        : "all processes");
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
    bool following = tui->following;
    move_to(tui, (uint32_t)(row < 0 ? 0 : row > most ? most : row), tui->now, NONE);
    tui->following = following;
    move_select(tui);
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
    zoom(tui, 1, 1);
}

static void leave_out_idle(struct tui *tui)
{
    bool leave = !tui->window.idle;
    if (leave && !idle_find(&tui->idle, tui->timeline, tui->end)) {
        tui_say(tui, "no idle time worth leaving out in this run");
        return;
    }
    window_leave_out(&tui->window, leave ? &tui->idle : NULL, tui->end, tui->now);
    zoom(tui, 1, 1);
    tui_say(tui, leave ? "idle time is left out where the lanes break: z shows it" : "idle time is shown");
}

static void fold(struct tui *tui)
{
    process_id p = tui->rows.row[tui->row].process;
    if (!tui->rows.row[tui->rows.of_process[p]].parent) {
        tui_say(tui, "nothing to fold: no threads or children");
        return;
    }
    tui->rows.folded[p] = !tui->rows.folded[p];
    rows_build(&tui->rows, tui->timeline);
    move_to(tui, tui->rows.of_process[p], tui->now, NONE);
    move_select(tui);
}

static void fold_all(struct tui *tui)
{
    process_id p = tui->rows.row[tui->row].process;
    bool any = false;
    for (size_t i = 0; i < tui->rows.process_count; i++) any |= tui->rows.folded[i];
    for (size_t i = 0; i < tui->rows.process_count; i++) tui->rows.folded[i] = !any;
    rows_build(&tui->rows, tui->timeline);
    move_to(tui, tui->rows.of_process[p], tui->now, NONE);
    move_select(tui);
}

static void show_copies(struct tui *tui)
{
    static const char *const what[] = {"values: globals that diverged or are watched", "values: every global",
                                       "values: none"};
    struct place place = here(tui);
    tui->rows.copies = (uint8_t)((tui->rows.copies + 1) % COPIES_COUNT);
    rows_build(&tui->rows, tui->timeline);
    move_to(tui, find_row(tui, &place), tui->now, NONE);
    move_select(tui);
    tui_say(tui, "%s",
            tui->timeline->global_count ? what[tui->rows.copies]
                                        : "no module global was recorded in this run");
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
    case ACTION_FOLLOW: follow(tui); break;
    case ACTION_CREATOR: to_creator(tui); break;
    case ACTION_CHILD: to_child(tui); break;
    case ACTION_BACK: place_go(tui, -1); break;
    case ACTION_FORWARD: place_go(tui, 1); break;
    case ACTION_ZOOM_IN: zoom(tui, 1, 2); break;
    case ACTION_ZOOM_OUT: zoom(tui, 2, 1); break;
    case ACTION_FIT: window_fit(&tui->window, tui->end), tui->fitted = true; break;
    case ACTION_PAN_LEFT: pan(tui, -1); break;
    case ACTION_PAN_RIGHT: pan(tui, 1); break;
    case ACTION_SELECT: select_time(tui); break;
    case ACTION_IDLE: leave_out_idle(tui); break;
    case ACTION_FOLD: fold(tui); break;
    case ACTION_VALUES: show_copies(tui); break;
    case ACTION_FAMILY: only_family(tui); break;
    case ACTION_FOLD_ALL: fold_all(tui); break;
    default: return false;
    }
    return true;
}
