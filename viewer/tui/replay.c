/*
 * replay.c: the run again, as it happened (r): the time cursor goes through the
 * window, and nothing to its right is drawn yet. Time is the screen's clock, so
 * idle time that is left out is not sat through.
 */
#include "facts.h"
#include "tui.h"

#define WINDOW_MS 12000 /* what the window takes at speed 1 */
#define FASTEST   6     /* 64 times */
#define SLOWEST   (-6)

static const char *speed_text(const struct tui *tui, char buffer[16])
{
    snprintf(buffer, 16, tui->speed < 0 ? "1/%d" : "%d", 1 << (tui->speed < 0 ? -tui->speed : tui->speed));
    return buffer;
}

static void say(struct tui *tui)
{
    char speed[16], line[120] = "", time[40];
    if (tui->event < tui->timeline->event_count)
        fact_event_line(tui->timeline, tui->event, line, sizeof line);
    tui_say(tui, "replay %s%s× at %s: Space %s, +/- speed, h/l step, r ends it%s%s",
            tui->playing ? "" : "paused, ", speed_text(tui, speed),
            time_text(tui->now, 1000000, time, sizeof time), tui->playing ? "pauses" : "goes on",
            *line ? "   " : "", line);
}

/* The event of any lane that has a row, before or after where we are. */
static event_id neighbour(const struct tui *tui, int by)
{
    const struct timeline *t = tui->timeline;
    size_t i = tui->event < t->event_count ? tui->event + (by > 0) : events_until_now(tui);
    while (by > 0 ? i < t->event_count : i > 0) {
        event_id event = (event_id)(by > 0 ? i++ : --i);
        if (filter_event(&tui->filter, event)) return event;
    }
    return NONE;
}

static void step(struct tui *tui, int by)
{
    event_id event = neighbour(tui, by);
    tui->playing = false;
    if (event == NONE)
        tui->now = by > 0 ? tui->end : 0;
    else
        move_to_event(tui, event);
}

static void start(struct tui *tui)
{
    place_keep(tui);
    tui->replaying = tui->playing = true;
    tui->on_finding = false;
    int64_t from = window_time(&tui->window, 0);
    tui->now = from > 0 ? from : 0;
    tui->event = NONE;
}

bool replay_act(struct tui *tui, enum action action)
{
    if (!tui->replaying && action != ACTION_REPLAY) return false;
    switch (action) {
    case ACTION_REPLAY:
        if (!tui->replaying) {
            start(tui);
            break;
        }
        __attribute__((fallthrough));
    case ACTION_CANCEL:
        tui->replaying = tui->playing = false;
        tui_say(tui, "the replay ends here; b goes back to where you were");
        return true;
    case ACTION_FOLD: tui->playing = !tui->playing && tui->now < tui->end; break;
    case ACTION_ZOOM_IN: tui->speed += tui->speed < FASTEST; break;
    case ACTION_ZOOM_OUT: tui->speed -= tui->speed > SLOWEST; break;
    case ACTION_NEXT_EVENT: step(tui, 1); break;
    case ACTION_PREV_EVENT: step(tui, -1); break;
    default: return false;
    }
    say(tui);
    return true;
}

void replay_tick(struct tui *tui, int ms)
{
    if (!tui->playing) return;
    int64_t by = (int64_t)((__int128)tui->window.span * ms / WINDOW_MS);
    by = tui->speed < 0 ? by >> -tui->speed : by << tui->speed;
    int64_t shown = idle_shown(tui->window.idle, tui->now) + (by > 0 ? by : 1);
    tui->now = idle_time(tui->window.idle, shown);
    tui->event = NONE;
    if (tui->now >= tui->end) {
        tui->now = tui->end;
        tui->playing = false;
    }
    window_show(&tui->window, tui->end, tui->now);
    say(tui);
}
