/*
 * programs.h: other programs that are run for the reader: the editor at a line,
 * tmux for its clipboard. Nothing here knows the screen.
 */
#ifndef TUI_PROGRAMS_H
#define TUI_PROGRAMS_H

#include <signal.h>
#include <stdbool.h>

/*
 * Run `command`, as git and crontab do: by the shell, so that quotes and
 * arguments in $EDITOR mean what they mean there, with `path` at `line`. `mask`:
 * of signals, for the program. Waits for its end. False: it could not be run.
 */
bool program_edit(const char *command, unsigned line, const char *path, const sigset_t *mask);

/*
 * In tmux: put text into its buffer, and by it into the clipboard of the
 * terminal around it: by default tmux drops a program's own OSC 52. False: not
 * in tmux, or it did not take it.
 */
bool program_tmux_copy(const char *text, const sigset_t *mask);

#endif
