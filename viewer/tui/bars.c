/* bars.c: the lines around the lanes: title, rule, and the keys at the bottom. */
#include "tui.h"
#include "viewer/text.h"

#include <inttypes.h>
#include <string.h>

void title_draw(struct tui *tui, struct area a)
{
    const struct timeline *t = tui->timeline;
    struct grid *g = &tui->grid;
    char text[200], time[TEXT_SHORT];
    char lost[32];
    uint64_t count = 0;
    for (unsigned reason = 0; t->reader && reason < FT_LOST_COUNT; reason++)
        count += ft_reader_lost(t->reader, (enum ft_lost)reason);
    snprintf(lost, sizeof lost, "%" PRIu64 " records lost", count);
    char live[64];
    snprintf(live, sizeof live, "LIVE%s%s%s", tui->fate ? ", file " : "", tui->fate ? tui->fate : "",
             tui->following ? "" : ", End follows");
    const char *state = tui->live     ? live
                        : tui->fate   ? tui->fate
                        : t->complete ? "complete"
                        : count       ? lost
                                      : "incomplete";
    int right = a.width - (int)strlen(state) - 1;
    int x = 1 + grid_text(g, 1, a.y, right - 2, STYLE_TITLE, tui->file);
    snprintf(text, sizeof text, "  %s · %zu process%s", text_duration(time, tui->end), t->process_count,
             t->process_count == 1 ? "" : "es");
    x += grid_text(g, x, a.y, right - x - 1, STYLE_NORMAL, text);
    if (filter_on(&tui->filter)) {
        snprintf(text, sizeof text, " · %s%.100s: %zu lane%s", *tui->filter.text ? "filter " : "family",
                 tui->filter.text, tui->rows.count, tui->rows.count == 1 ? "" : "s");
        x += grid_text(g, x, a.y, right - x - 1, STYLE_SIGNAL, text);
    } else if (tui->lost_threads) {
        snprintf(text, sizeof text, "%u thread%s lost at %u fork%s", tui->lost_threads,
                 tui->lost_threads == 1 ? "" : "s", tui->lossy_forks, tui->lossy_forks == 1 ? "" : "s");
        x += grid_text(g, x, a.y, right - x - 1, STYLE_NORMAL, " · ");
        x += grid_text(g, x, a.y, right - x - 1, STYLE_GHOST, text);
    }
    if (x < right)
        grid_text(g, right, a.y, a.width - right,
                  tui->fate     ? STYLE_TROUBLE
                  : tui->live   ? STYLE_LIVE
                  : t->complete ? STYLE_DIM
                                : STYLE_TROUBLE,
                  state);
}

/* What the bar calls an action now: as in the table, but for what means something else here. */
static const char *word_of(const struct tui *tui, const struct action_info *i)
{
    if (!tui->over) return i->action == ACTION_PREV_TROUBLE && *tui->search ? "match" : i->bar;
    return i->action == ACTION_DOWN     ? ""
           : i->action == ACTION_UP     ? "scroll"
           : i->action == ACTION_FOLD   ? "page"
           : i->action == ACTION_CANCEL ? "leave"
                                        : NULL;
}

/* Keys and words of one action, or of all (ACTION_NONE), as far as there is room; takes it from the area. */
static void draw_keys(struct tui *tui, struct area *a, enum action only)
{
    struct grid *g = &tui->grid;
    char keys[80] = "", one[32];
    for (const struct action_info *i = action_table; i->help; i++) {
        const char *word = word_of(tui, i);
        if (!i->keys || !word ||
            (only ? i->action != only : i->action == ACTION_HELP || i->action == ACTION_QUIT))
            continue;
        size_t used = strlen(keys);
        key_labels(i, g->ascii, one, sizeof one);
        snprintf(keys + used, sizeof keys - used, "%s%.*s", used ? "/" : "", (int)strcspn(one, " "), one);
        if (!*word) continue; /* shares the word of the next */
        int first = grid_width(g, keys, 40), second = grid_width(g, word, 60);
        if (first + 1 + second > a->width) return;
        grid_text(g, a->x, a->y, first, STYLE_KEY, keys);
        grid_text(g, a->x + first + 1, a->y, second, STYLE_DIM, word);
        if (tui->button_count < sizeof tui->buttons / sizeof *tui->buttons)
            tui->buttons[tui->button_count++] = (struct button){a->x, first + 1 + second, i};
        a->x += first + second + 3;
        a->width -= first + second + 3;
        *keys = 0;
    }
}

void bar_draw(struct tui *tui, struct area a)
{
    struct grid *g = &tui->grid;
    tui->button_count = 0;
    if (tui->prompt) {
        prompt_draw(tui, a);
        return;
    }
    if (*tui->message) {
        grid_text(g, a.x + 1, a.y, a.width - 1, STYLE_NORMAL, tui->message);
        return;
    }
    struct area rest = {a.x + 1, a.y, a.width - 1, 1};
    if (tui->over) {
        char more[40] = "";
        int left = tui->over_most - tui->over_scroll;
        if (left > 0) snprintf(more, sizeof more, "%d more line%s", left, left == 1 ? "" : "s");
        draw_keys(tui, &rest, ACTION_NONE);
        int wide = (int)strlen(more);
        if (wide < rest.width) grid_text(g, a.x + a.width - wide - 1, a.y, wide, STYLE_DIM, more);
        return;
    }
    struct area right = {a.x + a.width - 15, a.y, 15, 1}; /* the way to all others never gives way */
    if (right.x > 15) {
        draw_keys(tui, &right, ACTION_HELP);
        draw_keys(tui, &right, ACTION_QUIT);
        rest.width -= 16;
    }
    draw_keys(tui, &rest, ACTION_NONE);
}

void rule_draw(struct tui *tui, struct area a)
{
    bool upright = a.width == 1 && a.height > 1;
    char text[60];
    enum style style = tui->on_details ? STYLE_TITLE : STYLE_RULE;
    for (int i = 0; i < (upright ? a.height : a.height ? a.width : 0); i++)
        grid_line(&tui->grid, a.x + (upright ? 0 : i), a.y + (upright ? i : 0),
                  upright ? LINE_UP | LINE_DOWN : LINE_LEFT | LINE_RIGHT, style, false);
    if (upright || !a.height) return;
    int left = tui->scroll_most - tui->scroll;
    if (left > 0) {
        int wide = snprintf(text, sizeof text, " %d more line%s: %s ", left, left == 1 ? "" : "s",
                            tui->on_details ? "j" : "Tab");
        if (wide + 2 < a.width) grid_text(&tui->grid, a.x + a.width - wide - 2, a.y, wide, STYLE_DIM, text);
    }
    if (tui->rows.count <= tui->page) return;
    snprintf(text, sizeof text, " lanes %zu to %zu of %zu ", tui->top + 1, tui->top + tui->page,
             tui->rows.count);
    grid_text(&tui->grid, a.x + 2, a.y, a.width - 2, STYLE_DIM, text);
}
