/*
 * style.h: the looks of the screen, named by what they mean. Colours are those
 * of Okabe and Ito, which people with any colour vision tell apart; nothing is
 * said by colour alone (marks, dashes and words say it too), so a terminal
 * without colours loses nothing.
 */
#ifndef TUI_STYLE_H
#define TUI_STYLE_H

#include <stdint.h>

enum look { LOOK_PLAIN, LOOK_BOLD = 1, LOOK_DIM = 2, LOOK_UNDERLINE = 4 };

/* clang-format off */
/* name, colour of 256 (-1: the terminal's own), colour of 16, looks that hold with and without colour */
#define STYLES(X)                                   \
    X(NORMAL,     -1, -1, LOOK_PLAIN)               \
    X(DIM,       245, -1, LOOK_DIM)                 \
    X(TITLE,      -1, -1, LOOK_BOLD)                \
    X(PROCESS,    74,  6, LOOK_PLAIN)               \
    X(THREAD,     36,  2, LOOK_PLAIN)               \
    X(GHOST,     175,  5, LOOK_PLAIN)               \
    X(WAIT,      179,  3, LOOK_PLAIN)               \
    X(PYTHON,    110,  4, LOOK_PLAIN)               \
    X(VALUE,     110,  4, LOOK_PLAIN)               \
    X(APART,     220,  3, LOOK_BOLD)                \
    X(SIGNAL,    214,  3, LOOK_BOLD)                \
    X(TROUBLE,   202,  1, LOOK_BOLD)                \
    X(MARK,      252, -1, LOOK_PLAIN)               \
    X(CONNECTOR, 246, -1, LOOK_PLAIN)               \
    X(RULE,      240, -1, LOOK_DIM)                 \
    X(KEY,        -1, -1, LOOK_BOLD)                \
    X(LIVE,       36,  2, LOOK_BOLD)                \
    X(MATCH,     227,  3, LOOK_UNDERLINE)
/* clang-format on */

enum style {
#define X(name, colour256, colour16, looks) STYLE_##name,
    STYLES(X)
#undef X
        STYLE_COUNT
};

/* What lies over a style: the row, column and cell the reader is at. */
enum lit {
    LIT_ROW = 1,
    LIT_COLUMN = 2,
    LIT_CURSOR = 4,
    LIT_MANY = 8 /* several events in one cell */,
    LIT_EVIDENCE = 16
};

#endif
