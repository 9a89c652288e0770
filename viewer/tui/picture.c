/*
 * picture.c: see picture.h. A row is cut into pieces of one look; box drawing
 * is drawn, because fonts leave gaps between lines.
 */
#include "picture.h"

#include <stdlib.h>
#include <string.h>

#include "viewer/export/xml.h"

enum { WIDTH = 8, HEIGHT = 17, BASE = 13, MARGIN = 8 };
enum { INK = 0xd8d8d8, GROUND = 0x16181d, SHADE = 0x33363d };

/* The colours of xterm: a cube of 6 x 6 x 6 and a ramp of greys; those below 16 differ from terminal to
 * terminal. */
static unsigned rgb(int colour)
{
    static const unsigned char level[] = {0, 95, 135, 175, 215, 255};
    if (colour < 16) return INK;
    if (colour >= 232) return (unsigned)(8 + 10 * (colour - 232)) * 0x10101;
    unsigned i = (unsigned)colour - 16;
    return (unsigned)level[i / 36] << 16 | (unsigned)level[i / 6 % 6] << 8 | level[i % 6];
}

struct shade {
    unsigned ink, ground;
    bool bold, underlined;
};

static struct shade shade_of(const struct cell *cell)
{
#define X(name, colour256, colour16, looks) {colour256, looks},
    static const struct {
        int colour;
        unsigned looks;
    } table[] = {STYLES(X)};
#undef X
    unsigned looks = table[cell->style].looks;
    struct shade shade = {.ink = rgb(table[cell->style].colour),
                          .ground = cell->lit & (LIT_ROW | LIT_COLUMN) ? SHADE : GROUND,
                          .bold = looks & LOOK_BOLD || cell->lit & LIT_MANY,
                          .underlined = looks & LOOK_UNDERLINE};
    if (cell->lit & (LIT_CURSOR | LIT_EVIDENCE)) {
        unsigned ink = shade.ink;
        shade.ink = shade.ground;
        shade.ground = ink;
    }
    return shade;
}

static bool same(struct shade a, struct shade b)
{
    return a.ink == b.ink && a.ground == b.ground && a.bold == b.bold && a.underlined == b.underlined;
}

/* --- lines ------------------------------------------------------------------------------------ */

/* As in the terminal, heavy ones are heavy from side to side only. */
static void line(FILE *out, int x, int y, unsigned lines, unsigned ink)
{
    double left = MARGIN + x * WIDTH, top = MARGIN + y * HEIGHT;
    double middle = left + WIDTH / 2.0, centre = top + HEIGHT / 2.0;
    const char *dashed = lines & LINE_DASHED ? " stroke-dasharray=\"2 2\"" : "";
    if (lines & (LINE_LEFT | LINE_RIGHT))
        fprintf(out, "<path d=\"M%g %gH%g\" stroke=\"#%06x\" stroke-width=\"%s\"%s/>",
                lines & LINE_LEFT ? left : middle, centre, lines & LINE_RIGHT ? left + WIDTH : middle, ink,
                lines & LINE_HEAVY ? "2.4" : "1", dashed);
    if (lines & (LINE_UP | LINE_DOWN))
        fprintf(out, "<path d=\"M%g %gV%g\" stroke=\"#%06x\"%s/>", middle, lines & LINE_UP ? top : centre,
                lines & LINE_DOWN ? top + HEIGHT : centre, ink, dashed);
}

/* --- pieces ----------------------------------------------------------------------------------- */

static void put(FILE *out, char32_t c)
{
    char text[5] = {0};
    if (c < 0x80)
        text[0] = (char)c;
    else if (c < 0x800)
        text[0] = (char)(0xc0 | c >> 6), text[1] = (char)(0x80 | (c & 63));
    else if (c < 0x10000)
        text[0] = (char)(0xe0 | c >> 12), text[1] = (char)(0x80 | (c >> 6 & 63)),
        text[2] = (char)(0x80 | (c & 63));
    else
        text[0] = (char)(0xf0 | c >> 18), text[1] = (char)(0x80 | (c >> 12 & 63)),
        text[2] = (char)(0x80 | (c >> 6 & 63)), text[3] = (char)(0x80 | (c & 63));
    xml_put(out, text);
}

/* Waits: shading, which fonts draw each in its own way. */
static bool is_shade(const struct cell *cell) { return cell->ch == U'░' || cell->ch == U'▒'; }

static void shading(FILE *out, int x, int y, const struct cell *cell, unsigned ink)
{
    fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#%06x\" opacity=\"%s\"/>",
            MARGIN + x * WIDTH, MARGIN + y * HEIGHT + 4, WIDTH, HEIGHT - 8, ink,
            cell->ch == U'░' ? ".35" : ".6");
}

static bool is_text(const struct cell *cell)
{
    return cell->ch && cell->ch != ' ' && !cell->lines && !is_shade(cell);
}

/* Cells [from, to) of a row, all of one shade. */
static void piece(const struct grid *g, FILE *out, int y, int from, int to)
{
    struct shade shade = shade_of(grid_at(g, from, y));
    if (shade.ground != GROUND)
        fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#%06x\"/>",
                MARGIN + from * WIDTH, MARGIN + y * HEIGHT, (to - from) * WIDTH, HEIGHT, shade.ground);
    for (int x = from; x < to; x++) {
        const struct cell *cell = grid_at(g, x, y);
        if (is_shade(cell))
            shading(out, x, y, cell, shade.ink);
        else if (cell->lines)
            line(out, x, y, cell->lines, shade.ink);
    }
    while (from < to) {
        while (from < to && !is_text(grid_at(g, from, y))) from++;
        int end = from;
        for (int x = from; x < to && !grid_at(g, x, y)->lines && !is_shade(grid_at(g, x, y)); x++)
            if (grid_at(g, x, y)->ch != ' ') end = x + 1;
        if (end == from) break;
        fprintf(out, "<text x=\"%d\" y=\"%d\" textLength=\"%d\" fill=\"#%06x\"%s%s>", MARGIN + from * WIDTH,
                MARGIN + y * HEIGHT + BASE, (end - from) * WIDTH, shade.ink,
                shade.bold ? " font-weight=\"bold\"" : "",
                shade.underlined ? " text-decoration=\"underline\"" : "");
        for (; from < end; from++) {
            const struct cell *cell = grid_at(g, from, y);
            if (cell->ch) put(out, cell->ch);
            if (cell->mark) put(out, cell->mark);
        }
        fputs("</text>", out);
    }
}

void picture_write(const struct grid *g, FILE *out)
{
    int width = g->width * WIDTH + 2 * MARGIN, height = g->height * HEIGHT + 2 * MARGIN;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n"
            "<style>text{font:13px ui-monospace,\"DejaVu Sans "
            "Mono\",Menlo,Consolas,monospace;white-space:pre}</style>\n<rect width=\"%d\" height=\"%d\" "
            "rx=\"6\" fill=\"#%06x\"/>\n",
            width, height, width, height, width, height, GROUND);
    for (int y = 0; y < g->height; y++) {
        for (int x = 0, next; x < g->width; x = next) {
            struct shade shade = shade_of(grid_at(g, x, y));
            for (next = x + 1; next < g->width;
                 next++) /* the right half of a wide character goes with the left */
                if (grid_at(g, next, y)->ch && !same(shade, shade_of(grid_at(g, next, y)))) break;
            piece(g, out, y, x, next);
        }
        putc('\n', out);
    }
    fputs("</svg>\n", out);
}
