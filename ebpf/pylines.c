/*
 * pylines.c: see pylines.h. The table is Objects/locations.md of 3.11: an entry
 * a run of instructions, the line as a difference to the one before.
 */
#include "pylines.h"

#include <stdlib.h>
#include <string.h>

#define CODES      4096 /* lists, by hash */
#define KEPT       4    /* in each: as many as the kernel remembers to have told of (py_codes) */
#define CODE_START 184  /* of the instructions in a code object */
enum { NO_COLUMN = 13, LONG = 14, NO_LINE = 15, ONE_LINE = 10 };

static struct code {
    struct code *next;
    uint64_t image, code;
    uint32_t pid, first_line, size;
    char file[PATH_ROOM];
    uint8_t *lines;
} * codes[CODES];

static struct code **place(uint64_t image, uint64_t code, uint32_t pid)
{
    uint64_t key[] = {image, code, pid};
    return &codes[ft_hash(key, sizeof key) % CODES];
}

static const struct code *find(uint64_t image, uint64_t address, uint32_t pid)
{
    const struct code *code = *place(image, address, pid);
    while (code && (code->image != image || code->code != address || code->pid != pid)) code = code->next;
    return code;
}

static void forget(struct code *code)
{
    for (struct code *next; code; code = next) {
        next = code->next;
        free(code->lines);
        free(code);
    }
}

/* The latest first: an address is used again. */
void pylines_keep(const struct event_code *e)
{
    struct code **at = place(e->image, e->code, e->pid), *new = calloc(1, sizeof *new);
    uint32_t size = e->size <= LINES_ROOM ? e->size : 0;
    if (!new) return;
    new->image = e->image, new->code = e->code, new->pid = e->pid;
    new->first_line = e->first_line;
    memcpy(new->file, e->file, strnlen(e->file, sizeof e->file - 1));
    new->lines = malloc(size + 1);
    if (new->lines) memcpy(new->lines, e->lines, new->size = size);
    new->next = *at;
    *at = new;
    for (int i = 0; i < KEPT && *at; i++) at = &(*at)->next;
    forget(*at);
    *at = NULL;
}

/* --- the table -------------------------------------------------------------------------------- */

struct cursor {
    const uint8_t *at, *end;
};

static unsigned take(struct cursor *c) { return c->at < c->end ? *c->at++ : 0; }

/* Six bits a byte, the lowest first; bit 6: there is more. */
static unsigned number(struct cursor *c)
{
    unsigned value = 0, byte, shift = 0;
    do {
        byte = take(c);
        if (shift < 32) value |= (byte & 63) << shift;
        shift += 6;
    } while (byte & 64);
    return value;
}

static int signed_number(struct cursor *c)
{
    unsigned value = number(c);
    return value & 1 ? -(int)(value >> 1) : (int)(value >> 1);
}

/* How far the line moves with this entry; *none: its instructions have no line. */
static int move(struct cursor *c, unsigned form, bool *none)
{
    int by = 0;
    *none = form == NO_LINE;
    if (form == NO_LINE) return 0;
    if (form == LONG) {
        by = signed_number(c);
        number(c), number(c), number(c);
    } else if (form == NO_COLUMN)
        by = signed_number(c);
    else if (form >= ONE_LINE) {
        by = (int)form - ONE_LINE;
        take(c), take(c);
    } else
        take(c);
    return by;
}

static uint32_t line_of(const struct code *code, uint64_t unit)
{
    struct cursor c = {code->lines, code->lines + code->size};
    int line = (int)code->first_line;
    for (uint64_t at = 0; c.at < c.end;) {
        unsigned first = take(&c);
        bool none;
        line += move(&c, first >> 3 & 15, &none);
        at += (first & 7) + 1;
        if (unit < at) return none || line < 0 ? 0 : (uint32_t)line;
    }
    return 0; /* the table was too long to be told whole */
}

const char *pylines_find(const struct event_bound *e, uint32_t *line)
{
    *line = 0;
    if (!(e->flags & BOUND_FRAME)) return NULL;
    const struct code *code = find(e->image, e->code, e->pid);
    if (!code) return NULL;
    *line = line_of(code, (e->instruction - e->code - CODE_START) / 2);
    return code->file;
}

void pylines_close(void)
{
    for (size_t i = 0; i < CODES; i++) {
        forget(codes[i]);
        codes[i] = NULL;
    }
}
