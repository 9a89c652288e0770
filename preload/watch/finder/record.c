/*
 * record.c: recording the value in rcx as a write to a watched object: of one
 * store, for one watch.
 */
#include <string.h>

#include "emit.h"

/* --- recording rcx -------------------------------------------------------------------------- */

/* What the instruction is, beyond a store: its opcode, behind the prefixes. */
static uint8_t nature(const struct code *c)
{
    bool locked = false;
    const uint8_t *b = c->bytes, *end = b + c->length;
    for (; b < end && (strchr("\xf0\xf2\xf3\x66\x2e\x36\x3e\x26\x64\x65", *b) || *b >> 4 == 4); b++)
        locked |= *b == 0xf0;
    if (end - b < 2) return 0;
    unsigned opcode = b[0], extension = b[1] >> 3 & 7;
    if (opcode == 0x86 || opcode == 0x87) locked = true; /* xchg */
    bool inc = (opcode == 0xfe || opcode == 0xff) && extension == 0;
    bool add = (opcode == 0x80 || opcode == 0x83) && extension == 0 && end[-1] == 1;
    bool subtract = (opcode == 0x80 || opcode == 0x83) && extension == 5 && end[-1] == 0xff;
    return (uint8_t)((locked ? FT_C_ATOMIC : 0) | (inc || add || subtract ? FT_C_UP : 0));
}

uint32_t add_site(struct job *job, const struct code *c, uint32_t global, uint64_t size, uint8_t flags)
{
    struct plan_site site = {.pc = job->object->bias + c->address,
                             .global = global,
                             .size = (uint8_t)(size < 255 ? size : 0),
                             .flags = (uint8_t)(flags | nature(c))};
    list_add(&job->answer->sites, &site);
    return (uint32_t)job->answer->sites.count - 1;
}

void put_call(struct job *job)
{
    PUT(job, 0xff, 0x15, 0, 0, 0, 0); /* call *, watch_entry's address is at the beginning of this code */
    code_lead(job, code_here(job), 0);
}

bool put_record(struct job *job, uint32_t site, struct waiting *w)
{
    if (w->count == WAITING) return false;
    PUT(job, 0xa1); /* mov alive, %eax */
    code_put64(job, job->answer->question->alive);
    PUT(job, 0x85, 0xc0, 0x0f, 0x84, 0, 0, 0, 0); /* test %eax, %eax; jz slow */
    w->slow[w->count].from[0] = code_here(job);
    PUT(job, 0xb8, 16, 0, 0, 0, 0x64, 0x48, 0x0f, 0xc1, 0x04, 0x25); /* xadd %rax, %fs:cursor */
    code_put32(job, (uint32_t)job->answer->question->cursor);
    PUT(job, 0xa9, 0x80, 0x0f, 0, 0, 0x0f, 0x84, 0, 0, 0, 0); /* test $0xf80, %eax; jz slow */
    w->slow[w->count].from[1] = code_here(job);
    PUT(job, 0x48, 0x89, 0x48, 0x08, 0x48, 0x89, 0xc1, 0x0f,
        0x31); /* mov %rcx, 8(%rax); mov %rax, %rcx; rdtsc */
    PUT(job, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0, 0x48, 0xc1, 0xe0, 0x0c, 0x66, 0xb8, 0, 0);
    code_fix(job, PLAN_ID, code_here(job) - 2, site);
    PUT(job, 0x48, 0x89, 0x01); /* mov %rax, (%rcx) */
    w->slow[w->count].back = code_here(job);
    w->slow[w->count].depth = job->depth;
    w->slow[w->count].pc = job->pc;
    w->slow[w->count++].site = site;
    return true;
}

void put_slow(struct job *job, const struct waiting *w)
{
    for (size_t i = 0; i < w->count; i++) {
        stack_at(job, w->slow[i].pc);
        stack_grows(job, w->slow[i].depth - job->depth);
        for (int k = 0; k < 2; k++) code_lead(job, w->slow[i].from[k], code_here(job));
        PUT(job, 0xba, 0, 0, 0, 0); /* mov $id, %edx */
        code_fix(job, PLAN_ID, code_here(job) - 4, w->slow[i].site);
        put_call(job);
        PUT(job, 0xe9, 0, 0, 0, 0);
        code_lead(job, code_here(job), w->slow[i].back);
    }
}

/* --- one store, one watch ------------------------------------------------------------------- */

/* Its operand names the address. */
bool put_direct(struct job *job, const struct code *c, const struct shape *s, const struct frame *f,
                size_t watch, struct waiting *w)
{
    const struct stores_target *t = &job->targets[watch];
    uint64_t start = c->writes < t->start ? t->start : c->writes,
             end = c->writes + c->size < t->start + t->size ? c->writes + c->size : t->start + t->size;
    if (scalar(job, watch)) {
        bool whole = c->writes == t->start && c->size >= t->size && s->source != FROM_MEMORY;
        uint32_t site =
            add_site(job, c, job_global(job, watch, 0, t->size), t->size, whole ? 0 : FT_C_READ_BACK);
        if (!whole) {
            load_constant(job, job->addresses[watch]);
            load_memory(job, t->size);
        } else
            load_source(job, s, f);
        return put_record(job, site, w);
    }
    for (uint64_t at = start; at < end; at += 8) { /* in pieces of 8 bytes */
        uint64_t size = end - at < 8 ? end - at : 8, offset = at - t->start;
        bool first = at == c->writes && s->source != FROM_MEMORY && (size == c->size || size == 8);
        uint32_t site =
            add_site(job, c, job_global(job, watch, offset, size), size, first ? 0 : FT_C_READ_BACK);
        if (!first) {
            load_constant(job, job->addresses[watch] + offset);
            load_memory(job, size);
        } else
            load_source(job, s, f);
        if (!put_record(job, site, w)) return false;
    }
    return true;
}

/* rdx is the offset, rcx the value: one word if both fit, else a record of its own. */
static bool put_with_offset(struct job *job, uint32_t site, uint64_t size, struct waiting *w)
{
    if (size <= 4) {
        PUT(job, 0x89, 0xc9, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09,
            0xd1); /* mov ecx,ecx; shl $32,rdx; or rdx,rcx */
        return put_record(job, site, w);
    }
    PUT(job, 0x48, 0xc1, 0xe2, 0x10, 0x66, 0xba, 0, 0); /* shl $16, %rdx; mov $id, %dx */
    code_fix(job, PLAN_ID, code_here(job) - 2, site);
    put_call(job);
    return true;
}

/* Through registers: its address is the last thing pushed. */
bool put_followed(struct job *job, const struct code *c, const struct shape *s, const struct frame *f,
                  size_t watch, struct waiting *w)
{
    const struct stores_target *t = &job->targets[watch];
    uint64_t address = job->addresses[watch];
    bool exact = s->source != FROM_MEMORY && (scalar(job, watch) ? c->size == t->size : c->size <= 8), done;
    uint32_t site =
        add_site(job, c, job_global(job, watch, 0, t->size), c->size < 8 ? c->size : 8,
                 (uint8_t)((exact ? 0 : FT_C_READ_BACK) | (scalar(job, watch) ? 0 : FT_C_OFFSET)));
    uint32_t from;
    PUT(job, 0x48, 0x8b, 0x0c, 0x24); /* mov (%rsp), %rcx */
    if (scalar(job, watch) && exact) {
        load_rax(job, address);
        PUT(job, 0x48, 0x39, 0xc1); /* cmp %rax, %rcx */
        from = code_skip_if(job, NOT_EQUAL);
        load_source(job, s, f);
        done = put_record(job, site, w);
    } else if (scalar(job, watch)) {
        load_rax(job, address - (c->size - 1u));
        PUT(job, 0x48, 0x29, 0xc1, 0x48, 0x81, 0xf9); /* sub %rax, %rcx; cmp $.., %rcx */
        code_put32(job, (uint32_t)t->size + c->size - 1);
        from = code_skip_if(job, AT_LEAST);
        load_constant(job, address);
        load_memory(job, t->size);
        done = put_record(job, site, w);
    } else {
        load_rax(job, address);
        PUT(job, 0x48, 0x29, 0xc1, 0x48, 0x81, 0xf9);
        code_put32(job, (uint32_t)t->size);
        from = code_skip_if(job, AT_LEAST);
        PUT(job, 0x48, 0x89, 0xca); /* mov %rcx, %rdx */
        if (exact)
            load_source(job, s, f);
        else {
            PUT(job, 0x48, 0x8b, 0x0c, 0x24);
            load_memory(job, c->size);
        }
        done = put_with_offset(job, site, c->size, w);
    }
    code_lead(job, from, code_here(job));
    return done;
}
