/*
 * view_axis.c: time above and across the lanes: the map of the whole run while
 * only a part is on the screen, the axis with its ticks, idle time left out, the
 * selected stretch and the time cursor.
 */
#include <string.h>

#include "facts.h"
#include "lanes.h"

static int lane_x(const struct pane *p, int64_t ns) { return p->lanes.x + window_column(p->w, ns); }

/* --- the map ---------------------------------------------------------------------------------- */

static int digits_of(size_t count)
{
    int bits = 0;
    for (; count; count >>= 1) bits++;
    return bits;
}

static bool trouble_between(const struct tui *tui, int64_t from, int64_t to)
{
    size_t low = 0, high = tui->trouble_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tui->troubles[middle].ns < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low < tui->trouble_count && tui->troubles[low].ns < to;
}

/* How much happens when, by powers of two; what looks bad in its colour; brackets around what is on the
 * screen. */
void draw_map(struct pane *p)
{
    if (!p->map.height) return;
    struct window whole = *p->w;
    window_fit(&whole, p->tui->end);
    int first = window_column(&whole, window_time(p->w, 0)),
        last = window_column(&whole, window_time(p->w, p->w->columns - 1));
    int most = 1, width = p->lanes.width;
    size_t before = 0;
    for (int pass = 0; pass < 2; pass++, before = 0) {
        for (int c = 0; c < width; c++) {
            size_t next = timeline_events_before(p->t, window_time(&whole, c + 1));
            int digits = digits_of(next - before);
            before = next;
            if (pass == 0) {
                most = digits > most ? digits : most;
                continue;
            }
            bool bad = trouble_between(p->tui, window_time(&whole, c), window_time(&whole, c + 1));
            int height = digits ? (digits * 7 + most - 1) / most : -1;
            enum style style = bad ? STYLE_TROUBLE : c >= first && c <= last ? STYLE_TITLE : STYLE_DIM;
            if (height >= 0)
                grid_put(p->g, p->lanes.x + c, p->map.y, U"▁▂▃▄▅▆▇█"[height], "..::||##"[height], style);
        }
    }
    if (first < 0) first = 0;
    if (last >= width) last = width - 1;
    grid_put(p->g, p->lanes.x + first, p->map.y, U'[', '[', STYLE_TITLE);
    grid_put(p->g, p->lanes.x + last, p->map.y, U']', ']', STYLE_TITLE);
    grid_text(p->g, p->map.x + 1, p->map.y, p->tree.width - 2, STYLE_DIM, "the whole run (f)");
}

/* --- the axis --------------------------------------------------------------------------------- */

/* The words of the cursor come first; ticks keep clear of them. */
static struct area draw_cursor_time(struct pane *p)
{
    struct grid *g = p->g;
    char text[40];
    int column = window_column(p->w, p->tui->now), x = p->lanes.x + column, end = p->lanes.x + p->lanes.width;
    if (column < 0 || column >= p->w->columns) return (struct area){-1, 0, 0, 0};
    int64_t unit = 1;
    while (unit <= p->w->span / p->w->columns / 10) unit *= 10;
    time_text(p->tui->now, unit, text, sizeof text);
    int wide = grid_width(g, text, 30), at = x + 1 + wide <= end ? x + 1 : x - wide;
    grid_text(g, at, p->axis.y, wide, STYLE_TITLE, text);
    grid_put(g, x, p->axis.y, U'▼', 'V', STYLE_TITLE);
    return (struct area){at < x ? at : x, p->axis.y, wide + 1, 1};
}

static int64_t round_up(int64_t ns, int64_t tick) { return ns > 0 ? (ns + tick - 1) / tick * tick : 0; }

void draw_axis(struct pane *p)
{
    struct area cursor = draw_cursor_time(p);
    char text[40];
    int end = p->lanes.x + p->lanes.width, free_from = p->lanes.x;
    int64_t tick = window_tick(p->w, 11);
    for (int64_t ns = round_up(window_time(p->w, 0), tick); window_column(p->w, ns) < p->w->columns;
         ns += tick) {
        const struct idle_gap *gap = idle_at(p->w->idle, ns);
        if (gap && gap->end - ns > tick) ns = round_up(gap->end, tick); /* ticks would crowd there */
        int x = lane_x(p, ns);
        if (x >= end || x < free_from) continue;
        int wide = grid_width(p->g, time_text(ns, tick, text, sizeof text), 30);
        bool clear = x > cursor.x + cursor.width || x + 1 + wide <= cursor.x;
        if (x < cursor.x || x >= cursor.x + cursor.width) grid_put(p->g, x, p->axis.y, U'╷', '|', STYLE_DIM);
        if (!clear || x + 1 + wide > end) continue;
        grid_text(p->g, x + 1, p->axis.y, wide, STYLE_DIM, text);
        free_from = x + 2 + wide;
    }
}

/* A break in every lane where idle time is left out. */
void draw_gaps(struct pane *p)
{
    for (size_t i = 0; p->w->idle && i < p->w->idle->count; i++) {
        const struct idle_gap *gap = &p->w->idle->gap[i];
        int first = lane_x(p, gap->start), last = lane_x(p, gap->end - 1), x = (first + last) / 2;
        if (last < p->lanes.x || first >= p->lanes.x + p->lanes.width || x < p->lanes.x ||
            x >= p->lanes.x + p->lanes.width)
            continue;
        for (int y = p->lanes.y; y < p->lanes.y + p->lanes.height; y++) {
            struct cell *cell = grid_at(p->g, x, y);
            if (cell->ch == U'░' || cell->lines & LINE_LEFT) grid_put(p->g, x, y, U'≈', '~', STYLE_DIM);
        }
        grid_put(p->g, x, p->axis.y, U'≈', '~', STYLE_DIM);
    }
}

void draw_selection(struct pane *p)
{
    if (!p->tui->selecting) return;
    int64_t from = p->tui->mark < p->tui->now ? p->tui->mark : p->tui->now;
    int64_t to = p->tui->mark < p->tui->now ? p->tui->now : p->tui->mark;
    int first = lane_x(p, from), last = lane_x(p, to), left = p->lanes.x, right = left + p->lanes.width - 1;
    if (first > right || last < left) return;
    if (first < left) first = left;
    if (last > right) last = right;
    for (int x = first; x <= last; x++)
        if (grid_at(p->g, x, p->axis.y)->ch == ' ')
            grid_put(p->g, x, p->axis.y, x == first || x == last ? U'┴' : U'─',
                     x == first || x == last ? '+' : '-', STYLE_TITLE);
    grid_light(p->g, (struct area){first, p->lanes.y, last - first + 1, p->lanes.height}, LIT_COLUMN);
}

void draw_cursor(struct pane *p)
{
    int column = window_column(p->w, p->tui->now), x = p->lanes.x + column;
    if (column < 0 || column >= p->w->columns) return;
    for (int y = p->lanes.y; y < p->lanes.y + p->lanes.height; y++) {
        if (grid_at(p->g, x, y)->ch == ' ') grid_put(p->g, x, y, U'┊', ':', STYLE_RULE);
        grid_light(p->g, (struct area){x, y, 1, 1}, LIT_COLUMN);
    }
    if (p->tui->row >= p->tui->top && p->tui->row < p->tui->top + p->tui->page)
        grid_light(p->g, (struct area){x, p->lanes.y + (int)(p->tui->row - p->tui->top), 1, 1}, LIT_CURSOR);
}
