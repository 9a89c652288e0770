/* window.c: arithmetic of time and columns. No cells here. */
#include "window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t clamp(int64_t v, int64_t low, int64_t high) { return v < low ? low : v > high ? high : v; }

int window_column(const struct window *w, int64_t ns)
{
    __int128 past = (__int128)idle_shown(w->idle, ns) - w->start;
    if (past < 0) return -1;
    if (past >= w->span) return w->columns;
    return (int)(past * w->columns / w->span);
}

int64_t window_time(const struct window *w, int column)
{
    __int128 scaled = (__int128)w->span * column;
    __int128 up = scaled > 0 ? w->columns - 1 : 0; /* round up: the first ns whose column it is */
    return idle_time(w->idle, w->start + (int64_t)((scaled + up) / w->columns));
}

/* A damaged file may have any times. */
static int64_t shown(const struct window *w, int64_t ns)
{
    return idle_shown(w->idle, clamp(ns, 0, INT64_MAX / 8));
}

/* A little air at the right, for how the last process ended. */
static int64_t fit_span(const struct window *w, int64_t end)
{
    end = shown(w, end);
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
    int64_t fit = fit_span(w, end);
    end = shown(w, end);
    w->span = clamp(w->span, w->columns, fit);
    if (w->span == fit)
        w->start = 0;
    else
        w->start = clamp(w->start, -w->span / 2, end - w->span / 2);
}

void window_zoom(struct window *w, int64_t ns, int64_t end, int numerator, int denominator)
{
    int64_t at = shown(w, ns);
    __int128 left = at - w->start;
    int64_t old = w->span;
    w->span = clamp(w->span / denominator * numerator, w->columns, fit_span(w, end));
    w->start = at - (int64_t)(left * w->span / old);
    keep_inside(w, end);
}

void window_pan(struct window *w, int64_t end, int columns)
{
    w->start += (int64_t)((__int128)w->span * columns / w->columns);
    if (columns) keep_inside(w, end);
}

void window_show(struct window *w, int64_t end, int64_t ns)
{
    int64_t at = shown(w, ns);
    int column = window_column(w, ns);
    if (column > 0 && column < w->columns - 1) return;
    if (column == 0 && w->start <= 0) return;
    w->start = at - w->span / (column <= 0 ? 4 : 2);
    keep_inside(w, end);
    if (at < w->start) w->start = at;
    if (window_column(w, ns) >= w->columns) w->start = at - w->span + w->span / w->columns + 1;
}

void window_between(struct window *w, int64_t end, int64_t from, int64_t to)
{
    int64_t first = shown(w, from < to ? from : to), last = shown(w, from < to ? to : from);
    int64_t air = (last - first) / 16 + 1;
    w->start = first - air;
    w->span = last - first + 2 * air;
    keep_inside(w, end);
}

void window_leave_out(struct window *w, const struct idle *idle, int64_t end, int64_t ns)
{
    int column = window_column(w, ns);
    bool whole = w->span == fit_span(w, end);
    int64_t from = window_time(w, 0), to = window_time(w, w->columns);
    w->idle = idle;
    if (whole) {
        window_fit(w, end);
        return;
    }
    w->start = shown(w, from); /* the same stretch of time, whatever room it takes now */
    w->span = clamp(shown(w, to) - w->start, w->columns, fit_span(w, end));
    w->start = shown(w, ns) - (int64_t)((__int128)w->span * column / w->columns);
    keep_inside(w, end);
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
    const char *name;
    int64_t ns;
} units[] = {{"s", 1000000000}, {"ms", 1000000}, {"µs", 1000}, {"ns", 1}};

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
    static const struct {
        const char *name;
        double ns;
    } known[] = {{"", 1e9},   {"s", 1e9},  {"ms", 1e6},   {"us", 1e3},
                 {"µs", 1e3}, {"μs", 1e3}, /* two letters */
                 {"ns", 1},   {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}};
    char *rest;
    double value = strtod(text, &rest);
    if (rest == text || !(value >= 0)) return -1;
    while (*rest == ' ') rest++;
    for (size_t u = 0; u < sizeof known / sizeof *known; u++)
        if (!strcmp(rest, known[u].name))
            return value * known[u].ns < 1e18 ? (int64_t)(value * known[u].ns) : -1;
    return -1;
}
