/* prompt.c: a line to type into. */
#include <string.h>

#include "tui.h"

#define CTRL_U 21
#define CTRL_W 23

void prompt_open(struct tui *tui, enum prompt_kind kind)
{
    tui->prompt = kind;
    tui->recalled = 0;
    *tui->typed = 0;
    if (kind != PROMPT_FILTER) return;
    memcpy(tui->typed, tui->filter.text, sizeof tui->typed); /* to be changed */
    tui->asked = tui->filter;
    if (tui->rows.count) tui->asked_place = place_here(tui);
}

static void type(struct tui *tui, char32_t key)
{
    char bytes[8];
    mbstate_t state = {0};
    size_t n = key < KEY_BASE && key >= ' ' && key != 0x7f ? c32rtomb(bytes, key, &state) : 0;
    size_t used = strlen(tui->typed);
    if (n == (size_t)-1 || used + n >= sizeof tui->typed) return;
    memcpy(tui->typed + used, bytes, n);
    tui->typed[used + n] = 0;
}

static void erase(struct tui *tui)
{
    size_t used = strlen(tui->typed);
    if (!used) tui->prompt = PROMPT_NONE;
    while (used && (tui->typed[--used] & 0xc0) == 0x80) {
    }
    tui->typed[used] = 0;
}

static void erase_word(struct tui *tui)
{
    size_t used = strlen(tui->typed);
    while (used && tui->typed[used - 1] == ' ') used--;
    while (used && tui->typed[used - 1] != ' ') used--;
    tui->typed[used] = 0;
}

/* What was typed goes to the front of its history, once. */
static void remember(struct history *h, const char *line)
{
    size_t i = 0;
    if (!*line) return;
    while (i < h->count && strcmp(h->line[i], line)) i++;
    if (i == h->count && h->count < HISTORY) h->count++;
    if (i == HISTORY) i--;
    memmove(h->line[1], h->line[0], i * sizeof *h->line);
    snprintf(h->line[0], sizeof *h->line, "%s", line);
}

static void recall(struct tui *tui, int by)
{
    const struct history *h = &tui->history[tui->prompt];
    if (by > 0 ? tui->recalled >= h->count : !tui->recalled) return;
    tui->recalled += (size_t)by;
    snprintf(tui->typed, sizeof tui->typed, "%s", tui->recalled ? h->line[tui->recalled - 1] : "");
}

static void accept(struct tui *tui, enum prompt_kind kind)
{
    tui->prompt = PROMPT_NONE;
    remember(&tui->history[kind], tui->typed);
    if (kind == PROMPT_FILTER) {
        memcpy(tui->filter.family, tui->asked.family,
               sizeof tui->filter.family); /* a wrong one has cleared them */
        tui->filter.families = tui->asked.families;
        memcpy(tui->filter.text, tui->typed, sizeof tui->filter.text);
        move_filter(tui);
        return;
    }
    if (kind == PROMPT_SEARCH) {
        if (*tui->typed) memcpy(tui->search, tui->typed, sizeof tui->search);
        place_keep(tui);
        tui->on_finding = false;
        search_find(tui, 1);
        return;
    }
    int64_t ns = time_parse(tui->typed);
    if (ns < 0) {
        tui_say(tui, "not a time: %s (write 1.5s, 20ms, 300us, 2min)", tui->typed);
        return;
    }
    if (ns > tui->end) tui_say(tui, "the run has no such time: this is its end");
    place_keep(tui);
    tui->on_finding = false;
    move_to(tui, (uint32_t)tui->row, ns, NONE);
}

void prompt_key(struct tui *tui, char32_t key)
{
    char before[sizeof tui->typed];
    enum prompt_kind kind = tui->prompt;
    memcpy(before, tui->typed, sizeof before);
    if (key == K_ESC)
        tui->prompt = PROMPT_NONE;
    else if (key == K_ENTER)
        accept(tui, tui->prompt);
    else if (key == K_UP || key == K_DOWN)
        recall(tui, key == K_UP ? 1 : -1);
    else if (key == K_BACKSPACE)
        erase(tui);
    else if (key == CTRL_W)
        erase_word(tui);
    else if (key == CTRL_U)
        *tui->typed = 0;
    else
        type(tui, key);
    if (kind != PROMPT_FILTER || key == K_ENTER) return;
    if (!tui->prompt)
        filter_forget(tui);
    else if (strcmp(before, tui->typed))
        filter_try(tui);
}

static const char *next_character(const char *text)
{
    if (*text) text++;
    while ((*text & 0xc0) == 0x80) text++;
    return text;
}

void prompt_draw(struct tui *tui, struct area a)
{
    static const struct {
        const char *ask, *hint;
    } kinds[PROMPT_COUNT] = {{"", ""},
                             {" search: ", "a word or regular expression; . next  , previous"},
                             {" go to time: ", "1.5s  20ms  300us  2min"},
                             {" filter: ", "word  p:process  t:thread  k:kind  !not"}};
    const char *typed = tui->typed, *hint = *tui->message ? tui->message : kinds[tui->prompt].hint;
    int x = a.x + grid_text(&tui->grid, a.x, a.y, a.width, STYLE_KEY, kinds[tui->prompt].ask),
        end = a.x + a.width;
    while (*typed && grid_width(&tui->grid, typed, 1000) > end - x - 1)
        typed = next_character(typed); /* the end is shown */
    x += grid_text(&tui->grid, x, a.y, end - x, STYLE_NORMAL, typed);
    grid_light(&tui->grid, (struct area){x, a.y, 1, 1}, LIT_CURSOR);
    int wide = grid_width(&tui->grid, hint, 100);
    if (x + wide + 4 <= end) grid_text(&tui->grid, end - wide - 1, a.y, wide, STYLE_DIM, hint);
}
