/* view_help.c: the keys from their table, the signs of the lanes from theirs. */
#include <string.h>

#include "mark.h"
#include "tui.h"

struct out {
    struct tui *tui;
    struct area area;
    int line; /* of the whole text */
};

/* The place of the next line; false: it is scrolled away. */
static bool next(struct out *o, int *y)
{
    *y = o->area.y + o->line++ - o->tui->over_scroll;
    return *y >= o->area.y && *y < o->area.y + o->area.height;
}

static void heading(struct out *o, const char *text)
{
    int y;
    if (o->line) o->line++;
    if (next(o, &y)) grid_text(&o->tui->grid, o->area.x + 1, y, o->area.width - 1, STYLE_TITLE, text);
}

static void pair(struct out *o, const char *left, enum style style, const char *right)
{
    int y;
    if (!next(o, &y)) return;
    struct grid *g = &o->tui->grid;
    grid_text(g, o->area.x + 3, y, 12, style, left);
    grid_text(g, o->area.x + 16, y, o->area.width - 16, STYLE_NORMAL, right);
}

static void sign(struct out *o, char32_t ch, char plain, enum style style, const char *right)
{
    int y = o->area.y + o->line - o->tui->over_scroll;
    pair(o, "", style, right);
    if (y >= o->area.y && y < o->area.y + o->area.height)
        grid_put(&o->tui->grid, o->area.x + 3, y, ch, plain, style);
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
    for (int pass = 0; pass < 2; pass++) { /* the first tells how long it is */
        struct out o = {tui, area, 0};
        if (pass == 0) o.area.height = 0;
        lines(&o);
        tui->over_most = o.line > area.height ? o.line - area.height : 0;
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
