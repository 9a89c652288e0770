/* prompt.c: a line to type into. */
#include <string.h>

#include "tui.h"

void prompt_open(struct tui *tui, enum prompt_kind kind)
{
    tui->prompt = kind;
    tui->recalled = 0;
    *tui->typed = 0;
    if (kind == PROMPT_FILTER) memcpy(tui->typed, tui->filter.text, sizeof tui->typed); /* to be changed */
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
        tui_say(tui, "not a time: %s (write 1.5s, 20ms, 300us)", tui->typed);
        return;
    }
    place_keep(tui);
    tui->on_finding = false;
    move_to(tui, (uint32_t)tui->row, ns, NONE);
}

void prompt_key(struct tui *tui, char32_t key)
{
    if (key == K_ESC)
        tui->prompt = PROMPT_NONE;
    else if (key == K_ENTER)
        accept(tui, tui->prompt);
    else if (key == K_UP || key == K_DOWN)
        recall(tui, key == K_UP ? 1 : -1);
    else if (key == K_BACKSPACE)
        erase(tui);
    else
        type(tui, key);
}

void prompt_draw(struct tui *tui, struct area a)
{
    static const char *const asks[PROMPT_COUNT] = {"", " search: ", " go to time: ", " filter: "};
    const char *ask = asks[tui->prompt];
    int x = a.x + grid_text(&tui->grid, a.x, a.y, a.width, STYLE_KEY, ask);
    x += grid_text(&tui->grid, x, a.y, a.x + a.width - x, STYLE_NORMAL, tui->typed);
    grid_light(&tui->grid, (struct area){x, a.y, 1, 1}, LIT_CURSOR);
}
