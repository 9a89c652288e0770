/*
 * frames.c FILE [COLUMNSxROWS]: every key of `forktrace view`, pressed on the whole run and zoomed in: how
 * long its screen took at worst, in milliseconds of processor time (the machine may be busy with other
 * things) and by the clock; and how long what it began went on after that (a search, a filter of a large
 * run). One line a key, then the worst of all. For tests/bench/view.py.
 */
#define _GNU_SOURCE
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "viewer/load.h"
#include "viewer/tui/tui.h"

static double now_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

struct cost {
    double processor, wall, after;
};

static struct cost press(struct tui *tui, const char *script)
{
    struct cost worst = {0};
    for (char32_t key; (key = key_next(&script));) {
        double processor = now_ms(CLOCK_PROCESS_CPUTIME_ID), wall = now_ms(CLOCK_MONOTONIC);
        tui_key(tui, key);
        tui_draw(tui);
        struct cost cost = {now_ms(CLOCK_PROCESS_CPUTIME_ID) - processor, now_ms(CLOCK_MONOTONIC) - wall, 0};
        double after = now_ms(CLOCK_PROCESS_CPUTIME_ID);
        while (tui_busy(tui)) {
            tui_go_on(tui, 10);
            tui_draw(tui);
        }
        cost.after = now_ms(CLOCK_PROCESS_CPUTIME_ID) - after;
        if (cost.processor > worst.processor) worst.processor = cost.processor, worst.wall = cost.wall;
        if (cost.after > worst.after) worst.after = cost.after;
    }
    return worst;
}

/* What is not one key: prompts with what is typed, and what is there and what is not. */
static const char *const scripts[] = {
    "/handler<Enter>", "/nothing of the kind<Enter>", "..", "&k:kill<Enter>", "&<Esc>", "t1.5s<Enter>"};

int main(int argc, char **argv)
{
    struct loaded l;
    struct tui tui;
    int width = 200, height = 50;
    if (argc < 2 || (argc > 2 && sscanf(argv[2], "%dx%d", &width, &height) != 2))
        return fprintf(stderr, "usage: frames FILE [COLUMNSxROWS]\n"), 2;
    setlocale(LC_CTYPE, "C.UTF-8");
    int status = load(&l, argv[1], true);
    if (status) return status;
    double begun = now_ms(CLOCK_MONOTONIC);
    if (!tui_open(&tui, l.timeline, "frames", width, height, false)) return 1;
    tui_draw(&tui);
    printf("open %.2f\n", now_ms(CLOCK_MONOTONIC) - begun);
    struct cost worst = {0};
    const char *slowest = "";
    static const char *const places[] = {"f", "f++++++lll", "fG++++++++++[[[hh"};
    for (size_t place = 0; place < sizeof places / sizeof *places; place++) {
        press(&tui, places[place]);
        for (const struct action_info *a = action_table; a->help; a++) {
            char keys[64];
            if (!a->keys || a->action == ACTION_QUIT || a->action == ACTION_SEARCH ||
                a->action == ACTION_FILTER || a->action == ACTION_GO_TO_TIME || a->action == ACTION_EDIT)
                continue;
            snprintf(keys, sizeof keys, "%.20s", a->keys);
            struct cost cost = press(&tui, keys);
            printf("%-12s %8.2f %8.2f %8.2f\n", a->keys, cost.processor, cost.wall, cost.after);
            if (cost.processor > worst.processor) worst = cost, slowest = a->keys;
        }
        for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
            struct cost cost = press(&tui, scripts[i]);
            printf("%-12s %8.2f %8.2f %8.2f\n", scripts[i], cost.processor, cost.wall, cost.after);
            if (cost.processor > worst.processor) worst = cost, slowest = scripts[i];
        }
    }
    printf("worst %s %.2f %.2f\n", slowest, worst.processor, worst.wall);
    tui_close(&tui);
    unload(&l);
    return 0;
}
