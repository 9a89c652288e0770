/*
 * svg.c: `forktrace export --format svg`: the lanes of a run as a picture, for
 * handouts, tickets and slides.
 */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "svg.h"
#include "viewer/text.h"
#include "viewer/tui/facts.h"
#include "xml.h"

double svg_y(size_t row) { return SVG_TOP + (double)row * SVG_ROW + SVG_ROW / 2.0; }

double svg_x(const struct svg *s, int64_t ns)
{
    double part = s->end > 0 ? (double)ns / (double)s->end : 0;
    if (part < 0) part = 0;
    return SVG_LEFT + (part > 1 ? 1 : part) * (SVG_RIGHT - 60 - SVG_LEFT); /* room for how it ended */
}

size_t svg_row_of(const struct svg *s, thread_id thread)
{
    if (thread >= s->rows.thread_count) return SIZE_MAX;
    size_t row = s->rows.of_thread[thread];
    return row < s->shown ? row : SIZE_MAX;
}

void svg_text(const struct svg *s, double x, double y, const char *class, const char *text, size_t most)
{
    fprintf(s->out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
    xml_put_most(s->out, text, most);
    fputs("</text>\n", s->out);
}

/* --- the page --------------------------------------------------------------------------------- */

static void put_style(FILE *out)
{
    fputs(
        "<style>\n"
        "text { font: 12px sans-serif; fill: #111 }\n"
        ".h { font-size: 17px; font-weight: bold } .b { font-weight: bold } .m { font: 11px monospace }\n"
        ".s { font-size: 10px } .d { fill: #555 } .i { font-style: italic; fill: #555 } .e { text-anchor: "
        "end }\n"
        ".c { text-anchor: middle } .w { font-size: 10px; stroke: #fff; stroke-width: 3px; paint-order: "
        "stroke }\n"
        ".p { stroke: #1f4e79; stroke-width: 7 } .t { stroke: #2a6f3f; stroke-width: 2.5 }\n"
        ".g { stroke: #777; stroke-width: 1.5; stroke-dasharray: 3 5 }\n"
        ".k { stroke: #111; stroke-width: 1.2; fill: none } .n { stroke: #ddd }\n"
        ".v { stroke: #8a4b08; stroke-width: 1.6; fill: none } .u { stroke-dasharray: 2 3 }\n"
        ".x { stroke: #111; stroke-width: 2.5 } .f { fill: #111 } .o { fill: #fff; stroke: #111 }\n"
        "</style>\n"
        "<defs><pattern id=\"wait\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\">"
        "<rect width=\"5\" height=\"5\" fill=\"#fff\"/><path d=\"M0 5L5 0\" stroke=\"#555\"/></pattern>\n"
        "<pattern id=\"hang\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\">"
        "<rect width=\"5\" height=\"5\" fill=\"#fff\"/><path d=\"M0 5L5 0M0 0L5 5\" stroke=\"#a00\" "
        "stroke-width=\"1.2\"/></pattern>\n"
        "<marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" "
        "orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" class=\"f\"/></marker></defs>\n",
        out);
}

static void put_title(const struct svg *s, const char *path)
{
    const char *slash = strrchr(path, '/');
    char text[200], duration[TEXT_SHORT];
    size_t threads = s->t->thread_count;
    snprintf(text, sizeof text, "%s · %zu process%s · %zu thread%s%s", text_duration(duration, s->t->end),
             s->t->process_count, s->t->process_count == 1 ? "" : "es", threads, threads == 1 ? "" : "s",
             s->t->complete ? "" : " · not complete: forktrace report tells what is missing");
    svg_text(s, 14, 24, "h", slash && slash[1] ? slash + 1 : path, 100);
    svg_text(s, 14, 42, "d", text, 190);
}

/* 1, 2 or 5 of a power of ten: about eight ticks. */
static int64_t tick_of(int64_t end)
{
    int64_t tick = 1;
    for (int i = 0; tick * 8 < end && i < 54; i++) tick = i % 3 == 1 ? tick / 2 * 5 : tick * 2;
    return tick;
}

static void put_axis(const struct svg *s, double bottom)
{
    int64_t tick = tick_of(s->end);
    for (int64_t ns = 0; ns <= s->end; ns += tick) {
        char text[TEXT_SHORT];
        double x = svg_x(s, ns);
        fprintf(s->out, "<path d=\"M%.1f %dV%.1f\" class=\"n\"/>\n", x, SVG_TOP - 4, bottom);
        svg_text(s, x, SVG_TOP - 9, "s c d", ns ? text_duration(text, ns) : "0", 20);
    }
}

static void put_label(const struct svg *s, size_t i)
{
    const struct row *row = &s->rows.row[i];
    char text[300], number[16] = "";
    unsigned depth = row->depth > 8 ? 8 : row->depth;
    double x = 14 + 14.0 * depth, y = svg_y(i) + 4;
    if (depth)
        fprintf(s->out, "<path d=\"M%.1f %.1fV%.1fH%.1f\" class=\"n\" fill=\"none\"/>\n", x - 9,
                y - SVG_ROW + 6, y - 4, x - 2);
    const char *name = text, *class = "";
    switch (row->kind) {
    case ROW_PROCESS:
        name = process_name(s->t, row->process), class = "b";
        snprintf(number, sizeof number, "%u", s->t->processes[row->process].pid);
        break;
    case ROW_THREAD: name = thread_label(s->t, row->thread, text, sizeof text); break;
    case ROW_GHOST: {
        char label[280];
        snprintf(text, sizeof text, "† %s", thread_label(s->t, row->thread, label, sizeof label));
        class = "i";
        break;
    }
    default: {
        const struct global *g = &s->t->globals[s->t->copies[row->copy].global];
        int n = snprintf(text, sizeof text, "%s ", g->diverged ? "≠" : "=");
        global_format(g, text + n, sizeof text - (size_t)n);
        class = "m";
    }
    }
    svg_text(s, x, y, class, name, (size_t)((SVG_LEFT - 55 - x) / 6.6));
    if (*number) svg_text(s, SVG_LEFT - 12, y, "s e d", number, 12);
}

static bool prepare(struct svg *s)
{
    if (!rows_build(&s->rows, s->t) || !values_build(&s->values, s->t)) return false;
    s->shown = s->rows.count < SVG_MOST_ROWS ? s->rows.count : SVG_MOST_ROWS;
    s->busy = calloc(s->rows.count + 1, sizeof *s->busy);
    s->end = s->t->end > 0 ? s->t->end : 1;
    return s->busy && (s->findings = findings_find(s->t));
}

static void draw(struct svg *s, const char *path)
{
    double bottom = SVG_TOP + (double)s->shown * SVG_ROW + 4,
           height = bottom + 60 + 16.0 * (double)svg_finding_lines(s) + 58;
    fprintf(s->out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" "
            "viewBox=\"0 0 %d %.0f\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            SVG_WIDTH, height, SVG_WIDTH, height);
    put_style(s->out);
    put_title(s, path);
    put_axis(s, bottom);
    for (size_t i = 0; i < s->shown; i++) put_label(s, i), svg_lane(s, i);
    svg_waits(s);
    for (size_t i = 0; i < s->shown; i++) svg_births(s, i);
    for (size_t i = 0; i < s->shown; i++) svg_values(s, i);
    svg_marks(s);
    svg_finding_marks(s);
    double y = bottom + 20;
    if (s->shown < s->rows.count) {
        char text[80];
        snprintf(text, sizeof text, "%zu more lanes are left out", s->rows.count - s->shown);
        svg_text(s, 14, y, "i", text, 80);
    }
    y = svg_finding_texts(s, y + 18);
    svg_legend(s, y + 16);
    fputs("</svg>\n", s->out);
}

bool export_svg(FILE *out, const struct loaded *l)
{
    struct svg s = {.out = out, .t = l->timeline};
    bool ok = prepare(&s);
    if (ok) draw(&s, l->path);
    rows_free(&s.rows);
    values_free(&s.values);
    free(s.busy);
    findings_free((struct findings *)s.findings);
    return ok;
}
