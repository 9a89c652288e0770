/*
 * window.h: the stretch of time on the screen: columns to times and back,
 * zooming, round ticks. Times are ns since the first record; start and span are
 * on the screen's clock (idle.h), everything else is told in real time.
 */
#ifndef TUI_WINDOW_H
#define TUI_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "idle.h"

struct window {
    int64_t start, span;     /* span ≥ columns: a column is never less than 1 ns */
    int columns;             /* ≥ 1 */
    const struct idle *idle; /* start and span leave this out; NULL: nothing. Not owned */
};

/* The column of a time; -1 before the window, columns after it. */
int window_column(const struct window *w, int64_t ns);
/* The first time of a column; any column. */
int64_t window_time(const struct window *w, int column);
/* Show the whole of a run that lasts `end`. */
void window_fit(struct window *w, int64_t end);
/* Make the span numerator/denominator of what it was, and keep `ns` in its column. */
void window_zoom(struct window *w, int64_t ns, int64_t end, int numerator, int denominator);
/* Move by so many columns, not beyond the run by more than half a window. */
void window_pan(struct window *w, int64_t end, int columns);
/* Pan so that ns is well inside. */
void window_show(struct window *w, int64_t end, int64_t ns);
/* Show from one time to another, and some air around. */
void window_between(struct window *w, int64_t end, int64_t from, int64_t to);
/* Leave idle time out, or (NULL) show it again, with `ns` in its column. */
void window_leave_out(struct window *w, const struct idle *idle, int64_t end, int64_t ns);

/* The distance of ticks that are at least `gap` columns apart: 1, 2 or 5 times a power of ten. */
int64_t window_tick(const struct window *w, int gap);

/* "1.25 s", "310 ms": rounded to `unit` ns, never finer than needed. Returns buffer. */
const char *time_text(int64_t ns, int64_t unit, char *buffer, size_t size);
/* "1.5s", "20ms", "300us", "7" (s) → ns. -1: not a time. */
int64_t time_parse(const char *text);

#endif
