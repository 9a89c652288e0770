/*
 * grid.h: the screen as an array of cells. Everything is drawn into a grid;
 * terminal.c shows one with curses, grid_print writes one as plain text.
 *
 * Text comes from traced programs, so it may be anything: what reaches a cell
 * is printable and as wide as the cell, the rest shows as \n, \x1b, \u{202e}.
 * Needs a UTF-8 LC_CTYPE (wcwidth); without one, set `ascii`.
 */
#ifndef TUI_GRID_H
#define TUI_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <uchar.h>

#include "style.h"

struct cell {
    char32_t ch;   /* 0: the right half of a wide character */
    char32_t mark; /* a combining mark on it, or 0 */
    uint8_t style; /* enum style */
    uint8_t lit;   /* enum lit, or-ed */
    uint8_t lines; /* enum line, or-ed: box drawing that merges where it meets */
};

struct grid {
    int width, height;
    bool ascii;
    struct cell *cells;
};

struct area {
    int x, y, width, height;
};

/* Parts of a box-drawing character. */
enum line { LINE_UP = 1, LINE_DOWN = 2, LINE_LEFT = 4, LINE_RIGHT = 8, LINE_HEAVY = 16, LINE_DASHED = 32 };

/* Set the size and blank every cell. False: out of memory, and the grid is as it was. */
bool grid_resize(struct grid *g, int width, int height);
void grid_free(struct grid *g);
void grid_clear(struct grid *g);

/* NULL outside the grid. */
struct cell *grid_at(const struct grid *g, int x, int y);
/* One character of our own; `plain` replaces it in ASCII. */
void grid_put(struct grid *g, int x, int y, char32_t ch, char plain, enum style style);
/* Merge lines into a cell. The style of the strongest line stays: later calls with keep=true only add lines.
 */
void grid_line(struct grid *g, int x, int y, unsigned lines, enum style style, bool keep);
void grid_light(struct grid *g, struct area a, unsigned lit);

/*
 * Write text into at most `width` columns from x; longer text ends with an
 * ellipsis. Returns the columns used.
 */
int grid_text(struct grid *g, int x, int y, int width, enum style style, const char *text);
/* The columns text takes, at most `most`. */
int grid_width(const struct grid *g, const char *text, int most);
/*
 * How many bytes of text fit into `width` columns, broken after a space if
 * there is one; at least one character unless text is empty.
 */
size_t grid_break(const struct grid *g, const char *text, int width);

/* As text, without the blanks at line ends. */
void grid_print(const struct grid *g, FILE *out);

#endif
