/* grid.c: cells, and the only way for text to get into them. */
#define _GNU_SOURCE
#include "grid.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "viewer/text.h"

bool grid_resize(struct grid *g, int width, int height)
{
    struct cell *cells = calloc((size_t)width * (size_t)height, sizeof *cells);
    if (!cells) return false;
    free(g->cells);
    g->cells = cells;
    g->width = width;
    g->height = height;
    grid_clear(g);
    return true;
}

void grid_free(struct grid *g)
{
    free(g->cells);
    *g = (struct grid){0};
}

void grid_clear(struct grid *g)
{
    for (int i = 0; i < g->width * g->height; i++) g->cells[i] = (struct cell){.ch = ' '};
}

struct cell *grid_at(const struct grid *g, int x, int y)
{
    if (x < 0 || y < 0 || x >= g->width || y >= g->height) return NULL;
    return &g->cells[y * g->width + x];
}

/* Every write goes through here: half a wide character never stays behind. */
static void cell_set(struct grid *g, int x, int y, char32_t ch, enum style style)
{
    struct cell *cell = grid_at(g, x, y);
    if (!cell) return;
    if (!cell->ch && x > 0) cell[-1].ch = ' ';
    if (x + 1 < g->width && !cell[1].ch) cell[1].ch = ' ';
    *cell = (struct cell){.ch = ch, .style = (uint8_t)style, .lit = cell->lit};
}

void grid_put(struct grid *g, int x, int y, char32_t ch, char plain, enum style style)
{
    cell_set(g, x, y, g->ascii ? (char32_t)plain : ch, style);
}

/* Indexed by up | down | left | right. */
static const char32_t light[] = U" ╵╷│╴╯╮┤╶╰╭├─┴┬┼";
static const char32_t heavy[] = U" ╵╷│╸┙┑┥╺┕┍┝━┷┯┿";
static const char plain_light[] = " '.|-'.+-`.+-+++";
static const char plain_heavy[] = " '.|='.+=`.+=+++";

void grid_line(struct grid *g, int x, int y, unsigned lines, enum style style, bool keep)
{
    struct cell *cell = grid_at(g, x, y);
    if (!cell) return;
    bool had = cell->lines != 0;
    unsigned all = cell->lines | lines, way = all & 15;
    enum style of = had && keep ? cell->style : style;
    bool dashed = all & LINE_DASHED && (way == (LINE_LEFT | LINE_RIGHT) || way == (LINE_UP | LINE_DOWN));
    bool flat = way == (LINE_LEFT | LINE_RIGHT);
    if (dashed)
        grid_put(g, x, y, flat ? U'┄' : U'┆', flat ? '.' : ':', of);
    else if (all & LINE_HEAVY)
        grid_put(g, x, y, heavy[way], plain_heavy[way], of);
    else
        grid_put(g, x, y, light[way], plain_light[way], of);
    cell->lines = (uint8_t)all;
}

void grid_light(struct grid *g, struct area a, unsigned lit)
{
    for (int y = a.y; y < a.y + a.height; y++) {
        for (int x = a.x; x < a.x + a.width; x++) {
            struct cell *cell = grid_at(g, x, y);
            if (cell) cell->lit |= (uint8_t)lit;
        }
    }
}

/* Decode one UTF-8 character; bytes that are none come back as their value | RAW. */
#define RAW 0x80000000u
static char32_t decode(const char **text)
{
    const unsigned char *p = (const unsigned char *)*text;
    unsigned lead = *p, more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    static const char32_t least[] = {0, 0x80, 0x800, 0x10000};
    *text += 1;
    if (lead < 0x80) return lead;
    if (lead < 0xc2 || lead > 0xf4) return lead | RAW;
    char32_t ch = lead & (0x3fu >> more);
    for (unsigned i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80) return lead | RAW;
        ch = ch << 6 | (p[i] & 0x3f);
    }
    if (ch < least[more] || ch > 0x10ffff || (ch >= 0xd800 && ch < 0xe000)) return lead | RAW;
    *text += more;
    return ch;
}

/* The few characters beyond ASCII that our own sentences use. */
static char32_t spelled_plainly(char32_t ch)
{
    static const char32_t from[] = U"·µ†→←×";
    static const char to[] = "-u#><x";
    for (size_t i = 0; from[i]; i++)
        if (from[i] == ch) return (char32_t)to[i];
    return ch;
}

/* What one character of text puts on the screen: a character, or the escape that stands for it. */
struct shown {
    char32_t ch;
    int width;       /* in columns; 0: a combining mark */
    char escape[16]; /* empty: ch is shown */
};

static struct shown show(const struct grid *g, const char **text)
{
    const char *from = *text;
    struct shown s = {.ch = decode(text)};
    char32_t ch = s.ch & ~RAW;
    size_t bytes = (size_t)(*text - from);
    if (ch >= 0x20 && ch < 0x7f) return (struct shown){.ch = ch, .width = 1};
    text_escape(s.escape, sizeof s.escape, from, bytes);
    bool safe = !(s.ch & RAW) && !strncmp(s.escape, from, bytes) && !s.escape[bytes];
    if (safe && g->ascii && spelled_plainly(ch) != ch)
        return (struct shown){.ch = spelled_plainly(ch), .width = 1};
    int width = safe && !g->ascii ? wcwidth((wchar_t)ch) : -1;
    if (width >= 0 && width <= 2) return (struct shown){.ch = ch, .width = width};
    if (safe) snprintf(s.escape, sizeof s.escape, "\\u{%x}", (unsigned)ch);
    s.width = (int)strlen(s.escape);
    return s;
}

static void put_shown(struct grid *g, int x, int y, enum style style, const struct shown *s)
{
    if (*s->escape) {
        for (int i = 0; s->escape[i]; i++) cell_set(g, x + i, y, (unsigned char)s->escape[i], style);
        return;
    }
    cell_set(g, x, y, s->ch, style);
    if (s->width == 2 && x + 1 < g->width) {
        cell_set(g, x + 1, y, ' ', style);
        grid_at(g, x + 1, y)->ch = 0;
    }
}

int grid_text(struct grid *g, int x, int y, int width, enum style style, const char *text)
{
    int used = 0;
    if (x + width > g->width) width = g->width - x;
    if (y < 0 || y >= g->height || x < 0 || width <= 0 || !text) return 0;
    while (*text) {
        struct shown s = show(g, &text);
        struct cell *before = s.width == 0 ? grid_at(g, x + used - 1, y) : NULL;
        if (s.width == 0) { /* combining: one mark a cell, and none on nothing */
            if (used > 0 && before && before->ch && !before->mark) before->mark = s.ch;
        } else if (used + s.width > width - (*text != 0)) { /* keep a column for the ellipsis */
            grid_put(g, x + used, y, U'…', '~', style);
            return used + 1;
        } else {
            put_shown(g, x + used, y, style, &s);
            used += s.width;
        }
    }
    return used;
}

int grid_width(const struct grid *g, const char *text, int most)
{
    int used = 0;
    while (text && *text && used < most) used += show(g, &text).width;
    return used < most ? used : most;
}

size_t grid_break(const struct grid *g, const char *text, int width)
{
    const char *p = text, *fits = text, *space = NULL;
    int used = 0;
    while (*p) {
        bool blank = *p == ' ';
        int w = show(g, &p).width;
        if (used + w > width) break;
        used += w;
        fits = p;
        if (blank) space = p;
    }
    if (!*p && used <= width && fits == p) return (size_t)(p - text);
    if (space) return (size_t)(space - text);
    if (fits == text) (void)show(g, &fits);
    return (size_t)(fits - text);
}

static void print_char(char32_t ch, FILE *out)
{
    if (ch < 0x80) {
        putc((int)ch, out);
    } else if (ch < 0x800) {
        fprintf(out, "%c%c", 0xc0 | ch >> 6, 0x80 | (ch & 63));
    } else if (ch < 0x10000) {
        fprintf(out, "%c%c%c", 0xe0 | ch >> 12, 0x80 | (ch >> 6 & 63), 0x80 | (ch & 63));
    } else {
        fprintf(out, "%c%c%c%c", 0xf0 | ch >> 18, 0x80 | (ch >> 12 & 63), 0x80 | (ch >> 6 & 63),
                0x80 | (ch & 63));
    }
}

void grid_print(const struct grid *g, FILE *out)
{
    for (int y = 0; y < g->height; y++) {
        int end = g->width;
        while (end > 0 && grid_at(g, end - 1, y)->ch == ' ' && !grid_at(g, end - 1, y)->mark) end--;
        for (int x = 0; x < end; x++) {
            const struct cell *cell = grid_at(g, x, y);
            if (cell->ch) print_char(cell->ch, out);
            if (cell->mark) print_char(cell->mark, out);
        }
        putc('\n', out);
    }
}
