/*
 * search.c: find a regular expression (POSIX extended; or else the text itself)
 * in the names of lanes and in what events say. Matches
 * are visited in the order of time, so that the next one is always later; a
 * lane whose name matches counts as a match at its start.
 */
#define _GNU_SOURCE
#include <regex.h>
#include <string.h>

#include "facts.h"
#include "tui.h"

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

/* The lane after (before) the selected one whose name matches, wrapping around. */
static bool find_lane(struct tui *tui, const struct sought *s, int direction)
{
    size_t n = tui->rows.count;
    for (size_t step = 1; step <= n; step++) {
        size_t i = (tui->row + (direction > 0 ? step : 2 * n - step)) % n;
        const struct row *row = &tui->rows.row[i];
        if (!lane_matches(tui, s, row)) continue;
        int64_t start = row_start(tui->timeline, row), end = row_end(tui->timeline, row, tui->end);
        move_to(tui, (uint32_t)i, tui->now < start ? start : tui->now > end ? end : tui->now, NONE);
        return true;
    }
    return false;
}

static event_id event_from(const struct tui *tui, int direction)
{
    const struct timeline *t = tui->timeline;
    if (tui->event < t->event_count) return tui->event;
    size_t low = 0, high = t->event_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->events[middle].ns <= tui->now)
            low = middle + 1;
        else
            high = middle;
    }
    return (event_id)(direction > 0 ? low + t->event_count - 1 : low);
}

static bool find_event(struct tui *tui, const struct sought *s, int direction)
{
    size_t n = tui->timeline->event_count;
    if (!n) return false;
    size_t from = event_from(tui, direction);
    for (size_t step = 1; step <= n; step++) {
        event_id i = (event_id)((from + (direction > 0 ? step : 2 * n - step)) % n);
        if (!filter_event(&tui->filter, i) || !event_matches(tui, s, i)) continue;
        move_to_event(tui, i);
        return true;
    }
    return false;
}

void search_find(struct tui *tui, int direction)
{
    if (!*tui->search) {
        tui_say(tui, "nothing to search for yet: / asks");
        return;
    }
    struct sought s = {.text = tui->search};
    s.literal = regcomp(&s.regex, tui->search, REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0;
    if (!find_lane(tui, &s, direction) && !find_event(tui, &s, direction))
        tui_say(tui, "not found: %s", tui->search);
    if (!s.literal) regfree(&s.regex);
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
