/* lanes.h: what the drawers of lanes (view_lanes.c), of values (view_strips.c) and of time (view_axis.c)
 * share. */
#ifndef TUI_LANES_H
#define TUI_LANES_H

#include "tui.h"

/* The part of the screen the lanes are in. */
struct pane {
    struct tui *tui;
    struct grid *g;
    const struct timeline *t;
    const struct window *w;
    struct area map, axis, tree, lanes; /* the map may be empty */
};

/* view_tree.c: the label of row i, in the screen's row y. */
void draw_label(struct pane *p, size_t i, int y);

/* A copy's value over time, in the screen's row y. */
void draw_strip(struct pane *p, const struct row *row, int y);
/* Its name, and its value at the time cursor, in the columns from x to end. */
void draw_strip_label(struct pane *p, const struct row *row, int x, int y, int end);

/* view_crowd.c: on lanes of folded processes, how many are folded away there. */
void draw_crowds(struct pane *p);

/* view_axis.c: above the lanes, then over what is drawn in them. */
void draw_map(struct pane *p);
void draw_axis(struct pane *p);
void draw_gaps(struct pane *p);
void draw_selection(struct pane *p);
void draw_cursor(struct pane *p);

#endif
