/*
 * search.c: find a regular expression (POSIX extended; or else the text itself)
 * in the names of lanes and in what events say. Matches
 * are visited in the order of time, so that the next one is always later; a
 * lane whose name matches counts as a match at its start.
 */
#define _GNU_SOURCE
#include <regex.h>
#include <string.h>
#include <time.h>

#include "facts.h"
#include "tui.h"

#define AT_ONCE       8   /* ms: what is found so soon is there in the next frame */
#define LOOK_AT_CLOCK 64u /* events */

struct sought {
    regex_t regex;
    bool literal; /* it is no regular expression */
    const char *text;
};

static bool matches(const struct sought *s, const char *text)
{
    return s->literal ? strcasestr(text, s->text) != NULL : !regexec(&s->regex, text, 0, NULL, 0);
}

static bool lane_matches(const struct tui *tui, const struct sought *s, const struct row *row)
{
    const struct timeline *t = tui->timeline;
    char text[300], number[16];
    const struct process *p = &t->processes[row->process];
    bool process = row->kind == ROW_PROCESS;
    snprintf(number, sizeof number, "%u",
             process                         ? p->pid
             : row->thread < t->thread_count ? t->threads[row->thread].tid
                                             : 0);
    if (!strcmp(number, tui->search)) return true;
    const char *name =
        process ? process_name(t, row->process) : thread_name(t, row->thread, text, sizeof text);
    return matches(s, name);
}

static bool event_matches(const struct tui *tui, const struct sought *s, event_id event)
{
    char text[600];
    fact_event_line(tui->timeline, event, text, sizeof text);
    return matches(s, text);
}

static event_id event_from(const struct tui *tui, int direction)
{
    const struct timeline *t = tui->timeline;
    if (tui->event < t->event_count) return tui->event;
    size_t until = events_until_now(tui);
    return (event_id)(direction > 0 ? until + t->event_count - 1 : until);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The next lane (or the one before) whose name matches, wrapping around. */
static bool find_lane(struct tui *tui, const struct sought *s, int64_t until)
{
    struct seeking *at = &tui->seeking;
    size_t n = tui->rows.count;
    while (at->lanes < n) {
        size_t i = (at->row + (at->direction > 0 ? at->lanes + 1 : 2 * n - at->lanes - 1)) % n;
        const struct row *row = &tui->rows.row[i];
        at->lanes++;
        if (lane_matches(tui, s, row)) {
            int64_t start = row_start(tui->timeline, row), end = row_end(tui->timeline, row, tui->end);
            move_to(tui, (uint32_t)i, tui->now < start ? start : tui->now > end ? end : tui->now, NONE);
            return true;
        }
        if (at->lanes % LOOK_AT_CLOCK == 0 && now_ms() >= until) return false;
    }
    return false;
}

/* The next event that matches, if there is one among those that can be looked at in time. */
static bool find_event(struct tui *tui, const struct sought *s, int64_t until)
{
    struct seeking *at = &tui->seeking;
    size_t n = tui->timeline->event_count;
    if (at->lanes < tui->rows.count) return false;
    while (at->step <= n) {
        event_id i = (event_id)((at->from + (at->direction > 0 ? at->step : 2 * n - at->step)) % n);
        at->step++;
        if (filter_event(&tui->filter, i) && event_matches(tui, s, i)) {
            move_to_event(tui, i);
            return true;
        }
        if (at->step % LOOK_AT_CLOCK == 0 && now_ms() >= until) return false;
    }
    return false;
}

static struct sought sought(const struct tui *tui)
{
    struct sought s = {.text = tui->search};
    s.literal = regcomp(&s.regex, tui->search, REG_EXTENDED | REG_ICASE) != 0;
    return s;
}

static void forget(struct sought *s)
{
    if (!s->literal) regfree(&s->regex);
}

/* The expression of the last frame, which is nearly always that of this one, too. */
static const struct sought *sought_before(const struct tui *tui)
{
    static struct sought s;
    static char text[sizeof tui->search];
    if (!s.text || strcmp(text, tui->search)) {
        if (s.text) forget(&s);
        memcpy(text, tui->search, sizeof text);
        s = sought(tui);
        s.text = text;
    }
    return &s;
}

/* The next match at or after `from`: its start and end in *match. Empty ones do not count. */
static bool match_from(const struct sought *s, const char *text, size_t from, regmatch_t *match)
{
    if (s->literal) {
        const char *at = strcasestr(text + from, s->text);
        if (at)
            *match = (regmatch_t){.rm_so = (regoff_t)(at - text),
                                  .rm_eo = (regoff_t)(at - text + (ptrdiff_t)strlen(s->text))};
        return at != NULL;
    }
    if (regexec(&s->regex, text + from, 1, match, from ? REG_NOTBOL : 0)) return false;
    match->rm_so += (regoff_t)from, match->rm_eo += (regoff_t)from;
    return match->rm_eo > match->rm_so;
}

static int columns_to(const struct grid *g, const char *text, regoff_t bytes)
{
    char part[1200];
    snprintf(part, sizeof part, "%.*s", (int)bytes, text);
    return grid_width(g, part, 1000);
}

void search_light(struct tui *tui, int x, int y, int width, const char *text)
{
    regmatch_t match;
    if (!*tui->search) return;
    const struct sought *s = sought_before(tui);
    for (size_t from = 0; match_from(s, text, from, &match); from = (size_t)match.rm_eo) {
        int first = columns_to(&tui->grid, text, match.rm_so),
            last = columns_to(&tui->grid, text, match.rm_eo);
        for (int i = first; i < last && i < width; i++) {
            struct cell *cell = grid_at(&tui->grid, x + i, y);
            if (cell) cell->style = STYLE_MATCH;
        }
        if (last >= width) return;
    }
}

void search_go_on(struct tui *tui, int ms)
{
    struct seeking *at = &tui->seeking;
    size_t n = tui->timeline->event_count;
    if (!at->direction) return;
    struct sought s = sought(tui);
    int64_t until = now_ms() + ms;
    bool found = find_lane(tui, &s, until) || find_event(tui, &s, until);
    forget(&s);
    if (found) {
        at->direction = 0;
        *tui->message = 0;
    } else if (at->step > n) {
        at->direction = 0;
        tui_say(tui, "not found: %s", tui->search);
    } else {
        tui_say(tui, "looking for %.60s: %zu %% of %zu events; any key ends it", tui->search,
                at->step * 100 / n, n);
    }
}

void search_find(struct tui *tui, int direction)
{
    if (!*tui->search) {
        tui_say(tui, "nothing to search for yet: / asks");
        return;
    }
    tui->seeking = (struct seeking){direction, tui->row, 0, event_from(tui, direction), 1};
    search_go_on(tui, AT_ONCE);
}

bool search_act(struct tui *tui, enum action action)
{
    if (action != ACTION_SEARCH && action != ACTION_NEXT_MATCH && action != ACTION_PREV_MATCH) return false;
    if (action == ACTION_SEARCH) {
        prompt_open(tui, PROMPT_SEARCH);
    } else {
        place_keep(tui);
        tui->on_finding = false;
        search_find(tui, action == ACTION_NEXT_MATCH ? 1 : -1);
    }
    return true;
}
