/* tui.c: opening, laying out, and handing keys to whoever takes them. */
#include "tui.h"
#include "viewer/text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "facts.h"

#define WIDE 132 /* from here on the details stand at the right */

static int between(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

/* Of the details below the lanes: a part of the screen, and what the lanes leave free (axis, map, rule). */
static int details_lines(const struct tui *tui, int body)
{
    int part = between(body * 2 / 5, 4, 16), rows = tui->rows.count < 500 ? (int)tui->rows.count : 500;
    return body - rows - 3 > part ? body - rows - 3 : part;
}

struct layout tui_layout(const struct tui *tui)
{
    const struct grid *g = &tui->grid;
    struct layout l = {0};
    int width = g->width, said = findings_lines(tui), top = 1 + said, body = g->height - 2 - said;
    l.title = (struct area){0, 0, width, 1};
    l.bar = (struct area){0, g->height - 1, width, 1};
    l.findings = (struct area){0, 1, width, said};
    if (body < 1) body = 0;
    if (width >= WIDE) {
        int right = between(between(width * 3 / 10, 44, 72) + 8 * tui->more, 24, width - 64);
        l.lanes = (struct area){0, top, width - right - 1, body};
        l.rule = (struct area){width - right - 1, top, 1, body};
        l.details = (struct area){width - right, top, right, body};
        return l;
    }
    int below = body < 8 ? 0 : between(details_lines(tui, body) + 3 * tui->more, 3, body - 4);
    l.lanes = (struct area){0, top, width, body - below};
    l.rule = (struct area){0, top + body - below, width, below > 0};
    l.details = (struct area){0, top + 1 + body - below, width, below ? below - 1 : 0};
    return l;
}

static bool remake(struct tui *tui)
{
    struct index index;
    char error[120];
    filter_apply(&tui->filter, tui->timeline, error, sizeof error);
    if (!index_build(&index, tui->timeline, &tui->filter)) return false;
    index_free(&tui->index);
    tui->index = index;
    struct values values;
    if (!values_build(&values, tui->timeline)) return false;
    values_free(&tui->values);
    tui->values = values;
    return rows_build(&tui->rows, tui->timeline) && trouble_find(tui);
}

/* Open on what the reader came for: the worst finding; else the first trouble, and of those an event or a
 * kill before ends with a status, of which a shell script has many; else the first fork. */
static void open_on_answer(struct tui *tui)
{
    const struct timeline *t = tui->timeline;
    if (finding_count(tui)) {
        verdict_go(tui, 0);
        return;
    }
    for (size_t i = 0; i < tui->trouble_count; i++)
        if (tui->troubles[i].event != NONE || t->processes[tui->troubles[i].process].how == END_SIGNAL) {
            verdict_go(tui, i);
            return;
        }
    size_t forks;
    const event_id *fork = timeline_events_of_type(t, EVENT_FORK, &forks);
    if (forks)
        move_to_event(tui, *fork);
    else
        tui->event = NONE;
}

bool tui_open(struct tui *tui, const struct timeline *t, const char *file, int width, int height, bool ascii)
{
    *tui = (struct tui){.timeline = t, .file = file, .event = NONE, .fitted = true, .end = t->end};
    tui->grid.ascii = ascii;
    tui->window.columns = 1;
    tui->rows.filter = &tui->filter;
    if (!tui_resize(tui, width, height) || !remake(tui)) {
        tui_close(tui);
        return false;
    }
    window_fit(&tui->window, tui->end);
    tui_draw(tui); /* sets the number of columns and rows */
    window_fit(&tui->window, tui->end);
    open_on_answer(tui);
    return true;
}

void tui_close(struct tui *tui)
{
    grid_free(&tui->grid);
    index_free(&tui->index);
    values_free(&tui->values);
    rows_free(&tui->rows);
    filter_clear(&tui->filter);
    free(tui->troubles);
    tui->troubles = NULL;
    findings_free(tui->findings);
    tui->findings = NULL;
    free(tui->request.copy);
    tui->request.copy = NULL;
}

/* Globals are ordered by interest, so their ids change as a run goes on; their names do not. */
static global_id find_global(const struct timeline *t, const struct timeline *old, global_id global)
{
    if (global >= old->global_count) return NONE;
    const struct global *was = &old->globals[global];
    for (global_id g = 0; g < t->global_count; g++)
        if (!strcmp(t->globals[g].module, was->module) && !strcmp(t->globals[g].name, was->name) &&
            t->globals[g].c == was->c)
            return g;
    return NONE;
}

bool tui_renew(struct tui *tui, const struct timeline *t, bool live)
{
    struct row row = tui->row < tui->rows.count ? tui->rows.row[tui->row] : (struct row){0};
    global_id selected =
        row.kind == ROW_COPY ? find_global(t, tui->timeline, tui->timeline->copies[row.copy].global) : NONE;
    for (size_t i = 0; i < tui->place_count && i < PLACES; i++)
        tui->places[i].global = find_global(t, tui->timeline, tui->places[i].global);
    tui->asked_place.global = find_global(t, tui->timeline, tui->asked_place.global);
    tui->timeline = t;
    tui->live = live;
    if (!remake(tui)) return false;
    if (tui->event != NONE && tui->event >= t->event_count) tui->event = NONE;
    for (size_t i = 0; i < tui->rows.count; i++) {
        const struct row *r = &tui->rows.row[i];
        if (r->kind == ROW_COPY && t->copies[r->copy].global != selected) continue;
        if (r->kind == row.kind && r->process == row.process && r->thread == row.thread) tui->row = i;
    }
    tui_reach(tui, t->end);
    return true;
}

void tui_reach(struct tui *tui, int64_t end)
{
    if (end < tui->timeline->end || !tui->live) end = tui->timeline->end;
    int64_t more = end - tui->end;
    tui->end = end;
    if (tui->window.idle && !idle_find(&tui->idle, tui->timeline, end)) tui->window.idle = NULL;
    if (tui->fitted)
        window_fit(&tui->window, end);
    else if (tui->following)
        tui->window.start += tui->window.idle ? 0 : more;
    if (tui->following) {
        tui->now = end;
        tui->event = NONE;
    }
    move_settle(tui);
}

bool tui_resize(struct tui *tui, int width, int height)
{
    width = between(width, 1, 1000);
    height = between(height, 1, 500);
    return grid_resize(&tui->grid, width, height);
}

void tui_say(struct tui *tui, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(tui->message, sizeof tui->message, format, list);
    va_end(list);
}

/* --- keys ------------------------------------------------------------------------------------- */

/* One thing at a time, the latest first. */
static void cancel(struct tui *tui)
{
    if (tui->on_details)
        tui->on_details = false;
    else if (tui->selecting)
        tui->selecting = false;
    else if (*tui->search)
        *tui->search = 0;
    else if (filter_on(&tui->filter)) {
        *tui->filter.text = 0;
        tui->filter.families = 0;
        move_filter(tui);
    } else
        tui->chosen_count = 0;
}

static bool act(struct tui *tui, enum action action)
{
    switch (action) {
    case ACTION_QUIT: tui->quit = true; break;
    case ACTION_REDRAW: tui->redraw = true; break;
    case ACTION_HELP: tui->over = &view_help, tui->over_scroll = 0; break;
    case ACTION_FOCUS: tui->on_details = !tui->on_details; break;
    case ACTION_MORE: tui->more = between(tui->more + 1, -8, 8); break;
    case ACTION_LESS: tui->more = between(tui->more - 1, -8, 8); break;
    case ACTION_CANCEL: cancel(tui); break;
    case ACTION_GO_TO_TIME: prompt_open(tui, PROMPT_TIME); break;
    case ACTION_FILTER: prompt_open(tui, PROMPT_FILTER); break;
    default: return false;
    }
    return true;
}

void tui_key(struct tui *tui, char32_t key)
{
    move_filter_now(tui);
    *tui->message = 0;
    tui->seeking.direction = 0;
    if (tui->prompt) {
        prompt_key(tui, key);
        return;
    }
    enum action action = action_of(key);
    if (!action) {
        tui_say(tui, "no such key: ? shows them all");
        return;
    }
    bool seeks = *tui->search && !tui->over; /* then n and N are what they are in less and vi */
    if (seeks && action == ACTION_NEXT_TROUBLE) action = ACTION_NEXT_MATCH;
    if (seeks && action == ACTION_PREV_TROUBLE) action = ACTION_PREV_MATCH;
    if (tui->over && tui->over->act(tui, action)) return;
    if (tui->on_details && view_details.act(tui, action)) return;
    if (tui->rows.count && replay_act(tui, action)) return;
    if (act(tui, action) || outside_act(tui, action) || !tui->rows.count) return;
    if (!trouble_act(tui, action) && !search_act(tui, action)) view_lanes.act(tui, action);
}

bool tui_busy(const struct tui *tui) { return tui->filtering || tui->seeking.direction; }

void tui_go_on(struct tui *tui, int ms)
{
    move_filter_now(tui);
    search_go_on(tui, ms);
}

#define SCRIPT_MS 1000 /* a script waits for the end of a search */

bool tui_script(struct tui *tui, const char *script, const char **error)
{
    tui_draw(tui);
    for (char32_t key; (key = key_next(&script)) && !tui->quit;) {
        tui_key(tui, key);
        while (tui_busy(tui)) tui_go_on(tui, SCRIPT_MS);
        tui_draw(tui); /* as on a terminal: drawing settles scrolling and columns */
    }
    *error = script;
    return !*script || tui->quit;
}

/* --- drawing ---------------------------------------------------------------------------------- */

void tui_draw(struct tui *tui)
{
    struct grid *g = &tui->grid;
    struct layout l = tui_layout(tui);
    grid_clear(g);
    title_draw(tui, l.title);
    struct area over = {0, 1, g->width, g->height - 2};
    if (tui->over && over.height > 0) tui->over->draw(tui, over); /* knows then how long it is */
    if (g->height > 1) bar_draw(tui, l.bar);
    if (tui->over) return;
    findings_draw(tui, l.findings);
    view_lanes.draw(tui, l.lanes);
    view_details.draw(tui, l.details);
    rule_draw(tui, l.rule); /* says how much more there is */
}
