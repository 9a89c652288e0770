/*
 * key.h: keys, and what they do. One table makes the enum, the bindings, the
 * help screen, the bottom bar and --help, so they cannot disagree.
 */
#ifndef TUI_KEY_H
#define TUI_KEY_H

#include <stdbool.h>
#include <stdio.h>
#include <uchar.h>

/* A key is a character, or one of these. */
/* clang-format off */
#define NAMED_KEYS(X)                                                                       \
    X(ENTER, "Enter") X(ESC, "Esc") X(TAB, "Tab") X(SPACE, "Space") X(BACKSPACE, "BS")      \
    X(UP, "Up") X(DOWN, "Down") X(LEFT, "Left") X(RIGHT, "Right")                           \
    X(PAGE_UP, "PgUp") X(PAGE_DOWN, "PgDn") X(HOME, "Home") X(END, "End")                   \
    X(SHIFT_LEFT, "S-Left") X(SHIFT_RIGHT, "S-Right") X(REDRAW, "C-l") X(F1, "F1") X(LESS, "lt")
enum key {
    KEY_BASE = 0x110000,
#define X(id, name) K_##id,
    NAMED_KEYS(X)
#undef X
    K_LAST
};

/* id, keys in script notation, help, word in the bottom bar (NULL: not there, "": with the next one) */
#define ACTIONS(X, GROUP)                                                                           \
    GROUP("Move")                                                                                   \
    X(NEXT_EVENT,   "l<Right>",   "next event of this lane", "")                                    \
    X(PREV_EVENT,   "h<Left>",    "previous event of this lane", "event")                           \
    X(DOWN,         "j<Down>",    "next lane", "")                                                  \
    X(UP,           "k<Up>",      "previous lane", "lane")                                          \
    X(NEXT_TROUBLE, "n",          "next finding, then trouble; after a search, next match", "")\
    X(PREV_TROUBLE, "N",          "the previous one", "finding")                      \
    X(CURSOR_LEFT,  "[",          "time cursor one column to the left", NULL)                       \
    X(CURSOR_RIGHT, "]",          "time cursor one column to the right", NULL)                      \
    X(START,        "<Home>",     "start of the run", NULL)                                         \
    X(FINISH,       "<End>",      "end of the run; while it is going on, follow it", NULL)          \
    X(FIRST,        "g",          "first lane", NULL)                                               \
    X(LAST,         "G",          "last lane", NULL)                                                \
    X(PAGE_DOWN,    "<PgDn>",     "a page of lanes down", NULL)                                     \
    X(PAGE_UP,      "<PgUp>",     "a page of lanes up", NULL)                                       \
    GROUP("Jump")                                                                                   \
    X(FOLLOW,       "<Enter>",    "to what this is about: a moment, child, receiver, lock owner", "go") \
    X(CREATOR,      "p",          "to where this lane was created, in its parent", NULL)            \
    X(CHILD,        "c",          "to the first child of this lane after the cursor", NULL)         \
    X(BACK,         "b<BS>",      "back to the place before the last jump", NULL)                   \
    X(FORWARD,      "B",          "forward again", NULL)                                            \
    X(GO_TO_TIME,   "t",          "go to a time: 1.5s, 20ms, 300us, 2min", NULL)                          \
    X(SEARCH,       "/",          "search names, events and their details", "find")                 \
    X(FILTER,       "&",          "show only what matches: word p:process t:thread k:kind !not", NULL) \
    X(CHOOSE,       "x",          "choose this process for o, one of several; again: not", NULL)    \
    X(FAMILY,       "o",          "only this or the chosen processes and their kin; again: all", NULL) \
    X(NEXT_MATCH,   ".",          "next match", NULL)                                               \
    X(PREV_MATCH,   ",",          "previous match", NULL)                                           \
    GROUP("Look")                                                                                   \
    X(ZOOM_IN,      "+=",         "zoom in at the cursor", "")                                      \
    X(ZOOM_OUT,     "-_",         "zoom out", "zoom")                                               \
    X(FIT,          "f0",         "the whole run", "fit")                                           \
    X(PAN_LEFT,     "H<S-Left>",  "earlier: half a screen to the left", NULL)                       \
    X(PAN_RIGHT,    "L<S-Right>", "later: half a screen to the right", NULL)                        \
    X(SELECT,       "s",          "select time from here; again: zoom to what is selected", NULL)   \
    X(IDLE,         "z",          "leave out time in which nothing happens, or show it again", NULL) \
    X(FOLD,         "<Space>",    "fold or unfold the threads and children below", "fold")          \
    X(FOLD_ALL,     "*",          "fold or unfold everything", NULL)                                \
    X(VALUES,       "v",          "values of globals: those that matter, all, none", NULL)             \
    X(FOCUS,        "<Tab>",      "to the details and back: there the lane keys scroll", NULL)      \
    X(MORE,         "}",          "more room for the details", NULL)                                \
    X(LESS,         "{",          "less room for the details", NULL)                                \
    X(REPLAY,       "r",          "replay from the left edge; again: end it", NULL) \
    GROUP("Other")                                                                                  \
    X(HELP,         "?<F1>",      "this help", "help")                                              \
    X(COPY,         "y",          "copy the details to the clipboard (OSC 52)", NULL)               \
    X(EDIT,         "e",          "open the source line in $VISUAL or $EDITOR", NULL)               \
    X(MOUSE,        "M",          "take the mouse, or give it back to the terminal", NULL)          \
    X(CANCEL,       "<Esc>",      "leave what was begun last: help, selection, search, filter", NULL) \
    X(REDRAW,       "<C-l>",      "draw the screen anew", NULL)                                     \
    X(QUIT,         "q",          "quit", "quit")
/* clang-format on */

enum action {
    ACTION_NONE,
#define X(id, keys, help, bar) ACTION_##id,
#define GROUP(name)
    ACTIONS(X, GROUP)
#undef X
#undef GROUP
        ACTION_COUNT
};

struct action_info {
    const char *keys, *help, *bar; /* keys NULL: the heading of a group */
    enum action action;
};
/* Headings and actions in the order of the table; ends with an entry without help. */
extern const struct action_info action_table[];

enum action action_of(char32_t key);
/* The next key of a script; 0 at its end, or when a <Name> is unknown (then *script points at it). */
char32_t key_next(const char **script);
/* "<Right>" as people read it: "→ ". Writes the keys of an action, separated by spaces, and returns buffer.
 */
const char *key_labels(const struct action_info *info, bool ascii, char *buffer, size_t size);
/* The table as text, for --help. */
void key_help(FILE *out);

#endif
