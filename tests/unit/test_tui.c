/*
 * test_tui.c: lanes, rows, filters and values of made-up runs, and the whole
 * screen under random keys, also on damaged traces. Its parts:
 * test_tui_parts.c; what it looks like: tests/golden/screens.sh.
 */
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

/* --- lanes of made-up timelines ----------------------------------------------------------------- */

static struct timeline *made_up(size_t processes, size_t threads_each, size_t events)
{
    struct timeline *t = calloc(1, sizeof *t);
    struct build *b = t->private = calloc(1, sizeof *b);
    t->process_count = processes;
    t->thread_count = processes * threads_each;
    t->event_count = events;
    t->processes = calloc(processes, sizeof *t->processes);
    t->threads = calloc(t->thread_count, sizeof *t->threads);
    t->events = calloc(events + 1, sizeof *t->events);
    t->abouts = calloc(events + 1, sizeof *t->abouts);
    b->processes = calloc(processes, sizeof *b->processes);
    b->threads = calloc(t->thread_count, sizeof *b->threads);
    for (process_id p = 0; p < processes; p++) {
        thread_id first = (thread_id)(p * threads_each);
        t->processes[p] = (struct process){.pid = p + 1,
                                           .parent = NONE,
                                           .created_by = NONE,
                                           .main = first,
                                           .fork = NONE,
                                           .end = NEVER,
                                           .exit = NONE,
                                           .reap = NONE,
                                           .reaped_by = NONE};
        b->processes[p].first = first;
        for (thread_id i = first; i < first + threads_each; i++) {
            t->threads[i] = (struct thread){.process = p,
                                            .tid = i,
                                            .created_by = NONE,
                                            .create = NONE,
                                            .end = NEVER,
                                            .is_main = i == first,
                                            .cpu_ns = -1};
            b->threads[i].next = i + 1 < first + threads_each ? i + 1 : NONE;
        }
    }
    for (event_id i = 0; i < events; i++) {
        thread_id thread = (thread_id)((size_t)rand() % t->thread_count);
        t->end = i ? t->events[i - 1].ns + rand() % 3 : 0;
        t->events[i] = (struct event_kept){.ns = t->end, .about = i};
        t->abouts[i] = (struct event_about){.process = t->threads[thread].process,
                                            .thread = thread,
                                            .child = NONE,
                                            .type = (uint8_t)(rand() % 50 ? EVENT_SIGMASK : EVENT_SIGACTION)};
    }
    return t;
}

static void forget(struct timeline *t)
{
    struct build *b = t->private;
    free(b->processes), free(b->threads), free(b);
    free(t->processes), free(t->threads), free(t->events), free(t->abouts), free(t);
}

Test(tui_index, finds_what_a_walk_finds)
{
    struct timeline *t = made_up(3, 2, 40000);
    struct index ix;
    cr_assert(index_build(&ix, t, NULL));
    for (thread_id lane = 0; lane < t->thread_count; lane++) {
        uint32_t first = ix.first[lane], end = ix.first[lane + 1];
        for (uint32_t i = first; i < end; i++) {
            cr_assert_eq(EVENT_AT(t, ix.events[i])->thread, lane);
            cr_assert_eq(index_of(&ix, lane, ix.events[i]), i);
        }
        for (int n = 0; n < 200; n++) {
            int64_t ns = rand() % (t->end + 2);
            uint32_t at = index_at(&ix, lane, ns);
            cr_assert(at == end || t->events[ix.events[at]].ns >= ns);
            cr_assert(at == first || t->events[ix.events[at - 1]].ns < ns);
            if (at == end) continue;
            int64_t later = ns + rand() % (t->end / 10 + 1);
            cr_assert_eq(index_next(&ix, at, end, later), index_at(&ix, lane, later));
            uint32_t to = at + 1 + (uint32_t)rand() % (end - at), best = at;
            for (uint32_t i = at; i < to; i++)
                if (mark_of(EVENT_AT(t, ix.events[i]))->strength >
                    mark_of(EVENT_AT(t, ix.events[best]))->strength)
                    best = i;
            cr_assert_eq(index_strongest(&ix, at, to), ix.events[best]);
        }
    }
    index_free(&ix);
    forget(t);
}

Test(tui_rows, a_chain_of_100000_processes_and_folding)
{
    struct timeline *t = made_up(100000, 2, 1);
    for (process_id p = 1; p < t->process_count; p++) t->processes[p].parent = p - 1;
    struct rows rows = {0};
    cr_assert(rows_build(&rows, t));
    cr_assert_eq(rows.count, t->thread_count);
    cr_assert_eq(rows.row[rows.of_process[99999]].process, 99999u);
    rows.folded[50] = true;
    cr_assert(rows_build(&rows, t));
    cr_assert_eq(rows.count, 101u); /* 50 processes with a thread each, and the folded one */
    cr_assert_eq(rows.of_process[99999], rows.of_process[50]);
    cr_assert_eq(rows.row[rows.of_process[50]].hidden, 2u * (100000 - 50) - 1);
    rows_free(&rows);
    forget(t);
}

Test(tui_filter, keeps_what_matches_and_its_parents)
{
    struct timeline *t = made_up(4, 2, 1000);
    struct filter f = {0};
    char error[100] = "";
    t->processes[1].parent = 0, t->processes[2].parent = 1, t->processes[3].parent = 0;
    strcpy(f.text, "p:^3$"); /* the pid of process 2 */
    cr_assert(filter_apply(&f, t, error, sizeof error) && filter_on(&f));
    for (process_id p = 0; p < 4; p++) cr_expect_eq(filter_process(&f, p), p != 3);
    for (event_id e = 0; e < 1000; e++) cr_expect_eq(filter_event(&f, e), EVENT_AT(t, e)->process == 2);
    strcpy(f.text, "k:sigaction !p:^1$");
    cr_assert(filter_apply(&f, t, error, sizeof error));
    for (event_id e = 0; e < 1000; e++)
        cr_expect_eq(filter_event(&f, e),
                     EVENT_AT(t, e)->type == EVENT_SIGACTION && EVENT_AT(t, e)->process != 0);
    *f.text = 0;
    f.family[0] = 1, f.families = 1;
    cr_assert(filter_apply(&f, t, error, sizeof error) && filter_on(&f));
    for (process_id p = 0; p < 4; p++) cr_expect_eq(filter_process(&f, p), p != 3);
    f.family[0] = 3; /* itself and its parent */
    cr_assert(filter_apply(&f, t, error, sizeof error) && filter_on(&f));
    for (process_id p = 0; p < 4; p++) cr_expect_eq(filter_process(&f, p), p == 0 || p == 3);
    f.family[0] = 3, f.family[1] = 2, f.families = 2;
    cr_assert(filter_apply(&f, t, error, sizeof error) && filter_on(&f));
    for (process_id p = 0; p < 4; p++) cr_expect(filter_process(&f, p));
    f.families = 0;
    strcpy(f.text, "("); /* no regular expression: everything stays */
    cr_expect_not(filter_apply(&f, t, error, sizeof error));
    cr_expect(*error && !filter_on(&f) && filter_event(&f, 0));
    filter_clear(&f);
    forget(t);
}

Test(tui_filter, a_ring_of_parents_ends)
{
    struct timeline *t = made_up(3, 1, 0);
    struct filter f = {.family = {2}, .families = 1};
    char error[100];
    t->processes[0].parent = 1, t->processes[1].parent = 0;
    cr_assert(filter_apply(&f, t, error, sizeof error));
    cr_expect(filter_process(&f, 2) && !filter_process(&f, 0) && !filter_process(&f, 1));
    filter_clear(&f);
    f.family[0] = 0, f.families = 1;
    cr_assert(filter_apply(&f, t, error, sizeof error));
    cr_expect(filter_process(&f, 0) && filter_process(&f, 1) && !filter_process(&f, 2));
    filter_clear(&f);
    forget(t);
}

static void check_cells(const struct grid *g)
{
    for (int i = 0; i < g->width * g->height; i++) {
        const struct cell *c = &g->cells[i];
        cr_assert(c->ch == 0 || (c->ch >= 0x20 && !(c->ch >= 0x7f && c->ch < 0xa0)), "control character %x",
                  c->ch);
        cr_assert(!g->ascii || c->ch < 0x7f, "%x is not ASCII", c->ch);
        cr_assert(c->style < STYLE_COUNT);
        cr_assert(c->ch != 0 || i % g->width, "half a character at the left edge");
    }
}

static char32_t random_key(void)
{
    size_t n = 0;
    while (action_table[n].help) n++;
    const struct action_info *i = &action_table[(size_t)rand() % n];
    const char *keys = i->keys ? i->keys : "x";
    return i->action == ACTION_QUIT ? U'7' : key_next(&keys);
}

static void play(struct timeline *t, int keys)
{
    struct tui tui;
    cr_assert(tui_open(&tui, t, "name\033[2J", 1 + rand() % 200, 1 + rand() % 60, rand() % 2));
    tui.live = rand() % 2;
    for (int k = 0; k < keys; k++) {
        tui_key(&tui, rand() % 20 ? random_key() : (char32_t)(rand() % 300));
        if (rand() % 30 == 0) cr_assert(tui_resize(&tui, 1 + rand() % 200, 1 + rand() % 60));
        if (rand() % 30 == 0) cr_assert(tui_renew(&tui, t, rand() % 2));
        tui_draw(&tui);
        check_cells(&tui.grid);
        cr_assert(!tui.rows.count || tui.row < tui.rows.count);
    }
    tui_close(&tui);
}

Test(tui, random_keys_on_a_made_up_run, .init = utf8)
{
    srand(7);
    for (int i = 0; i < 20; i++) {
        struct timeline *t = made_up(1 + (size_t)rand() % 40, 1 + (size_t)rand() % 4, (size_t)rand() % 3000);
        for (process_id p = 1; p < t->process_count; p++)
            if (rand() % 4) t->processes[p].parent = (process_id)rand() % p;
        play(t, 200);
        forget(t);
    }
}

/* Golden traces with bytes turned over: whatever the model makes of them, the screen stands. */
Test(tui, random_keys_on_damaged_traces, .init = utf8, .timeout = 120)
{
    static const char *const traces[] = {"tests/golden/uwsgi.ftrace", "tests/golden/waits.ftrace",
                                         "tests/golden/values.ftrace"};
    static char bytes[200000];
    srand(11);
    int played = 0;
    for (int i = 0; i < 60; i++) {
        char path[] = "/tmp/forktrace-tui-XXXXXX";
        FILE *in = fopen(traces[i % 3], "r");
        cr_assert(in, "run the tests from the top folder");
        size_t size = fread(bytes, 1, sizeof bytes, in);
        fclose(in);
        for (int k = i / 3; k > 0; k--) bytes[4096 + (size_t)rand() % (size - 4096)] = (char)rand();
        int fd = mkstemp(path);
        cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
        close(fd);
        struct ft_reader reader;
        if (ft_reader_open(&reader, path, true) == FT_READ_OK) {
            struct timeline *t = timeline_build(&reader, NULL, NULL, NULL);
            cr_assert(t);
            play(t, 100);
            played++;
            timeline_free(t);
            ft_reader_close(&reader);
        }
        unlink(path);
    }
    cr_assert_gt(played, 30);
}

/* Every write of a watched copy is a point, and what holds in between is the write before. */
Test(tui_values, what_holds_at_a_time_is_what_was_written_last)
{
    struct ft_reader reader;
    cr_assert_eq(ft_reader_open(&reader, "tests/golden/values.ftrace", true), FT_READ_OK);
    struct timeline *t = timeline_build(&reader, NULL, NULL, NULL);
    struct values v;
    struct point point;
    cr_assert(t && values_build(&v, t));
    cr_assert(t->global_count && t->globals[0].diverged, "the trace has a global that diverged");
    copy_id master = t->globals[0].first;
    uint32_t writes = 0;
    for (event_id i = 0; i < t->event_count; i++) {
        const struct event *e = EVENT_AT(t, i);
        if (e->type != EVENT_WRITE || e->child != 0 || e->process != t->copies[master].process) continue;
        writes++;
        cr_assert(values_at(&v, master, e->ns, &point));
        cr_assert_eq(point.event, i);
        cr_assert_eq(point.value.bits, timeline_written(t, e).bits);
        cr_assert(values_at(&v, master, e->ns - 1, &point));
        cr_assert_neq(point.event, i);
        cr_assert_eq(values_apart(&v, master, e->ns), e->ns > v.split[master]);
    }
    cr_assert_eq(writes, t->copies[master].writes);
    cr_assert_eq(t->globals[0].count, 3u);
    for (copy_id c = master + 1; c < master + 3; c++) { /* the workers keep what the fork gave them */
        const struct copy *copy = &t->copies[c];
        cr_assert(!values_at(&v, c, copy->born - 1, &point));
        cr_assert(values_at(&v, c, copy->born, &point));
        cr_assert_eq(point.kind, POINT_BIRTH);
        cr_assert_eq(point.value.bits, 1u);
        cr_assert(!values_apart(&v, c, copy->born));
    }
    values_free(&v);
    timeline_free(t);
    ft_reader_close(&reader);
}

static size_t source_lines(const char *file, uint32_t line)
{
    static struct image image = {.cwd = "/tmp"};
    static struct process process = {.images = &image, .image_count = 1};
    struct timeline t = {.processes = &process, .process_count = 1, .realtime = INT64_MAX};
    struct facts f = {.timeline = &t};
    facts_add_source(&f, &(struct event){0}, file, line);
    size_t count = f.count;
    facts_free(&f);
    return count;
}

Test(tui_source, only_regular_files_are_opened, .timeout = 10)
{
    char path[] = "/tmp/forktrace-source-XXXXXX", fifo[sizeof path + 5];
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, "one\ntwo\nthree\nfour", 18), 18);
    close(fd);
    cr_expect_eq(source_lines(path, 2), 3u);
    cr_expect_eq(source_lines(path + 5, 2), 3u, "relative to where the process ran");
    cr_expect_eq(source_lines(path, 4), 2u);
    cr_expect_eq(source_lines(path, 1), 2u);
    cr_expect_eq(source_lines(path, 400), 0u);
    cr_expect_eq(source_lines(path, UINT32_MAX), 0u);
    snprintf(fifo, sizeof fifo, "%s.fifo", path);
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    cr_expect_eq(source_lines(fifo, 1), 0u); /* and does not wait for a writer */
    cr_expect_eq(source_lines("/dev/zero", 1), 0u);
    cr_expect_eq(source_lines("/tmp", 1), 0u);
    unlink(fifo);
    unlink(path);
}
