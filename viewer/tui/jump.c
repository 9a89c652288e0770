/* jump.c: places the reader has been at, and jumps to what something is about. */
#include "facts.h"
#include "tui.h"

struct place place_here(const struct tui *tui)
{
    const struct row *row = &tui->rows.row[tui->row];
    global_id global = row->kind == ROW_COPY ? tui->timeline->copies[row->copy].global : NONE;
    return (struct place){tui->now,    tui->event, row->kind,        row->process,
                          row->thread, global,     finding_key(tui), tui->window};
}

bool place_is_row(const struct tui *tui, const struct place *place, uint32_t i)
{
    const struct row *row = &tui->rows.row[i];
    return row->kind == place->kind && row->process == place->process && row->thread == place->thread &&
           (row->kind != ROW_COPY || tui->timeline->copies[row->copy].global == place->global);
}

uint32_t place_row(const struct tui *tui, const struct place *place)
{
    for (uint32_t i = 0; i < tui->rows.count; i++)
        if (place_is_row(tui, place, i)) return i;
    return place->process < tui->rows.process_count ? tui->rows.of_process[place->process] : 0;
}

void place_keep(struct tui *tui)
{
    if (!tui->rows.count) return;
    if (tui->place == PLACES - 1) {
        for (size_t i = 1; i < PLACES; i++) tui->places[i - 1] = tui->places[i];
        tui->place--;
    }
    tui->places[tui->place++] = place_here(tui);
    tui->place_count = tui->place;
}

static void place_go(struct tui *tui, int by)
{
    if (by < 0 ? tui->place == 0 : tui->place + 1 >= tui->place_count) {
        tui_say(tui, by > 0 ? "nothing further"
                     : tui->verdict < finding_count(tui)
                         ? "this is where you started; N tells the finding again"
                         : "this is where you started");
        return;
    }
    tui->places[tui->place] = place_here(tui);
    if (tui->place == tui->place_count) tui->place_count++;
    tui->place += (size_t)by;
    struct place place = tui->places[tui->place];
    int columns = tui->window.columns;
    move_reveal(tui, place.process, place.thread, place.kind != ROW_PROCESS);
    const struct idle *idle = tui->window.idle;
    tui->window = place.window;
    tui->window.columns = columns;
    if (tui->window.idle != idle) window_leave_out(&tui->window, idle, tui->end, place.now);
    move_zoom(tui, 1, 1); /* whether this is the whole run */
    move_to(tui, place_row(tui, &place), place.now, place.event);
    finding_tell(tui, place.finding);
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
    move_reveal(tui, process, thread, !main);
    move_to(tui, main ? tui->rows.of_process[process] : tui->rows.of_thread[thread], ns, NONE);
    int64_t born = main ? tui->timeline->processes[process].start : tui->timeline->threads[thread].start;
    if (ns != born) move_select(tui); /* at its birth the lane itself is what one came for */
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
    copy_id copy = timeline_copy_written(tui->timeline, e->id);
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
    const struct event *e = tui->event < t->event_count ? EVENT_AT(t, tui->event) : NULL;
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
            const struct event *e = EVENT_AT(t, tui->index.events[i]);
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

bool jump_act(struct tui *tui, enum action action)
{
    switch (action) {
    case ACTION_FOLLOW: follow(tui); break;
    case ACTION_CREATOR: to_creator(tui), tui->on_finding = false; break;
    case ACTION_CHILD: to_child(tui), tui->on_finding = false; break;
    case ACTION_BACK: place_go(tui, -1); break;
    case ACTION_FORWARD: place_go(tui, 1); break;
    default: return false;
    }
    return true;
}
