/*
 * svg_marks.c: events and findings of a picture: on the lanes, and in words
 * below them; and the legend.
 */
#include <string.h>

#include "svg.h"
#include "viewer/text.h"
#include "viewer/tui/mark.h"
#include "xml.h"

#define LINE      150 /* characters of a line below the lanes */
#define MOST_TOLD 40

/* --- events ----------------------------------------------------------------------------------- */

/* From the sender to the process (its main thread's lane) or thread it is aimed at. */
static void put_kill(const struct svg *s, const struct event *e, double x, double y)
{
    char text[TEXT_SHORT] = "";
    thread_id target = timeline_kill_thread(e)          ? e->child
                       : e->child < s->t->process_count ? s->t->processes[e->child].main
                                                        : NONE;
    event_id taken = timeline_taken(s->t, e);
    size_t to = svg_row_of(s, taken == NONE ? target : EVENT_AT(s->t, taken)->thread);
    if (to != SIZE_MAX && to != svg_row_of(s, e->thread))
        fprintf(s->out,
                "<path d=\"M%.1f %.1fL%.1f %.1f\" class=\"k\" stroke-dasharray=\"6 3\" "
                "marker-end=\"url(#arrow)\"/>\n",
                x, y, x, svg_y(to) + (svg_y(to) > y ? -4 : 4));
    fprintf(s->out, "<path d=\"M%.1f %.1fl-5 8h4l-2 7l7 -9h-4l3 -6z\" class=\"f\"/>\n", x, y - 8);
    if (e->record) text_signal(text, FT_GET(kill, e->record).signal);
    svg_text(s, x + 5, y - 8, "s w", text, 12);
}

static bool is_drawn_otherwise(const struct event *e)
{
    return e->type == EVENT_FORK || e->type == EVENT_THREAD_CREATE || e->type == EVENT_LOCK_WAIT ||
           e->type == EVENT_THREAD_START || e->type == EVENT_THREAD_END || e->type == EVENT_WRITE ||
           e->type == EVENT_TEARDOWN || e->type == EVENT_EXIT;
}

void svg_marks(struct svg *s)
{
    for (event_id i = 0; i < s->t->event_count; i++) {
        const struct event *e = EVENT_AT(s->t, i);
        const struct mark *mark = mark_of(e);
        size_t row = svg_row_of(s, e->thread);
        if (row == SIZE_MAX || is_drawn_otherwise(e) || !mark->plain) continue;
        double x = svg_x(s, e->ns), y = svg_y(row);
        if (e->type == EVENT_KILL)
            put_kill(s, e, x, y);
        else if (e->type == EVENT_EXEC)
            fprintf(s->out, "<path d=\"M%.1f %.1fl10 7l-10 7z\" class=\"o\"/>\n", x, y - 7);
        else if (x - s->busy[row] >= 8) {
            char letter[2] = {mark->plain, 0};
            fprintf(s->out, "<path d=\"M%.1f %.1fv6\" class=\"k\"/>\n", x, y - 7);
            svg_text(s, x, y - 8, "s c", letter, 1);
            s->busy[row] = x;
        }
    }
}

/* --- findings --------------------------------------------------------------------------------- */

static void put_number(struct svg *s, size_t row, double x, size_t number)
{
    char text[16];
    if (row >= s->shown) return;
    double y = svg_y(row);
    if (x < s->busy[row] + 17) x = s->busy[row] + 17;
    s->busy[row] = x;
    snprintf(text, sizeof text, "%zu", number);
    fprintf(s->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"8\" class=\"o\" stroke-width=\"1.5\"/>\n", x, y);
    svg_text(s, x, y + 3.5, "s c b", text, 3);
}

/* The event that shows it best: what hangs or failed, else the last of its evidence. */
static event_id shown_by(const struct svg *s, const struct finding *x)
{
    event_id best = NONE;
    for (size_t i = 0; i < x->evidence.count; i++) {
        const struct event *e = EVENT_AT(s->t, x->evidence.list[i]);
        if (svg_row_of(s, e->thread) == SIZE_MAX) continue;
        if (best != NONE && EVENT_AT(s->t, best)->type == EVENT_LOCK_WAIT && e->type != EVENT_LOCK_WAIT)
            continue;
        best = x->evidence.list[i];
    }
    return best;
}

/* The rows it is about beside events: lost threads, and copies of globals. Returns how many it marked. */
static size_t mark_rows(struct svg *s, const struct finding *about, size_t number)
{
    size_t marked = 0;
    for (size_t i = 0; i < s->shown && about->evidence.count; i++) {
        const struct row *row = &s->rows.row[i];
        bool here = false;
        if (row->kind == ROW_GHOST && (about->rule == RULE_thread_lost || about->rule == RULE_stale_thread))
            for (size_t k = 0; k < about->threads.count; k++) here |= about->threads.list[k] == row->thread;
        if (row->kind == ROW_COPY && about->rule != RULE_thread_lost)
            for (size_t k = 0; k < about->globals.count; k++)
                here |= about->globals.list[k] == s->t->copies[row->copy].global;
        if (!here) continue;
        double start = svg_x(s, row_start(s->t, row)), end = svg_x(s, row_end(s->t, row, s->end));
        double x = row->kind == ROW_COPY ? end - 12 : end - start > 150 ? start + 118 : end + 12;
        put_number(s, i, x, number);
        marked++;
    }
    return marked;
}

void svg_finding_marks(struct svg *s)
{
    memset(s->busy, 0, s->rows.count * sizeof *s->busy);
    for (size_t i = s->findings->count < MOST_TOLD ? s->findings->count : MOST_TOLD; i--;) {
        const struct finding *x = s->findings->list[i];
        if (mark_rows(s, x, i + 1)) continue;
        event_id e = shown_by(s, x);
        if (e == NONE) continue;
        size_t row = svg_row_of(s, EVENT_AT(s->t, e)->thread);
        double at = svg_x(s, s->t->events[e].ns) + 14,
               end = svg_x(s, row_end(s->t, &s->rows.row[row], s->end));
        put_number(s, row, at > end - 12 ? end - 16 : at, i + 1);
    }
}

/* Bytes of the next line of a text: broken after a blank. */
static size_t next_line(const char *text)
{
    size_t columns = 0, fits = 0, i = 0;
    for (; text[i]; i++) {
        columns += (text[i] & 0xc0) != 0x80;
        if (columns > LINE && fits) return fits;
        if (text[i] == ' ') fits = i + 1;
    }
    return i;
}

static size_t lines_of(const char *text)
{
    size_t n = 0;
    for (; *text; text += next_line(text)) n++;
    return n;
}

static double put_lines(const struct svg *s, double y, const char *class, const char *text)
{
    char cut[LINE * 4 + 2];
    for (size_t n; *text; text += n, y += 16) {
        n = next_line(text);
        snprintf(cut, sizeof cut, "%.*s", n < sizeof cut ? (int)n : (int)sizeof cut - 1, text);
        svg_text(s, 112, y, class, cut, LINE + 1);
    }
    return y;
}

size_t svg_finding_lines(const struct svg *s)
{
    size_t lines = 1, count = s->findings->count;
    for (size_t i = 0; i < count && i < MOST_TOLD; i++) {
        const struct finding *x = s->findings->list[i];
        lines += lines_of(x->title) + (x->severity == SEVERITY_NOTE ? 0 : lines_of(x->explanation));
    }
    return lines + (count > MOST_TOLD);
}

/* Errors are black, warnings framed, notes plain: also without colours. */
static void put_severity(const struct svg *s, double y, enum severity severity)
{
    if (severity != SEVERITY_NOTE)
        fprintf(s->out, "<rect x=\"44\" y=\"%.1f\" width=\"60\" height=\"15\" class=\"%s\"/>\n", y - 11.5,
                severity == SEVERITY_ERROR ? "f" : "o");
    fprintf(s->out, "<text x=\"74\" y=\"%.1f\" class=\"s c b\"%s>%s</text>\n", y,
            severity == SEVERITY_ERROR ? " style=\"fill:#fff\"" : "", severity_name(severity));
}

double svg_finding_texts(const struct svg *s, double y)
{
    size_t count = s->findings->count;
    char number[64];
    if (!count) svg_text(s, 14, y, "", "No findings.", 20), y += 16;
    for (size_t i = 0; i < count && i < MOST_TOLD; i++) {
        const struct finding *x = s->findings->list[i];
        fprintf(s->out, "<circle cx=\"24\" cy=\"%.1f\" r=\"8\" class=\"o\"/>\n", y - 4);
        snprintf(number, sizeof number, "%zu", i + 1);
        svg_text(s, 24, y - 0.5, "s c b", number, 3);
        put_severity(s, y, x->severity);
        y = put_lines(s, y, x->severity == SEVERITY_NOTE ? "" : "b", x->title);
        if (x->severity != SEVERITY_NOTE) y = put_lines(s, y, "d", x->explanation);
    }
    if (count > MOST_TOLD) {
        snprintf(number, sizeof number, "and %zu more findings", count - MOST_TOLD);
        svg_text(s, 14, y, "i", number, 32), y += 16;
    }
    return y;
}

/* --- the legend ------------------------------------------------------------------------------- */

double svg_legend(const struct svg *s, double y)
{
    static const struct {
        const char *shape, *words;
    } items[] = {
        {"<path d=\"M0 0H26\" class=\"p\"/>", "process (its main thread)"},
        {"<path d=\"M0 0H26\" class=\"t\"/>", "thread"},
        {"<path d=\"M0 0H26\" class=\"g\"/>", "lost thread (†)"},
        {"<path d=\"M13 -9V7\" class=\"k\" marker-end=\"url(#arrow)\"/>", "fork"},
        {"<path d=\"M13 -9V9\" class=\"k\" stroke-dasharray=\"1 2\"/>", "thread created"},
        {"<rect y=\"-5\" width=\"26\" height=\"11\" fill=\"url(#wait)\" stroke=\"#555\"/>", "waits"},
        {"<rect y=\"-5\" width=\"26\" height=\"11\" fill=\"url(#hang)\" stroke=\"#555\"/>", "for ever"},
        {"<path d=\"M13 -8l-5 8h4l-2 7l7 -9h-4l3 -6z\" class=\"f\"/>", "signal sent"},
        {"<path d=\"M8 -5l10 10m0 -10l-10 10\" class=\"x\"/>", "killed"},
        {"<path d=\"M0 6V-3H26\" class=\"v\"/>", "value of a global"},
    };
    fprintf(s->out, "<path d=\"M14 %.1fH%d\" class=\"n\"/>\n", y - 14, SVG_RIGHT);
    double x = 14;
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        fprintf(s->out, "<g transform=\"translate(%.1f %.1f)\">%s</g>\n", x, y, items[i].shape);
        svg_text(s, x + 31, y + 4, "s", items[i].words, 40);
        x += 48 + 5.6 * (double)strlen(items[i].words);
    }
    svg_text(
        s, 14, y + 20, "s d",
        "Letters over a lane: s handler installed, m mask changed, b bind, w child reaped, j thread joined, "
        "h lock held at a fork, n named, x exec failed, ? signal taken. forktrace view shows each.",
        250);
    return y + 30;
}
