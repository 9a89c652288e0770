/*
 * svg.h: what the drawers of a timeline as SVG share: the page, its scale, and
 * its rows, which are those of the screen (tui/rows.h).
 *
 * One picture, self-contained: no scripts, no fonts, no links. It must be
 * readable when printed in black and white, so what matters differs by shape.
 */
#ifndef EXPORT_SVG_H
#define EXPORT_SVG_H

#include <stdio.h>

#include "viewer/findings/findings.h"
#include "viewer/tui/rows.h"
#include "viewer/tui/values.h"

enum { SVG_WIDTH = 1200, SVG_LEFT = 300, SVG_RIGHT = 1180, SVG_ROW = 26, SVG_TOP = 72, SVG_MOST_ROWS = 400 };

struct svg {
    FILE *out;
    const struct timeline *t;
    const struct findings *findings;
    struct rows rows;
    struct values values;
    size_t shown; /* rows of the picture */
    int64_t end;  /* ns at the right edge */
    double *busy; /* [rows]: where the last mark of a row is, so that they do not cover each other */
};

/* The middle of a row; where a time is. */
double svg_y(size_t row);
double svg_x(const struct svg *s, int64_t ns);
/* The row of a thread, SIZE_MAX if it has none in the picture. */
size_t svg_row_of(const struct svg *s, thread_id thread);
/* Text at (x, y) of a class, escaped; at most so many characters. */
void svg_text(const struct svg *s, double x, double y, const char *class, const char *text, size_t most);

/* svg_lanes.c: the lanes, what begins and ends them, what they wait for, and values over time. */
void svg_lane(const struct svg *s, size_t row);
void svg_births(const struct svg *s, size_t row);
void svg_waits(const struct svg *s);
void svg_values(const struct svg *s, size_t row);
/* svg_marks.c: single events; findings by their number. */
void svg_marks(struct svg *s);
void svg_finding_marks(struct svg *s);
/* Their texts, from y on; returns where they end. */
double svg_finding_texts(const struct svg *s, double y);
/* How many lines these take. */
size_t svg_finding_lines(const struct svg *s);
double svg_legend(const struct svg *s, double y);

#endif
