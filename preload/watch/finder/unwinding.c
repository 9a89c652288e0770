/*
 * unwinding.c: unwinders find their way out of a trampoline as out of any
 * function: exceptions thrown by handlers of faults, threads cancelled at any
 * instruction, the backtraces of profilers.
 *
 * A trampoline is a frame of its own, called (so it looks) by the instruction
 * that was moved: the caller's rsp is the program's, its pc that of the
 * instruction, and all registers that outlive a call are as they were. The pc
 * is one too high, as unwinders look it up one lower; were the frame marked as
 * a signal's instead, libgcc 12 would take it and its caller for one and the
 * same if the stack has not moved, and abort.
 */
#include <string.h>

#include "emit.h"

#define RA 16 /* DWARF's number of the return address */

struct row {
    uint32_t at;
    int depth;
    uint64_t pc;
};

struct stretch {
    uint32_t start, end;
    size_t first, count; /* rows */
};

/* --- rows ----------------------------------------------------------------------------------- */

void unwinding_begin(struct job *job)
{
    job->rows = (struct list){.each = sizeof(struct row)};
    job->stretches = (struct list){.each = sizeof(struct stretch)};
}

static void add_row(struct job *job)
{
    struct row row = {code_here(job), job->depth, job->pc}, *last = job->rows.items;
    if (job->rows.count && last[job->rows.count - 1].at == row.at)
        last[job->rows.count - 1] = row;
    else
        list_add(&job->rows, &row);
}

void stack_grows(struct job *job, int by)
{
    job->depth += by;
    if (by) add_row(job);
}

void stack_at(struct job *job, uint64_t pc)
{
    job->pc = pc;
    add_row(job);
}

void unwinding_of(struct job *job, uint32_t start)
{
    const struct row *rows = job->rows.items;
    size_t first = job->rows.count;
    while (first && rows[first - 1].at >= start) first--;
    struct stretch stretch = {start, code_here(job), first, job->rows.count - first};
    list_add(&job->stretches, &stretch);
}

/* --- .eh_frame ------------------------------------------------------------------------------ */

static void set32(struct job *job, uint32_t at, uint32_t value)
{
    memcpy((uint8_t *)job->bytes.items + at, &value, sizeof value);
}

static void align(struct job *job)
{
    while (code_here(job) % 4) PUT(job, 0); /* DW_CFA_nop */
}

static uint32_t put_common(struct job *job)
{
    uint32_t start = code_here(job);
    code_put32(job, 0);                    /* length */
    code_put32(job, 0);                    /* id */
    PUT(job, 1, 'z', 'R', 0, 1, 0x78, RA); /* version, augmentation, alignment of code 1, of data -8 */
    PUT(job, 1, 0x1b);                     /* addresses: relative to here, 4 bytes */
    PUT(job, 0x0c, 7, 0);                  /* DW_CFA_def_cfa rsp + 0 */
    align(job);
    set32(job, start, code_here(job) - start - 4);
    return start;
}

static void put_advance(struct job *job, uint32_t by)
{
    if (by < 64)
        PUT(job, (uint8_t)(0x40 | by));
    else {
        PUT(job, 0x04); /* DW_CFA_advance_loc4 */
        code_put32(job, by);
    }
}

static void put_row(struct job *job, const struct row *row, const struct row *before)
{
    if (!before || row->depth != before->depth) /* DW_CFA_def_cfa_offset, in LEB128 */
        PUT(job, 0x0e, (uint8_t)(0x80 | (row->depth & 0x7f)), (uint8_t)(row->depth >> 7 & 0x7f));
    if (before && row->pc == before->pc) return;
    PUT(job, 0x16, RA, 9, 0x03); /* DW_CFA_val_expression: DW_OP_addr */
    code_put64(job, row->pc + 1);
}

static uint32_t put_stretch(struct job *job, const struct stretch *s, uint32_t common)
{
    uint32_t start = code_here(job);
    code_put32(job, 0); /* length */
    code_put32(job, start + 4 - common);
    code_put32(job, s->start - code_here(job));
    code_put32(job, s->end - s->start);
    PUT(job, 0); /* no augmentation */
    uint32_t at = s->start;
    for (size_t i = 0; i < s->count; i++) {
        struct row row = ((struct row *)job->rows.items)[s->first + i], before = {0};
        if (i) before = ((struct row *)job->rows.items)[s->first + i - 1];
        if (row.at != at) put_advance(job, row.at - at);
        at = row.at;
        put_row(job, &row, i ? &before : NULL);
    }
    align(job);
    set32(job, start, code_here(job) - start - 4);
    return start;
}

/* The stretches follow one another as they lie: the table is sorted by itself. */
uint32_t unwinding_put(struct job *job)
{
    const struct stretch *s = job->stretches.items;
    size_t count = job->stretches.count;
    while (code_here(job) % 8) PUT(job, 0xcc);
    uint32_t header = code_here(job);
    PUT(job, 1, 0x1b, 0x03,
        0x3b); /* version; how the frames', the count's and the table's numbers are written */
    code_put32(job, (uint32_t)(8 + 8 * count)); /* .eh_frame begins behind the table, as seen from here */
    code_put32(job, (uint32_t)count);
    uint32_t table = code_here(job);
    for (size_t i = 0; i < 2 * count; i++) code_put32(job, 0);
    uint32_t common = put_common(job);
    for (size_t i = 0; i < count; i++) {
        uint32_t frame = put_stretch(job, &s[i], common);
        set32(job, table + (uint32_t)(8 * i), s[i].start - header);
        set32(job, table + (uint32_t)(8 * i) + 4, frame - header);
    }
    code_put32(job, 0); /* the end */
    return header;
}
