/* view_help.c: the keys from their table, the signs of the lanes from theirs. */
#include <string.h>

#include "mark.h"
#include "tui.h"

#define COLUMN 90 /* wide screens have several columns of text, each at least so wide */

struct out {
    struct tui *tui;
    struct area area; /* of a column */
    int columns;
    int line; /* of the whole text */
};

/* The place of the next line; false: it is scrolled away. */
static bool next(struct out *o, int *x, int *y)
{
    int line = o->line++ - o->tui->over_scroll, height = o->area.height;
    if (line < 0 || line >= height * o->columns) return false;
    *x = o->area.x + line / height * o->area.width;
    *y = o->area.y + line % height;
    return true;
}

static void heading(struct out *o, const char *text)
{
    int x, y;
    if (o->line) o->line++;
    if (next(o, &x, &y)) grid_text(&o->tui->grid, x + 1, y, o->area.width - 2, STYLE_TITLE, text);
}

static void pair(struct out *o, const char *left, enum style style, const char *right)
{
    int x, y;
    if (!next(o, &x, &y)) return;
    struct grid *g = &o->tui->grid;
    grid_text(g, x + 3, y, 12, style, left);
    grid_text(g, x + 16, y, o->area.width - 17, STYLE_NORMAL, right);
}

static void sign(struct out *o, char32_t ch, char plain, enum style style, const char *right)
{
    int x, y, line = o->line;
    pair(o, "", style, right);
    o->line = line;
    if (next(o, &x, &y)) grid_put(&o->tui->grid, x + 3, y, ch, plain, style);
}

static void lines(struct out *o)
{
    char keys[64];
    for (const struct action_info *i = action_table; i->help; i++) {
        if (i->keys)
            pair(o, key_labels(i, o->tui->grid.ascii, keys, sizeof keys), STYLE_KEY, i->help);
        else
            heading(o, i->help);
    }
    heading(o, "Signs on the lanes");
    sign(o, U'━', '=', STYLE_PROCESS, "a process: its main thread");
    sign(o, U'─', '-', STYLE_THREAD, "a thread");
    sign(o, U'┄', '.', STYLE_GHOST, "a ghost: a thread of the parent, lost at the fork (†)");
    sign(o, U'~', '~', STYLE_THREAD, "a greenlet: memory to a fork, which copies it");
    sign(o, U'░', '%', STYLE_WAIT, "waiting, as long as it lasts");
    sign(o, U'▃', ':', STYLE_THREAD, "how many are folded away there: 1, 2, 4, ... 128 and more");
    sign(o, U'■', ']', STYLE_MARK, "the end");
    sign(o, U'✖', 'X', STYLE_TROUBLE, "killed by a signal");
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++)
        if (marks[i].legend && marks[i].ch)
            sign(o, marks[i].ch, marks[i].plain, marks[i].style, marks[i].legend);
    heading(o,
            "Where several events share a cell, the most important one is shown, in bold; zoom in with +.");
}

static void draw(struct tui *tui, struct area area)
{
    int columns = area.width / COLUMN < 1 ? 1 : area.width / COLUMN;
    for (int pass = 0; pass < 2; pass++) { /* the first tells how long it is */
        struct out o = {tui, area, columns, 0};
        o.area.width /= columns;
        if (pass == 0) o.area.height = 0;
        lines(&o);
        int room = area.height * columns;
        tui->over_most = o.line > room ? o.line - room : 0;
        if (tui->over_scroll > tui->over_most) tui->over_scroll = tui->over_most;
    }
}

static bool act(struct tui *tui, enum action action)
{
    int page = tui->grid.height - 3;
    switch (action) {
    case ACTION_HELP:
    case ACTION_CANCEL:
    case ACTION_QUIT: tui->over = NULL; return true;
    case ACTION_REDRAW: return false;
    case ACTION_DOWN: tui->over_scroll++; break;
    case ACTION_UP: tui->over_scroll--; break;
    case ACTION_PAGE_DOWN:
    case ACTION_FOLD: tui->over_scroll += page; break;
    case ACTION_PAGE_UP: tui->over_scroll -= page; break;
    case ACTION_FIRST:
    case ACTION_START: tui->over_scroll = 0; break;
    case ACTION_LAST:
    case ACTION_FINISH: tui->over_scroll = tui->over_most; break;
    default: tui_say(tui, "this is the help: Esc leaves it"); break;
    }
    if (tui->over_scroll > tui->over_most) tui->over_scroll = tui->over_most;
    if (tui->over_scroll < 0) tui->over_scroll = 0;
    return true;
}

const struct view_ops view_help = {"help", draw, act};
