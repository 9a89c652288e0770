/* picture.h: the screen as an SVG file: for documents, slides and bug reports. */
#ifndef TUI_PICTURE_H
#define TUI_PICTURE_H

#include "grid.h"

/*
 * Self-contained: no scripts, no fonts, no links; any monospaced font fits, since each piece of text is held
 * to its columns and lines are drawn as lines. Colours are the terminal's of 256 on a dark ground.
 */
void picture_write(const struct grid *g, FILE *out);

#endif
