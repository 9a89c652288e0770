/* shown.c: what is on the screen and what is left out: filters, families, folding, values, idle time. */
#include "tui.h"

#include <string.h>

#define AT_ONCE 400000u /* events a filter goes through before the next frame is due ... */
#define A_LANE  16u     /* ... and a process or thread, whose names it looks at, is as dear as so many */

static void filter_now(struct tui *tui)
{
    char error[120];
    struct index index;
    struct place place = {0};
    bool any = tui->rows.count > 0;
    if (any) place = place_here(tui);
    if (!filter_apply(&tui->filter, tui->timeline, error, sizeof error)) tui_say(tui, "filter: %s", error);
    if (!index_build(&index, tui->timeline, &tui->filter)) {
        tui_say(tui, "not enough memory");
        return;
    }
    index_free(&tui->index);
    tui->index = index;
    rows_build(&tui->rows, tui->timeline);
    if (!tui->rows.count) { /* an empty screen would be a riddle */
        tui_say(tui, "nothing matches: %s", tui->filter.text);
        filter_clear(&tui->filter);
        filter_now(tui);
        return;
    }
    if (!any) return;
    move_stay(tui, place_row(tui, &place));
}

void move_filter_now(struct tui *tui)
{
    if (!tui->filtering) return;
    tui->filtering = false;
    *tui->message = 0;
    filter_now(tui);
}

static bool at_once(const struct timeline *t)
{
    return t->event_count + A_LANE * (t->process_count + t->thread_count) < AT_ONCE;
}

void move_filter(struct tui *tui)
{
    tui->filtering = true;
    tui_say(tui, "filtering %zu events", tui->timeline->event_count);
    if (at_once(tui->timeline)) move_filter_now(tui);
}

/* The filter before the prompt, with other words; the reader is where he was then, if that has a row. */
static void filter_as_asked(struct tui *tui, const char *text)
{
    memcpy(tui->filter.family, tui->asked.family, sizeof tui->filter.family);
    tui->filter.families = tui->asked.families;
    memcpy(tui->filter.text, text, sizeof tui->filter.text);
    filter_now(tui);
    const struct place *place = &tui->asked_place;
    if (!tui->following) tui->now = place->now;
    move_stay(tui, place_row(tui, place));
    if (tui->following) return;
    bool shown = place_is_row(tui, place, (uint32_t)tui->row) && place->event < tui->timeline->event_count &&
                 filter_event(&tui->filter, place->event);
    if (place->event == NONE || shown) tui->event = place->event; /* else what is there on this lane */
}

void filter_try(struct tui *tui)
{
    if (at_once(tui->timeline) && tui->rows.count) filter_as_asked(tui, tui->typed);
}

void filter_forget(struct tui *tui)
{
    if (!at_once(tui->timeline) || !tui->rows.count) return;
    filter_as_asked(tui, tui->asked.text);
    *tui->message = 0;
}

static void choose(struct tui *tui)
{
    process_id p = tui->rows.row[tui->row].process;
    size_t i = 0;
    while (i < tui->chosen_count && tui->chosen[i] != p) i++;
    if (i < tui->chosen_count)
        tui->chosen[i] = tui->chosen[--tui->chosen_count];
    else if (i < FAMILIES)
        tui->chosen[tui->chosen_count++] = p;
    else
        tui_say(tui, "%d are chosen, no more can be", FAMILIES);
    if (!tui->chosen_count)
        tui_say(tui, "none is chosen any more");
    else if (!*tui->message)
        tui_say(tui, "%zu chosen: o shows only them and their kin; Esc forgets them", tui->chosen_count);
}

static void only_family(struct tui *tui)
{
    struct filter *f = &tui->filter;
    bool on = !f->families;
    f->families = !on ? 0 : tui->chosen_count ? tui->chosen_count : 1;
    memcpy(f->family, tui->chosen, sizeof f->family);
    if (on && !tui->chosen_count) f->family[0] = tui->rows.row[tui->row].process;
    move_filter(tui);
    if (tui->filtering) return;
    tui_say(tui, !on                 ? "all processes"
                 : tui->chosen_count ? "only the chosen processes and their kin: o or Esc shows all"
                                     : "only this process and its kin: o or Esc shows all");
}

static void leave_out_idle(struct tui *tui)
{
    bool leave = !tui->window.idle;
    if (leave && !idle_find(&tui->idle, tui->timeline, tui->end)) {
        tui_say(tui, "no idle time worth leaving out in this run");
        return;
    }
    window_leave_out(&tui->window, leave ? &tui->idle : NULL, tui->end, tui->now);
    move_zoom(tui, 1, 1);
    tui_say(tui, leave ? "idle time is left out where the lanes break: z shows it" : "idle time is shown");
}

static void fold(struct tui *tui)
{
    process_id p = tui->rows.row[tui->row].process;
    if (!tui->rows.row[tui->rows.of_process[p]].parent) {
        tui_say(tui, "nothing to fold: no threads or children");
        return;
    }
    tui->rows.folded[p] = !tui->rows.folded[p];
    rows_build(&tui->rows, tui->timeline);
    move_stay(tui, tui->rows.of_process[p]);
}

static void fold_all(struct tui *tui)
{
    process_id p = tui->rows.row[tui->row].process;
    bool any = false;
    for (size_t i = 0; i < tui->rows.process_count; i++) any |= tui->rows.folded[i];
    for (size_t i = 0; i < tui->rows.process_count; i++) tui->rows.folded[i] = !any;
    rows_build(&tui->rows, tui->timeline);
    move_stay(tui, tui->rows.of_process[p]);
}

static void show_copies(struct tui *tui)
{
    static const char *const what[] = {"values: globals that diverged or are watched", "values: every global",
                                       "values: none"};
    struct place place = place_here(tui);
    tui->rows.copies = (uint8_t)((tui->rows.copies + 1) % COPIES_COUNT);
    rows_build(&tui->rows, tui->timeline);
    move_stay(tui, place_row(tui, &place));
    tui_say(tui, "%s",
            tui->timeline->global_count ? what[tui->rows.copies]
                                        : "no module global was recorded in this run");
}

bool shown_act(struct tui *tui, enum action action)
{
    switch (action) {
    case ACTION_IDLE: leave_out_idle(tui); break;
    case ACTION_FOLD: fold(tui); break;
    case ACTION_FOLD_ALL: fold_all(tui); break;
    case ACTION_VALUES: show_copies(tui); break;
    case ACTION_CHOOSE: choose(tui); break;
    case ACTION_FAMILY: only_family(tui); break;
    default: return false;
    }
    return true;
}
