/*
 * emit.c: the code of a trampoline. For each moved instruction: itself, with
 * its rip-relative displacement corrected; and after a store
 *
 *     lea -128(%rsp), %rsp                 the red zone is the program's
 *     push %rax; push %rdx; push %rcx
 *     lahf; seto %al; push %rax            flags: 2 ns, pushf would take 6
 *     ... the value, into %rcx ...
 *     mov alive, %eax; test; jz slow       a fork nobody noticed: not this thread's page any more
 *     mov $16, %eax
 *     xadd %rax, %fs:cursor                one instruction: a signal handler gets its own entry
 *     test $0xf80, %eax; jz slow           no page yet, or it is full
 *     mov %rcx, 8(%rax)
 *     rdtsc, made into a stamp; mov into (entry): the entry counts
 *     pop %rax; add $0x7f, %al; sahf; pop %rcx; pop %rdx; pop %rax
 *     lea 128(%rsp), %rsp
 *
 * Values come from the store's source, not from memory, where another thread
 * may have been meanwhile; a store through a register is compared with the
 * watched address first.
 */
#include "emit.h"

/* --- an instruction as it was --------------------------------------------------------------- */

static void put_original(struct job *job, const struct code *c, const struct shape *s)
{
    uint32_t at = code_here(job);
    code_put(job, c->bytes, c->length);
    for (unsigned n = 0; n < s->i.operand_count; n++) {
        if (s->o[n].type != ZYDIS_OPERAND_TYPE_MEMORY || s->o[n].mem.base != ZYDIS_REGISTER_RIP) continue;
        uint64_t to = job->object->bias + c->address + c->length + (uint64_t)s->o[n].mem.disp.value;
        uint32_t behind = c->length - (s->i.raw.disp.offset + 4u); /* an immediate follows the displacement */
        code_fix(job, PLAN_RELATIVE, at + s->i.raw.disp.offset, to - behind);
        break;
    }
}

/* --- one that leaves --------------------------------------------------------------------------- */

static void put_jump(struct job *job, uint64_t to)
{
    PUT(job, 0xe9, 0, 0, 0, 0);
    code_fix(job, PLAN_RELATIVE, code_here(job) - 4, to);
}

/*
 * A branch leads where it led. A call returns to where it would have, which is
 * behind the region: the trampoline is nobody's caller.
 */
static void put_leave(struct job *job, const struct code *c, const struct shape *s)
{
    uint64_t next = job->object->bias + c->address + c->length, to = next + s->o[0].imm.value.u;
    switch (s->i.meta.category) {
    case ZYDIS_CATEGORY_COND_BR:
        PUT(job, 0x0f, (uint8_t)(0x80 | (c->bytes[c->bytes[0] == 0x0f] & 0x0f)), 0, 0, 0, 0);
        code_fix(job, PLAN_RELATIVE, code_here(job) - 4, to);
        break;
    case ZYDIS_CATEGORY_CALL:
        PUT(job, 0x68); /* push $low: sign-extended */
        code_put32(job, (uint32_t)next);
        stack_grows(job, 8);
        PUT(job, 0xc7, 0x44, 0x24, 0x04); /* movl $high, 4(%rsp) */
        code_put32(job, (uint32_t)(next >> 32));
        put_jump(job, to);
        stack_grows(job, -8);
        break;
    case ZYDIS_CATEGORY_RET: PUT(job, 0xc3); break;
    default: put_jump(job, to);
    }
}

/* --- a region ------------------------------------------------------------------------------- */

static uint64_t next_of(const struct job *job, const struct code *c)
{
    return job->object->bias + c->address + c->length;
}

static bool put_store(struct job *job, const struct code *c, const struct shape *s, struct waiting *w)
{
    struct frame f = {.before = s->before};
    bool done = true;
    size_t locked = locked_watch(job, c, s);
    if (locked != SIZE_MAX) return put_locked(job, c, s, locked, w);
    if (s->before) put_before(job, s);
    put_original(job, c, s);
    stack_at(job, next_of(job, c));
    uint32_t unless = s->conditional ? code_skip_if(job, NOT_EQUAL) : 0;
    put_push(job, &f);
    if (c->store == STORE_FOLLOWED && !s->string) put_address(job, s);
    put_flags(job);
    if (c->store == STORE_FOLLOWED && !s->string) {
        PUT(job, 0x51); /* push %rcx */
        stack_grows(job, 8);
        f.address = true;
    }
    for (size_t i = 0; i < job->count && done; i++) {
        if (!job_concerns(job, c, i)) continue;
        done = s->string                  ? put_string(job, c, &f, i, w)
               : c->store == STORE_DIRECT ? put_direct(job, c, s, &f, i, w)
                                          : put_followed(job, c, s, &f, i, w);
    }
    put_restore(job, &f);
    if (unless) code_lead(job, unless, code_here(job));
    return done;
}

bool emit_region(struct job *job, const struct code *code, size_t count)
{
    static struct waiting w; /* large */
    struct answer *a = job->answer;
    size_t bytes = job->bytes.count, fixes = a->fixes.count, sites = a->sites.count;
    size_t rows = job->rows.count;
    bool done = true;
    w.count = 0;
    job->depth = 0;
    for (size_t i = 0; i < count && done; i++) {
        struct shape s;
        stack_at(job, job->object->bias + code[i].address);
        done = shape_of(&code[i], &s);
        if (done && code[i].store)
            done = put_store(job, &code[i], &s, &w);
        else if (done && code[i].fixed)
            put_leave(job, &code[i], &s);
        else if (done)
            put_original(job, &code[i], &s);
    }
    const struct code *last = &code[count - 1];
    stack_at(job, next_of(job, last));
    put_jump(job, next_of(job, last)); /* back */
    put_slow(job, &w);
    if (done)
        unwinding_of(job, (uint32_t)bytes);
    else
        job->bytes.count = bytes, a->fixes.count = fixes, a->sites.count = sites, job->rows.count = rows;
    return done;
}
