/*
 * terminal.h: a grid on a real terminal, and keys from it. terminal.c is the
 * only file that knows curses. One terminal at a time; not thread-safe.
 */
#ifndef TUI_TERMINAL_H
#define TUI_TERMINAL_H

#include "grid.h"
#include "outside.h"

/* NULL if stdin and stdout are a terminal that can show screens; else what is wrong and what to do. Static
 * text. */
const char *terminal_unfit(void);
/* Take the screen over. False: it could not be had. `colour` false: none. */
bool terminal_open(bool colour);
/* Give it back as it was. Harmless when not open. */
void terminal_close(void);
void terminal_size(int *width, int *height);
/* `anew`: the screen may show something else; send every cell. */
void terminal_show(const struct grid *g, bool anew);

enum terminal_event {
    TERMINAL_TIMEOUT,
    TERMINAL_KEY,
    TERMINAL_MOUSE, /* terminal_click says where */
    TERMINAL_RESIZED,
    TERMINAL_AGAIN /* back from a stop */,
    TERMINAL_ENDED
};
/*
 * Wait for a key, at most so long (-1: for ever). SIGTSTP stops the process
 * with the terminal given back. ENDED: SIGTERM, SIGINT, SIGHUP (*signal says
 * which) or the terminal has gone (*signal 0).
 */
enum terminal_event terminal_wait(int timeout_ms, char32_t *key, int *signal);

/* The click of the last TERMINAL_MOUSE. False: none that means anything. */
bool terminal_click(int *x, int *y, enum click *click);
/* Take the mouse, or leave it to the terminal. */
void terminal_mouse(bool take);
/* Text into the clipboard of whoever sits there: true: by tmux, which has it in a buffer too; else by OSC 52,
 * which a terminal may ignore. */
bool terminal_copy(const char *text);
/* Give the terminal to `command` (program_edit), wait for it, take it back. False: it did not run. */
bool terminal_run(const char *command, unsigned line, const char *path);

#endif
