/*
 * svg_lanes.c: lanes of a picture: processes, threads, ghosts, and values.
 */
#include <string.h>

#include "svg.h"
#include "viewer/text.h"
#include "viewer/tui/facts.h"
#include "xml.h"

static void line(const struct svg *s, double x0, double y0, double x1, double y1, const char *class,
                 const char *more)
{
    fprintf(s->out, "<path d=\"M%.1f %.1fL%.1f %.1f\" class=\"%s\"%s/>\n", x0, y0, x1, y1, class, more);
}

/* Words on a lane, on white. */
static void on_lane(const struct svg *s, double x, double y, const char *class, const char *text)
{
    fprintf(s->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"10\" fill=\"#fff\"/>\n", x - 2,
            y - 5, 5.1 * (double)strlen(text) + 4);
    svg_text(s, x, y + 3.5, class, text, 60);
}

/* --- lanes and their ends --------------------------------------------------------------------- */

static void put_end(const struct svg *s, const struct row *row, double x, double y)
{
    const struct process *p = &s->t->processes[row->process];
    char end[TEXT_SHORT], text[100];
    if (row_running(s->t, row)) {
        fprintf(s->out, "<path d=\"M%.1f %.1fl8 5l-8 5z\" class=\"f\"/>\n", x, y - 5);
        svg_text(s, x + 12, y + 4, "s", "running", 10);
        return;
    }
    if (row->kind == ROW_THREAD) {
        fprintf(s->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" class=\"f\"/>\n", x, y);
        return;
    }
    if (p->how == END_SIGNAL)
        fprintf(s->out, "<path d=\"M%.1f %.1fl10 10m0 -10l-10 10\" class=\"x\"/>\n", x - 5, y - 5);
    else
        fprintf(s->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"9\" height=\"12\" class=\"%s\"/>\n", x - 4,
                y - 6, p->how == END_EXIT ? "f" : "o");
    snprintf(text, sizeof text, "%s", end_text(p, end, sizeof end));
    svg_text(s, x + 9, y + 4, "s w", text, 20);
}

void svg_lane(const struct svg *s, size_t i)
{
    static const char *const class[] = {"p", "t", "g"};
    const struct row *row = &s->rows.row[i];
    if (row->kind == ROW_COPY) return;
    double x0 = svg_x(s, row_start(s->t, row)), x1 = svg_x(s, row_end(s->t, row, s->end)), y = svg_y(i);
    if (x1 - x0 < 2) x1 = x0 + 2;
    line(s, x0, y, x1, y, class[row->kind], "");
    if (row->kind != ROW_GHOST) {
        put_end(s, row, x1, y);
        return;
    }
    svg_text(s, x0 - 3, y + 5, "b", "†", 1);
    if (x1 - x0 > 110) on_lane(s, x0 + 12, y, "s d", "lost at this fork");
}

/* --- births ----------------------------------------------------------------------------------- */

void svg_births(const struct svg *s, size_t i)
{
    const struct row *row = &s->rows.row[i];
    if (row->kind >= ROW_GHOST) return;
    bool thread = row->kind == ROW_THREAD;
    const struct process *p = &s->t->processes[row->process];
    size_t from = svg_row_of(s, thread ? s->t->threads[row->thread].created_by : p->created_by);
    if (from == SIZE_MAX || from == i) return;
    double x = svg_x(s, row_start(s->t, row)), y0 = svg_y(from), y1 = svg_y(i);
    if (thread) {
        line(s, x, y0, x, y1, "k", " stroke-dasharray=\"1 2\"");
        fprintf(s->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" class=\"o\"/>\n", x, y0);
        return;
    }
    line(s, x, y0, x, y1 - (y1 > y0 ? 4 : -4), "k", " marker-end=\"url(#arrow)\"");
    const char *how = p->origin == ORIGIN_UNKNOWN ? "?" : origin_name(p->origin);
    svg_text(s, x + 4, y0 + (y1 > y0 ? 14 : -7), "s w", how, 12);
}

/* --- waits ------------------------------------------------------------------------------------ */

void svg_waits(const struct svg *s)
{
    size_t count;
    const event_id *waits = timeline_events_of_type(s->t, EVENT_LOCK_WAIT, &count);
    for (size_t i = 0; i < count; i++) {
        const struct event *e = EVENT_AT(s->t, waits[i]);
        size_t row = svg_row_of(s, e->thread);
        int64_t lasted = timeline_duration(s->t, e);
        double x0 = svg_x(s, e->ns), x1 = svg_x(s, e->ns + (lasted > 0 ? lasted : 0));
        if (row == SIZE_MAX || x1 - x0 < 3) continue;
        unsigned kind = wait_facts_of(e).kind;
        bool endless = e->flags & EVENT_UNFINISHED && kind >= FT_WAIT_mutex && kind <= FT_WAIT_spin;
        char text[100], time[TEXT_SHORT];
        fprintf(
            s->out,
            "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"11\" fill=\"url(#%s)\" stroke=\"#555\"/>\n",
            x0, svg_y(row) - 5.5, x1 - x0, endless ? "hang" : "wait");
        snprintf(text, sizeof text, "%s%s %s",
                 endless ? "waits for ever: " : "waits: ", kind ? text_wait_kind(kind) : "?",
                 text_duration(time, lasted));
        if (x1 - x0 > 6.0 * (double)strlen(text) + 40) on_lane(s, x0 + 32, svg_y(row), "s", text);
    }
}

/* --- values over time ------------------------------------------------------------------------- */

static const char *words_of(struct value value, char *text, size_t size)
{
    if (!value.known) return "?";
    value_format(value, text, size);
    return text;
}

static double height_of(const struct svg *s, copy_id copy, struct value value)
{
    const double *range = s->values.range[s->t->copies[copy].global];
    double number;
    if (!value_number(value, &number) || !(range[1] > range[0])) return 0;
    double part = (number - range[0]) / (range[1] - range[0]);
    return (part < 0 ? 0 : part > 1 ? 1 : part) * (SVG_ROW - 10);
}

/* A staircase from value to value; dotted where writes were not seen one by one. Words where they fit. */
void svg_values(const struct svg *s, size_t i)
{
    const struct row *row = &s->rows.row[i];
    if (row->kind != ROW_COPY) return;
    double y = svg_y(i) + SVG_ROW / 2.0 - 5, said = 0, was = 0, last = svg_x(s, row_end(s->t, row, s->end));
    uint32_t count = values_count(&s->values, row->copy);
    char text[80], before[80] = "";
    for (uint32_t k = 0; k <= count; k++) {
        struct point p = values_point(&s->values, row->copy, k - 1); /* the first: its birth */
        int64_t next = k < count ? values_point(&s->values, row->copy, k).ns : INT64_MAX;
        double x0 = svg_x(s, p.ns), x1 = k < count ? svg_x(s, next) : last;
        if (p.kind == POINT_BIRTH && p.value.kind == FT_PY_KIND_unset && p.value.known) continue;
        if (x1 - x0 < 0.7 && k < count) continue;
        double h = height_of(s, row->copy, p.value);
        fprintf(s->out, "<path d=\"M%.1f %.1fV%.1fH%.1f\" class=\"v%s\"/>\n", x0, y - was, y - h, x1,
                p.unseen ? " u" : "");
        was = h;
        const char *words = p.kind == POINT_CLEARED ? "cleared" : words_of(p.value, text, sizeof text);
        bool fits = x0 >= said && x1 - x0 > 6.5 * (double)strlen(words) + 4, ends = k == count;
        if (strcmp(words, before) && (fits || ends)) {
            double x = ends && !fits ? (x1 > said ? x1 : said) + 6 : x0 + 3;
            svg_text(s, x, y - h - 1.5 > svg_y(i) - 2 ? y - h - 1.5 : svg_y(i) + 3, "m w", words, 40);
            said = x + 6.5 * (double)strlen(words);
            snprintf(before, sizeof before, "%s", words);
        }
    }
}
