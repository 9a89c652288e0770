/*
 * view_strips.c: a global's value over time, one strip for each process's copy:
 * the value where it begins, a line as long as it holds, dots where writes were
 * counted but not seen one by one. Numbers that change faster than there is
 * room to write them show as heights. A copy that went its own way is marked ≠,
 * and drawn in another colour from the first write that was its own.
 */
#include <stdio.h>
#include <string.h>

#include "facts.h"
#include "lanes.h"
#include "viewer/text.h"

#define VALUE_TEXT 64

/* A stretch of columns in which one value holds. */
struct stretch {
    int x, wide;
    struct point point;
    enum style style;
    bool last_gap; /* dots, and after them the last value */
};

static const char *value_text(struct value value, char *buffer, size_t size)
{
    value_format(value, buffer, size);
    return buffer;
}

/* ▁ to █ for a number between the least and the greatest of all copies; 0: it is none, or they are one. */
static char32_t height_of(const struct pane *p, copy_id copy, struct value value)
{
    double number;
    const double *range = p->tui->values.range[p->t->copies[copy].global];
    if (!value_number(value, &number) || !(range[1] > range[0])) return 0;
    double part = (number - range[0]) / (range[1] - range[0]);
    return U"▁▂▃▄▅▆▇█"[part <= 0 ? 0 : part >= 1 ? 7 : (int)(part * 7 + 0.5)];
}

static void line(struct pane *p, const struct stretch *s, int from, int y)
{
    bool faint = s->point.unseen || s->point.kind == POINT_CLEARED;
    for (int x = from; x < s->x + s->wide; x++)
        grid_line(p->g, x, y, LINE_LEFT | LINE_RIGHT | (faint ? LINE_DASHED : 0), s->style, false);
}

/* How many writes there were among the dots, if there is room to say it. */
static void label_unseen(struct pane *p, const struct stretch *s, copy_id copy, int from, int y)
{
    char text[40];
    int room = s->x + s->wide - from;
    int wide = snprintf(text, sizeof text, " %llu writes ", (unsigned long long)p->t->copies[copy].writes);
    if (s->last_gap && room >= wide + 4) grid_text(p->g, from + (room - wide) / 2, y, wide, STYLE_DIM, text);
}

/*
 * Returns whether the value was written out. Values are not written and drawn as heights by turns because
 * some stretches are a column longer: once they got too short, it takes a longer one.
 */
static bool draw_stretch(struct pane *p, copy_id copy, const struct stretch *s, int y, bool written)
{
    char text[VALUE_TEXT];
    bool nothing =
        s->point.kind == POINT_BIRTH && s->point.value.kind == FT_PY_KIND_unset && s->point.value.known;
    const char *words = s->point.kind == POINT_CLEARED ? "cleared"
                        : nothing                      ? ""
                                                       : value_text(s->point.value, text, sizeof text);
    int wide = grid_width(p->g, words, VALUE_TEXT);
    bool fits = wide + (written ? 4 : 9) <= s->wide;
    char32_t height = p->g->ascii || s->point.unseen ? 0 : height_of(p, copy, s->point.value);
    int from = s->x;
    if (nothing && !s->point.unseen) return written; /* before it is bound */
    if (fits) from += grid_text(p->g, s->x, y, wide, s->style, words);
    if (!fits && height && s->point.kind != POINT_CLEARED) {
        for (int x = s->x; x < s->x + s->wide; x++) grid_put(p->g, x, y, height, '-', s->style);
        return false;
    }
    line(p, s, from, y);
    if (!fits && !nothing) grid_put(p->g, s->x, y, U'╷', '^', s->style);
    label_unseen(p, s, copy, from, y);
    return fits;
}

static enum style style_of(const struct pane *p, copy_id copy, const struct point *point)
{
    if (point->kind == POINT_CLEARED) return STYLE_DIM;
    int64_t split = p->tui->values.split[copy];
    bool own = point->kind == POINT_WRITE || point->kind == POINT_LAST || point->unseen;
    if (own && values_apart(&p->tui->values, copy, point->ns) && (point->unseen || point->ns > split))
        return STYLE_APART;
    return STYLE_VALUE;
}

/* The last value is written once more where the strip ends, if what it began with is not there to be read. */
static void draw_last(struct pane *p, const struct stretch *s, int y)
{
    char text[VALUE_TEXT + 1] = " ";
    int x = s->x + s->wide, end = p->lanes.x + p->lanes.width;
    if (s->point.kind == POINT_CLEARED || !s->point.value.known) return;
    value_text(s->point.value, text + 1, sizeof text - 1);
    int wide = grid_width(p->g, text, VALUE_TEXT);
    if (x + wide > end) return;
    for (int i = x; i < x + wide; i++)
        if (grid_at(p->g, i, y)->ch != ' ') return;
    grid_text(p->g, x, y, wide, s->style, text);
}

static int column_x(const struct pane *p, int64_t ns) { return p->lanes.x + window_column(p->w, ns); }

void draw_strip(struct pane *p, const struct row *row, int y)
{
    const struct values *v = &p->tui->values;
    int first = column_x(p, row_start(p->t, row)), last = column_x(p, row_end(p->t, row, p->tui->end));
    int left = p->lanes.x, right = left + p->lanes.width - 1;
    uint32_t count = values_count(v, row->copy);
    bool written = true;
    struct stretch s = {0};
    if (last < left || first > right) return;
    for (int x = first < left ? left : first; x <= last && x <= right; x += s.wide) {
        uint32_t next = values_before(v, row->copy, window_time(p->w, x + 1 - left));
        struct point point = values_point(v, row->copy, next - 1);
        int until = next < count ? column_x(p, values_point(v, row->copy, next).ns) : last + 1;
        if (until <= x) until = x + 1; /* times that are no times */
        if (until > last + 1) until = last + 1;
        if (until > right + 1) until = right + 1;
        s = (struct stretch){x, until - x, point, style_of(p, row->copy, &point),
                             point.unseen && next + 1 == count};
        written = draw_stretch(p, row->copy, &s, y, written);
    }
    if (!written && last <= right) draw_last(p, &s, y);
}

void draw_strip_label(struct pane *p, const struct row *row, int x, int y, int end)
{
    const struct copy *copy = &p->t->copies[row->copy];
    const struct global *global = &p->t->globals[copy->global];
    char text[300], value[VALUE_TEXT] = "";
    struct point point;
    enum style style = global->diverged ? STYLE_APART : STYLE_VALUE;
    if (values_at(&p->tui->values, row->copy, p->tui->now, &point))
        value_format(point.unseen ? (struct value){0} : point.value, value, sizeof value);
    int wide = grid_width(p->g, value, 10), room = end - x - (wide ? wide + 1 : 0);
    if (room < 8) room = end - x, wide = 0;
    int used = snprintf(text, sizeof text, "%s", global->diverged ? p->g->ascii ? "!= " : "≠ " : "= ");
    global_format(global, text + used, sizeof text - (size_t)used);
    if (grid_width(p->g, text, room + 1) > room)
        snprintf(text + used, sizeof text - (size_t)used, "%s", global->name);
    grid_text(p->g, x, y, room, style, text);
    if (wide) grid_text(p->g, end - wide, y, wide, STYLE_DIM, value);
}
