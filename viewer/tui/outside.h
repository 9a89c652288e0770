/*
 * outside.h: what leaves the screen: text for the clipboard, a file for the
 * editor, and clicks that come in. Views ask by filling in struct request;
 * whoever has the terminal grants it. A script only hears of it in a message.
 */
#ifndef TUI_OUTSIDE_H
#define TUI_OUTSIDE_H

#include <limits.h>
#include <stdbool.h>

#include "key.h"

struct tui;

struct request {
    char *copy; /* malloc'ed, for the clipboard; NULL: none */
    char edit[PATH_MAX];
    unsigned line; /* of `edit`; 0: none */
    bool mouse;    /* clicks are wanted: a state, not a request */
};

/* y, e, M. False: another action. */
bool outside_act(struct tui *tui, enum action action);

enum click { CLICK, CLICK_TWICE, WHEEL_UP, WHEEL_DOWN };
/* A click into a cell of the grid as it was last drawn. */
void outside_click(struct tui *tui, int x, int y, enum click click);

#endif
