/* idle.c: gaps between events, and the arithmetic of leaving them out. */
#include "idle.h"

/* What happens next at or after `from`: an event, the end of a wait; events are in order of time. */
static void note(struct idle *idle, int64_t from, int64_t to, int64_t least)
{
    if (to - from < least || idle->count > IDLE_MOST) return;
    idle->gap[idle->count++] = (struct idle_gap){from, to, 0};
}

#define STRIDE 64u

bool idle_find(struct idle *idle, const struct timeline *t, int64_t end)
{
    int64_t least = end / IDLE_MOST, last = 0, left_out = 0;
    *idle = (struct idle){0};
    if (least < 1) return false;
    for (event_id i = 0; i < t->event_count; i++) {
        event_id ahead = i + STRIDE; /* no gap is between two events that are closer than one */
        while (ahead < t->event_count && t->events[ahead].ns <= end && t->events[ahead].ns - last < least) {
            if (t->events[ahead].ns > last) last = t->events[ahead].ns;
            i = ahead, ahead += STRIDE;
        }
        int64_t ns = t->events[i].ns;
        if (ns > end) break; /* a damaged file may have any times */
        if (ns <= last) continue;
        note(idle, last, ns, least);
        last = ns;
    }
    note(idle, last, end, least);
    if (!idle->count) return false;
    for (size_t i = 0; i < idle->count; i++) left_out += idle->gap[i].end - idle->gap[i].start;
    /* all of them together never take more than a third of the screen, one alone a twelfth */
    int64_t busy = end - left_out, one = busy / 11, all = busy / 2 / (int64_t)idle->count;
    idle->width = one < all ? one : all;
    if (idle->width < 1) idle->width = 1;
    if (idle->width > least) idle->width = least;
    left_out = 0;
    for (size_t i = 0; i < idle->count; i++) {
        idle->gap[i].shown = idle->gap[i].start - left_out;
        left_out += idle->gap[i].end - idle->gap[i].start - idle->width;
    }
    return true;
}

/* The last gap that starts before a time of one of the clocks. */
static const struct idle_gap *before(const struct idle *idle, int64_t time, bool shown)
{
    size_t low = 0, high = idle ? idle->count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((shown ? idle->gap[middle].shown : idle->gap[middle].start) < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &idle->gap[low - 1] : NULL;
}

int64_t idle_shown(const struct idle *idle, int64_t ns)
{
    const struct idle_gap *gap = before(idle, ns, false);
    if (!gap) return ns;
    if (ns >= gap->end) return gap->shown + idle->width + (ns - gap->end);
    return gap->shown + (int64_t)((__int128)(ns - gap->start) * idle->width / (gap->end - gap->start));
}

int64_t idle_time(const struct idle *idle, int64_t shown)
{
    const struct idle_gap *gap = before(idle, shown, true);
    if (!gap) return shown;
    if (shown >= gap->shown + idle->width) return gap->end + (shown - gap->shown - idle->width);
    __int128 scaled = (__int128)(shown - gap->shown) * (gap->end - gap->start);
    return gap->start +
           (int64_t)((scaled + idle->width - 1) / idle->width); /* the first that is shown there */
}

const struct idle_gap *idle_at(const struct idle *idle, int64_t ns)
{
    const struct idle_gap *gap = before(idle, ns, false);
    return gap && ns < gap->end ? gap : NULL;
}
