/* view_tree.c: the tree at the left of the lanes: who each of them is. */
#include <string.h>

#include "facts.h"
#include "lanes.h"

static int draw_guides(struct pane *p, const struct row *row, int x, int y)
{
    unsigned from = row->depth > 8 ? row->depth - 8u : 0; /* deep trees show their last levels */
    for (unsigned d = from; d < row->depth; d++, x += 2) {
        bool own = d + 1 == row->depth;
        unsigned lines = own ? LINE_UP | LINE_RIGHT | (row->last ? 0 : LINE_DOWN)
                         : d + 1 < 64 && row->open >> (d + 1) & 1 ? LINE_UP | LINE_DOWN
                                                                  : 0;
        if (lines) grid_line(p->g, x, y, lines, STYLE_RULE, false);
    }
    return x;
}

/* The last words of a name, with the blank before them. */
static const char *last_words(const char *name, int words)
{
    const char *at = name + strlen(name);
    while (words > 0 && at > name)
        if (*--at == ' ') words--;
    return at;
}

static int draw_words(struct tui *tui, int x, int y, int room, enum style style, const char *text)
{
    int used = grid_text(&tui->grid, x, y, room, style, text);
    search_light(tui, x, y, used, text);
    return used;
}

/* `uwsgi worker 12` and `server child 3` differ at their ends: where there is not room for all, those stay.
 */
static int draw_name(struct tui *tui, int x, int y, int room, enum style style, const char *name)
{
    struct grid *g = &tui->grid;
    const char *number = last_words(name, 1);
    bool numbered = number > name && number[1] && !number[1 + strspn(number + 1, "0123456789")];
    for (int words = 2; numbered && words > 0 && grid_width(g, name, room + 1) > room; words--) {
        char head[200];
        const char *tail = last_words(name, words);
        int wide = grid_width(g, tail, 100);
        if (tail == name || wide > 10 || wide + 4 > room) continue;
        snprintf(head, sizeof head, "%.*s", (int)(tail - name), name);
        int used = draw_words(tui, x, y, room - wide, style, head);
        return used + draw_words(tui, x + used, y, wide, style, tail);
    }
    return draw_words(tui, x, y, room, style, name);
}

void draw_label(struct pane *p, size_t i, int y)
{
    const struct row *row = &p->tui->rows.row[i];
    struct grid *g = p->g;
    char text[300], number[16] = "", hidden[16] = "";
    int end = p->tree.x + p->tree.width - 1;
    bool selected = i == p->tui->row;
    const char *name = NULL;
    if (selected) grid_put(g, p->tree.x, y, U'▌', '>', STYLE_TITLE);
    int x = draw_guides(p, row, p->tree.x + 1, y);
    enum style style = (enum style[]){STYLE_PROCESS, STYLE_THREAD,
                                      STYLE_GHOST}[row->kind == ROW_COPY ? ROW_GHOST : row->kind];
    if (row->kind == ROW_PROCESS) {
        if (row->parent) grid_put(g, x, y, row->folded ? U'▸' : U'▾', row->folded ? '+' : '-', STYLE_NORMAL);
        snprintf(number, sizeof number, "%u", p->t->processes[row->process].pid);
        x += 2;
    } else if (row->kind == ROW_THREAD) {
        bool greenlet = p->t->threads[row->thread].kind == THREAD_GREENLET;
        if (greenlet) {
            grid_put(g, x, y, U'~', '~', STYLE_THREAD);
            x += 2;
        } else
            snprintf(number, sizeof number, "%u", p->t->threads[row->thread].tid);
    } else if (row->kind == ROW_GHOST) {
        grid_put(g, x, y, U'†', '#', STYLE_GHOST);
        x += 2;
    } else {
        draw_strip_label(p, row, x, y, end);
        name = "";
    }
    if (!name && row->kind == ROW_PROCESS) name = process_name(p->t, row->process);
    if (row->hidden) snprintf(hidden, sizeof hidden, " +%u", row->hidden);
    int digits = (int)strlen(number), more = (int)strlen(hidden),
        room = end - x - more - (digits ? digits + 1 : 0);
    if (room < 6) room += digits ? digits + 1 : 0, digits = 0;
    if (row->kind == ROW_THREAD || row->kind == ROW_GHOST) { /* where it was created, if there is room */
        name = thread_label(p->t, row->thread, text, sizeof text);
        if (grid_width(g, name, room + 1) > room) name = thread_name(p->t, row->thread, text, sizeof text);
    }
    x += draw_name(p->tui, x, y, room, style, name);
    grid_text(g, x, y, more, STYLE_DIM, hidden);
    for (size_t c = 0; c < p->tui->chosen_count; c++)
        if (p->tui->chosen[c] == row->process && row->kind == ROW_PROCESS)
            grid_put(g, end, y, U'●', '*', STYLE_TITLE);
    if (digits) grid_text(g, end - digits, y, digits, STYLE_DIM, number);
    if (selected) grid_light(g, (struct area){p->tree.x, y, p->tree.width, 1}, LIT_ROW);
}
