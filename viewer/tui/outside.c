/* outside.c: see outside.h. */
#define _GNU_SOURCE
#include "outside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "facts.h"
#include "source.h"
#include "tui.h"

/* --- the clipboard ---------------------------------------------------------------------------- */

/* Text from a trace may hold anything; a clipboard is pasted into shells. */
static void put_plain(FILE *out, const char *text)
{
    for (; *text; text++) fputc((unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text, out);
}

/* The details, as they stand at the right or below. */
static void copy_details(struct tui *tui)
{
    struct facts f = {.timeline = tui->timeline};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) return;
    details_facts(tui, &f);
    for (size_t i = 0; i < f.count; i++) {
        if (f.fact[i].key) fprintf(out, "%-12s ", f.fact[i].key);
        put_plain(out, f.fact[i].value);
        fputc('\n', out);
    }
    if (fclose(out)) {
        free(text);
        text = NULL;
    }
    free(tui->request.copy);
    tui->request.copy = text;
    tui_say(tui, "copied %zu line%s to the clipboard, if this terminal allows it (OSC 52)",
            f.count, f.count == 1 ? "" : "s");
    facts_free(&f);
}

/* --- the editor ------------------------------------------------------------------------------- */

static bool line_of_event(const struct timeline *t, event_id event, struct event *e, const char **file,
                          int *line)
{
    struct python_function at;
    const uint64_t *pcs;
    if (event >= t->event_count) return false;
    *e = timeline_event(t, event);
    if (names_python_caller(t, e, &at)) {
        *file = at.file, *line = (int)at.line;
        return *file && *line > 0;
    }
    size_t count = timeline_stack(t, e, &pcs);
    for (size_t i = 0; i < count; i++)
        if (names_line(t, e->process, e->ns, pcs[i], file, line)) return *line > 0;
    return false;
}

/* The line the selected thing is about: a finding's evidence, an event, a lane's creation. */
static bool line_of(const struct tui *tui, struct event *e, const char **file, int *line)
{
    const struct timeline *t = tui->timeline;
    const struct row *row = &tui->rows.row[tui->row];
    const struct finding *x = tui->on_finding ? tui->findings->list[tui->verdict] : NULL;
    for (size_t i = 0; x && i < x->evidence.count; i++)
        if (line_of_event(t, x->evidence.list[i], e, file, line)) return true;
    if (line_of_event(t, tui->event, e, file, line)) return true;
    bool thread = (row->kind == ROW_THREAD || row->kind == ROW_GHOST) && row->thread < t->thread_count;
    return line_of_event(t, thread ? t->threads[row->thread].create : NONE, e, file, line);
}

static void edit(struct tui *tui)
{
    struct event e;
    const char *file = NULL;
    struct stat stat_of;
    int line = 0;
    if (!tui->rows.count || !line_of(tui, &e, &file, &line)) {
        tui_say(tui, "no source line is known here: select an event that has one in its stack");
        return;
    }
    char *path = tui->request.edit;
    if (!source_path(tui->timeline, &e, file, path, sizeof tui->request.edit) || stat(path, &stat_of) ||
        !S_ISREG(stat_of.st_mode)) {
        tui_say(tui, "%.90s is not on this machine", file);
        return;
    }
    tui->request.line = (unsigned)line;
    tui_say(tui, "editing %.100s:%d", file, line);
}

bool outside_act(struct tui *tui, enum action action)
{
    switch (action) {
    case ACTION_COPY: copy_details(tui); break;
    case ACTION_EDIT: edit(tui); break;
    case ACTION_MOUSE:
        tui->request.mouse = !tui->request.mouse;
        tui_say(tui, tui->request.mouse
                         ? "the mouse is ours: click, double-click, wheel; M gives it back to the terminal"
                         : "the mouse is the terminal's: select and copy as usual");
        break;
    default: return false;
    }
    return true;
}

/* --- the mouse -------------------------------------------------------------------------------- */

static bool inside(struct area a, int x, int y)
{
    return x >= a.x && x < a.x + a.width && y >= a.y && y < a.y + a.height;
}

static void click_bar(struct tui *tui, int x)
{
    for (size_t i = 0; i < tui->button_count; i++)
        if (x >= tui->buttons[i].x && x < tui->buttons[i].x + tui->buttons[i].width) {
            const char *keys = tui->buttons[i].info->keys;
            tui_key(tui, key_next(&keys));
            return;
        }
}

static void click_lanes(struct tui *tui, int x, int y, const struct layout *l, bool twice)
{
    struct area lanes = view_lanes_area(tui, l->lanes);
    if (y < lanes.y) return;
    size_t row = tui->top + (size_t)(y - lanes.y);
    if (row >= tui->rows.count) return;
    int64_t ns = x >= lanes.x ? window_time(&tui->window, x - lanes.x) : tui->now;
    tui->on_finding = false;
    move_to(tui, (uint32_t)row, ns, NONE);
    move_select(tui);
    if (twice) tui_key(tui, x >= lanes.x ? K_ENTER : ' ');
}

void outside_click(struct tui *tui, int x, int y, enum click click)
{
    struct layout l = tui_layout(tui);
    bool wheel = click == WHEEL_UP || click == WHEEL_DOWN;
    if (tui->over || tui->prompt) {
        if (tui->over && wheel) tui_key(tui, click == WHEEL_UP ? K_UP : K_DOWN);
        return;
    }
    if (wheel && inside(l.details, x, y))
        view_details.act(tui, click == WHEEL_UP ? ACTION_UP : ACTION_DOWN);
    else if (wheel)
        tui_key(tui, click == WHEEL_UP ? K_UP : K_DOWN);
    else if (inside(l.bar, x, y))
        click_bar(tui, x);
    else if (inside(l.findings, x, y))
        findings_click(tui, y - l.findings.y, click == CLICK_TWICE);
    else if (inside(l.lanes, x, y))
        click_lanes(tui, x, y, &l, click == CLICK_TWICE);
}
