/* window.c: arithmetic of time and columns. No cells here. */
#include "window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t clamp(int64_t v, int64_t low, int64_t high) { return v < low ? low : v > high ? high : v; }

int window_column(const struct window *w, int64_t ns)
{
    __int128 past = (__int128)ns - w->start;
    if (past < 0) return -1;
    if (past >= w->span) return w->columns;
    return (int)(past * w->columns / w->span);
}

int64_t window_time(const struct window *w, int column)
{
    __int128 scaled = (__int128)w->span * column;
    __int128 up = scaled > 0 ? w->columns - 1 : 0; /* round up: the first ns whose column it is */
    return w->start + (int64_t)((scaled + up) / w->columns);
}

/* A little air at the right, for how the last process ended. A damaged file may have any times. */
static int64_t fit_span(const struct window *w, int64_t end)
{
    end = clamp(end, 0, INT64_MAX / 8);
    int air = w->columns / 6 < 10 ? w->columns / 6 : 10;
    return clamp((int64_t)((__int128)end * w->columns / (w->columns - air)) + 1, w->columns, INT64_MAX / 4);
}

void window_fit(struct window *w, int64_t end)
{
    w->start = 0;
    w->span = fit_span(w, end);
}

static void keep_inside(struct window *w, int64_t end)
{
    end = clamp(end, 0, INT64_MAX / 8);
    w->span = clamp(w->span, w->columns, fit_span(w, end));
    if (w->span == fit_span(w, end))
        w->start = 0;
    else
        w->start = clamp(w->start, -w->span / 2, end - w->span / 2);
}

void window_zoom(struct window *w, int64_t ns, int64_t end, int numerator, int denominator)
{
    ns = clamp(ns, 0, INT64_MAX / 8);
    __int128 left = ns - w->start;
    int64_t old = w->span;
    w->span = clamp(w->span / denominator * numerator, w->columns, fit_span(w, end));
    w->start = ns - (int64_t)(left * w->span / old);
    keep_inside(w, end);
}

void window_pan(struct window *w, int64_t end, int columns)
{
    w->start += (int64_t)((__int128)w->span * columns / w->columns);
    if (columns) keep_inside(w, end);
}

void window_show(struct window *w, int64_t end, int64_t ns)
{
    ns = clamp(ns, 0, INT64_MAX / 8);
    int column = window_column(w, ns);
    if (column > 0 && column < w->columns - 1) return;
    if (column == 0 && w->start <= 0) return;
    w->start = ns - w->span / (column <= 0 ? 4 : 2);
    keep_inside(w, end);
    if (window_column(w, ns) < 0) w->start = ns;
    if (window_column(w, ns) >= w->columns) w->start = ns - w->span + w->span / w->columns + 1;
}

int64_t window_tick(const struct window *w, int gap)
{
    __int128 least = ((__int128)w->span * gap + w->columns - 1) / w->columns;
    int64_t tick = 1;
    for (;; tick *= 10) {
        for (int64_t by = 1; by <= 5; by = by == 1 ? 2 : by == 2 ? 5 : 10)
            if (tick * by >= least || tick > INT64_MAX / 100) return tick * by;
    }
}

static const struct {
    const char *name, *plain;
    int64_t ns;
} units[] = {{"s", "s", 1000000000}, {"ms", "ms", 1000000}, {"µs", "us", 1000}, {"ns", "ns", 1}};

static const char *in_unit(int64_t ns, int u, int digits, char *buffer, size_t size)
{
    snprintf(buffer, size, "%.*f %s", digits, (double)ns / (double)units[u].ns, units[u].name);
    return buffer;
}

const char *time_text(int64_t ns, int64_t unit, char *buffer, size_t size)
{
    int u = 0;
    while (u < 3 && llabs(ns) < units[u].ns && ns) u++;
    int digits = 0;
    for (int64_t part = units[u].ns; part > unit && part > 1; part /= 10) digits++;
    return in_unit(ns, u, ns ? digits : 0, buffer, size);
}

int64_t time_parse(const char *text)
{
    char *rest;
    double value = strtod(text, &rest);
    if (rest == text || !(value >= 0) || value > 1e9) return -1;
    while (*rest == ' ') rest++;
    if (!*rest) return (int64_t)(value * 1e9);
    for (int u = 0; u < 4; u++)
        if (!strcmp(rest, units[u].name) || !strcmp(rest, units[u].plain))
            return (int64_t)(value * (double)units[u].ns);
    return -1;
}
