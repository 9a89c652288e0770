/* test_tui_parts.c: the screen's parts, each for itself: the grid, the window of time, the table of keys. */
#include <criterion/criterion.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "viewer/timeline/build.h"
#include "viewer/tui/mark.h"
#include "viewer/tui/source.h"
#include "viewer/tui/tui.h"

static void utf8(void) { cr_assert(setlocale(LC_CTYPE, "C.UTF-8")); }

/* The first line of a grid as text. */
static const char *line_of(const struct grid *g)
{
    static char text[4096];
    FILE *out = fmemopen(text, sizeof text, "w");
    grid_print(g, out);
    fclose(out);
    text[strcspn(text, "\n")] = 0;
    return text;
}

static const char *put(int width, bool ascii, const char *text)
{
    static struct grid g;
    g.ascii = ascii;
    cr_assert(grid_resize(&g, 40, 1));
    int used = grid_text(&g, 0, 0, width, STYLE_NORMAL, text);
    cr_assert(used <= width, "%d columns of %d", used, width);
    for (int x = used; x < 40; x++) cr_assert_eq(grid_at(&g, x, 0)->ch, U' ', "column %d was touched", x);
    return line_of(&g);
}

Test(tui_grid, hostile_text_becomes_visible, .init = utf8)
{
    cr_expect_str_eq(put(40, false, "a\033[31mb\nc\td\re\x7f"), "a\\x1b[31mb\\nc\\td\\re\\x7f");
    cr_expect_str_eq(put(40, false,
                         "x\xe2\x80\xae"
                         "evil"),
                     "x\\u{202e}evil"); /* right-to-left override */
    cr_expect_str_eq(put(40, false, "\xff\xc0\x80\xed\xa0\x80"),
                     "\\xff\\xc0\\x80\\xed\\xa0\\x80");         /* not UTF-8 */
    cr_expect_str_eq(put(40, false, "\xe2\x82"), "\\xe2\\x82"); /* cut off */
    cr_expect_str_eq(put(40, false,
                         "\xc2\x9b"
                         "31m"),
                     "\\x9b31m"); /* C1: CSI in one character */
    cr_expect_str_eq(put(40, true, "caf\xc3\xa9 \xc2\xb5s"), "caf\\u{e9} us");
    cr_expect_str_eq(put(40, false, "e\xcc\x81\xcc\x81\xcc\x81!"),
                     "e\xcc\x81!"); /* one combining mark a cell */
}

Test(tui_grid, text_keeps_to_its_columns, .init = utf8)
{
    cr_expect_str_eq(put(5, false, "abcde"), "abcde");
    cr_expect_str_eq(put(5, false, "abcdef"), "abcd…");
    cr_expect_str_eq(put(5, true, "abcdef"), "abcd~");
    cr_expect_str_eq(put(4, false, "a界界"), "a界…"); /* two columns each */
    cr_expect_str_eq(put(5, false, "a界界"), "a界界");
    cr_expect_str_eq(put(3, false, "a界界"), "a…");
    cr_expect_str_eq(put(0, false, "abc"), "");
    char *huge = malloc(65537);
    memset(huge, 'x', 65536);
    huge[65536] = 0;
    cr_expect_str_eq(put(6, false, huge), "xxxxx…");
    free(huge);
}

Test(tui_grid, half_a_wide_character_never_stays, .init = utf8)
{
    struct grid g = {0};
    cr_assert(grid_resize(&g, 6, 1));
    grid_text(&g, 0, 0, 6, STYLE_NORMAL, "界界界");
    grid_put(&g, 1, 0, U'x', 'x', STYLE_NORMAL); /* over a right half */
    grid_put(&g, 4, 0, U'y', 'y', STYLE_NORMAL); /* over a left half */
    cr_expect_str_eq(line_of(&g), " x界y");
    grid_free(&g);
}

Test(tui_grid, lines_merge, .init = utf8)
{
    struct grid g = {0};
    cr_assert(grid_resize(&g, 1, 1));
    grid_line(&g, 0, 0, LINE_LEFT | LINE_RIGHT, STYLE_THREAD, false);
    cr_expect_eq(grid_at(&g, 0, 0)->ch, U'─');
    grid_line(&g, 0, 0, LINE_DOWN, STYLE_CONNECTOR, true);
    cr_expect_eq(grid_at(&g, 0, 0)->ch, U'┬');
    cr_expect_eq(grid_at(&g, 0, 0)->style, STYLE_THREAD);
    grid_line(&g, 0, 0, LINE_UP | LINE_HEAVY, STYLE_PROCESS, false);
    cr_expect_eq(grid_at(&g, 0, 0)->ch, U'┿');
    grid_free(&g);
}

Test(tui_window, columns_and_times_agree)
{
    srand(1);
    for (int i = 0; i < 20000; i++) {
        struct window w = {.columns = 1 + rand() % 300};
        int64_t end = ((int64_t)rand() << (rand() % 20)) + rand();
        window_fit(&w, end);
        for (int z = rand() % 40; z > 0; z--) {
            int64_t at = window_time(&w, rand() % w.columns);
            window_zoom(&w, at, end, 1 + rand() % 3, 1 + rand() % 3);
        }
        int column = rand() % w.columns;
        cr_assert_eq(window_column(&w, window_time(&w, column)), column);
        cr_assert_lt(window_column(&w, window_time(&w, column) - 1), column);
        cr_assert_geq(w.span, w.columns);
        int64_t anywhere = end ? (int64_t)(((__int128)end * (rand() % 1000)) / 1000) : 0;
        window_show(&w, end, anywhere);
        cr_assert(window_column(&w, anywhere) >= 0 && window_column(&w, anywhere) < w.columns);
        int64_t tick = window_tick(&w, 10);
        cr_assert_geq((__int128)tick * w.columns, (__int128)w.span * 10);
        while (tick % 10 == 0) tick /= 10;
        cr_assert(tick == 1 || tick == 2 || tick == 5, "a tick of %ld is not round", (long)tick);
    }
}

/* Events in bursts: in between nothing happens. */
static void some_bursts(struct timeline *t, struct event_kept *events, size_t count, int64_t *end)
{
    int64_t ns = 0;
    for (size_t i = 0; i < count; i++) {
        ns += rand() % 10 ? rand() % 1000 : rand() % 100000000;
        events[i] = (struct event_kept){.ns = ns};
    }
    *t = (struct timeline){.events = events, .event_count = count};
    *end = ns + rand() % 1000;
}

Test(tui_window, idle_time_is_left_out_and_both_clocks_agree)
{
    static struct event_kept events[200];
    srand(2);
    for (int i = 0; i < 3000; i++) {
        struct timeline t;
        struct idle idle;
        int64_t end;
        some_bursts(&t, events, 1 + (size_t)(rand() % 200), &end);
        if (!idle_find(&idle, &t, end)) continue;
        cr_assert_leq(idle_shown(&idle, end), end);
        int64_t before = -1;
        for (size_t k = 0; k < t.event_count;
             k++) { /* nothing that happens is left out, nothing changes places */
            int64_t shown = idle_shown(&idle, events[k].ns);
            cr_assert(shown >= before && (shown > before || events[k].ns == events[k - 1].ns));
            cr_assert_eq(idle_time(&idle, shown), events[k].ns);
            before = shown;
        }
        struct window w = {.columns = 1 + rand() % 300};
        window_fit(&w, end);
        window_leave_out(&w, &idle, end, 0);
        for (int z = rand() % 20; z > 0; z--)
            window_zoom(&w, window_time(&w, rand() % w.columns), end, 1 + rand() % 3, 1 + rand() % 3);
        int column = rand() % w.columns;
        cr_assert_eq(window_column(&w, window_time(&w, column)), column);
        cr_assert_lt(window_column(&w, window_time(&w, column) - 1), column);
        int64_t at = (int64_t)((__int128)end * (rand() % 1000) / 1000);
        window_show(&w, end, at);
        cr_assert(window_column(&w, at) >= 0 && window_column(&w, at) < w.columns);
        window_between(&w, end, at, at / 2);
        cr_assert(window_column(&w, at) < w.columns && window_column(&w, at / 2) >= 0);
    }
}

Test(tui_window, a_busy_run_has_no_idle_time)
{
    static struct event_kept events[1000];
    struct idle idle;
    for (int i = 0; i < 1000; i++) events[i].ns = i * 1000;
    cr_expect_not(idle_find(&idle, &(struct timeline){.events = events, .event_count = 1000}, 999000));
    cr_expect_not(idle_find(&idle, &(struct timeline){.events = events, .event_count = 0}, 0));
}

Test(tui_window, times_are_read_and_written)
{
    char text[40];
    cr_expect_eq(time_parse("1.5s"), 1500000000);
    cr_expect_eq(time_parse("20ms"), 20000000);
    cr_expect_eq(time_parse("300 us"), 300000);
    cr_expect_eq(time_parse("7"), 7000000000);
    cr_expect_eq(time_parse("2.5min"), 150000000000);
    cr_expect_eq(time_parse("1 h"), 3600000000000);
    cr_expect_eq(time_parse("2619641000ns"), 2619641000);
    cr_expect_eq(time_parse("+0.616618"), 616618000);
    cr_expect_eq(time_parse("1e30"), -1);
    cr_expect_eq(time_parse("inf"), -1);
    cr_expect_eq(time_parse("soon"), -1);
    cr_expect_eq(time_parse("-1s"), -1);
    cr_expect_eq(time_parse("nan"), -1);
    cr_expect_eq(time_parse("1e99"), -1);
    cr_expect_str_eq(time_text(1500000000, 100000000, text, sizeof text), "1.5 s");
    cr_expect_str_eq(time_text(20000000, 1000000, text, sizeof text), "20 ms");
    cr_expect_str_eq(time_text(0, 1000, text, sizeof text), "0 s");
}

Test(tui_keys, the_table_is_sound, .init = utf8)
{
    char32_t seen[256];
    size_t count = 0;
    for (const struct action_info *i = action_table; i->help; i++) {
        const char *keys = i->keys ? i->keys : "";
        for (char32_t key; (key = key_next(&keys)); seen[count++] = key) {
            cr_assert_eq(action_of(key), i->action, "%s: another action has this key", i->help);
            for (size_t k = 0; k < count; k++) cr_assert_neq(seen[k], key, "%s: a key twice", i->help);
        }
        cr_assert(!*keys, "%s: %s is no key", i->help, keys);
    }
    cr_expect_eq(action_of(U'Q'), ACTION_NONE);
    const char *script = "<lt><Space><Nonsense>";
    cr_expect_eq(key_next(&script), U'<');
    cr_expect_eq(key_next(&script), U' ');
    cr_expect_eq(key_next(&script), 0);
    cr_expect_str_eq(script, "<Nonsense>");
}

Test(tui_words, what_is_a_bad_end)
{
    struct process p = {.how = END_EXIT, .status = 0, .signal = -1};
    cr_expect_not(process_ended_badly(&p));
    p.status = 30;
    cr_expect(process_ended_badly(&p));
    p.role = "uwsgi worker 1"; /* UWSGI_END_CODE */
    cr_expect_not(process_ended_badly(&p));
    p.status = 22; /* UWSGI_FAILED_APP_CODE */
    cr_expect(process_ended_badly(&p));
    p = (struct process){.how = END_RUNNING, .status = -1, .signal = -1};
    cr_expect_not(process_ended_badly(&p));
    p.how = END_VANISHED;
    cr_expect(process_ended_badly(&p));
    p.how = END_SIGNAL, p.signal = 15;
    cr_expect(process_ended_badly(&p));
}
