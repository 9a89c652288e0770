/* view_details.c: the selected event and its lane, in full. */
#include <string.h>

#include "facts.h"
#include "tui.h"

#define KEY_COLUMNS 13

static void lane_facts(struct facts *f, const struct row *row)
{
    if (row->kind == ROW_GHOST)
        facts_ghost(f, row->process, row->ghost);
    else if (row->kind == ROW_THREAD)
        facts_thread(f, row->thread);
    else if (row->kind == ROW_COPY)
        facts_copy(f, row->copy);
    else
        facts_process(f, row->process);
}

static void event_facts(struct tui *tui, struct facts *f)
{
    char line[300], time[40], among[60] = "";
    const struct event *e = EVENT_AT(tui->timeline, tui->event);
    thread_id lane = lane_of_row(tui, tui->row);
    int column = window_column(&tui->window, e->ns);
    if (lane != NONE && column >= 0) {
        uint32_t first = index_at(&tui->index, lane, window_time(&tui->window, column));
        uint32_t end = index_at(&tui->index, lane, window_time(&tui->window, column + 1));
        uint32_t at = index_of(&tui->index, lane, tui->event);
        if (end - first > 1 && at >= first && at < end)
            snprintf(among, sizeof among, " · %u of %u here", at - first + 1, end - first);
    }
    fact_event_line(tui->timeline, tui->event, line, sizeof line);
    time_text(e->ns, 1000, time, sizeof time);
    facts_add(f, NULL, STYLE_TITLE, "%s · %s%s", line, time, among);
    facts_event(f, tui->event);
}

/* One fact, wrapped. Lines that are scrolled away only count. */
static void draw_fact(struct tui *tui, struct area a, const struct fact *fact, int *line, int scroll)
{
    struct grid *g = &tui->grid;
    const char *text = fact->value;
    int indent = fact->key ? KEY_COLUMNS : 0, width = a.width - 1 - indent;
    bool first = true;
    if (width < 8) width = 8;
    do {
        size_t bytes = grid_break(g, text, width);
        int y = a.y + (*line)++ - scroll;
        if (y >= a.y && y < a.y + a.height) {
            char part[1200];
            snprintf(part, sizeof part, "%.*s", (int)bytes, text);
            if (first && fact->key) grid_text(g, a.x + 1, y, KEY_COLUMNS - 1, STYLE_DIM, fact->key);
            int used = grid_text(g, a.x + 1 + indent, y, width, fact->style, part);
            search_light(tui, a.x + 1 + indent, y, used, part);
        }
        text += bytes;
        first = false;
    } while (*text && *line < 2000);
}

void details_facts(struct tui *tui, struct facts *f)
{
    if (!tui->rows.count) return;
    if (tui->on_finding) {
        findings_facts(tui, f);
        return;
    }
    if (tui->replaying) facts_moment(tui, f);
    if (tui->replaying) facts_add(f, NULL, STYLE_NORMAL, "%s", "");
    if (tui->event < tui->timeline->event_count) {
        event_facts(tui, f);
        facts_add(f, NULL, STYLE_NORMAL, "%s", "");
    }
    lane_facts(f, &tui->rows.row[tui->row]);
    if (tui->replaying) return;
    facts_add(f, NULL, STYLE_NORMAL, "%s", "");
    facts_moment(tui, f);
}

static void draw(struct tui *tui, struct area a)
{
    if (!a.height || !tui->rows.count) return;
    struct facts f = {.timeline = tui->timeline};
    bool beside = tui->grid.width > a.width; /* no rule above that could say how much more there is */
    details_facts(tui, &f);
    for (int pass = 0; pass < 2; pass++) {
        int lines = 0;
        struct area at = a;
        if (pass == 0) at.height = 0;
        for (size_t i = 0; i < f.count; i++) draw_fact(tui, at, &f.fact[i], &lines, tui->scroll);
        if (pass == 0 && beside && lines > a.height) a.height--;
        tui->scroll_most = lines > a.height ? lines - a.height : 0;
        if (tui->scroll > tui->scroll_most) tui->scroll = tui->scroll_most;
    }
    facts_free(&f);
    char more[40];
    int left = tui->scroll_most - tui->scroll;
    snprintf(more, sizeof more, "%d more line%s: %s", left, left == 1 ? "" : "s",
             tui->on_details ? "j" : "Tab");
    if (beside && left > 0) grid_text(&tui->grid, a.x + 1, a.y + a.height, a.width - 1, STYLE_DIM, more);
}

static bool act(struct tui *tui, enum action action)
{
    int page = 5;
    switch (action) {
    case ACTION_DOWN: tui->scroll++; break;
    case ACTION_UP: tui->scroll--; break;
    case ACTION_PAGE_DOWN: tui->scroll += page; break;
    case ACTION_PAGE_UP: tui->scroll -= page; break;
    case ACTION_FIRST: tui->scroll = 0; break;
    case ACTION_LAST: tui->scroll = tui->scroll_most; break;
    default: return false;
    }
    if (tui->scroll > tui->scroll_most) tui->scroll = tui->scroll_most;
    if (tui->scroll < 0) tui->scroll = 0;
    return true;
}

const struct view_ops view_details = {"details", draw, act};
