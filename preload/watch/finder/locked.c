/*
 * locked.c: lock add, sub, inc and dec, done as lock xadd: so the sum is known
 * that this very instruction made.
 */
#include "emit.h"

/*
 * As lock xadd, which tells what was there before; then the same operation on
 * registers, for its flags (inc and dec leave CF as it was) and the result.
 */
bool put_locked(struct job *job, const struct code *c, const struct shape *s, size_t watch, struct waiting *w)
{
    const struct frame f = {0};
    ZydisMnemonic m = s->i.mnemonic;
    bool one = m == ZYDIS_MNEMONIC_INC || m == ZYDIS_MNEMONIC_DEC,
         down = m == ZYDIS_MNEMONIC_SUB || m == ZYDIS_MNEMONIC_DEC;
    uint8_t wide = c->size == 1 ? 0 : 1;
    put_push(job, &f);
    if (one) PUT(job, 0x0f, 0x92, 0xc2, 0xb9, 1, 0, 0, 0); /* setb %dl; mov $1, %ecx */
    if (!one && s->o[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        PUT(job, 0x48, 0xc7, 0xc1);
        code_put32(job, (uint32_t)s->o[1].imm.value.u);
    } else if (!one) /* mov reg, %rcx: nothing has been overwritten yet */
        PUT(job, (uint8_t)(0x48 | (s->reg >> 3) << 2), 0x89, (uint8_t)(0xc1 | (s->reg & 7) << 3));
    if (down) PUT(job, 0x48, 0xf7, 0xd9); /* neg %rcx */
    PUT(job, 0x48, 0x89, 0xc8, 0xf0);     /* mov %rcx, %rax; lock */
    if (c->size == 2) PUT(job, 0x66);
    if (c->size == 8) PUT(job, 0x48);
    PUT(job, 0x0f, (uint8_t)(0xc0 | wide), 0x05, 0, 0, 0, 0); /* xadd %rax, address(%rip) */
    code_fix(job, PLAN_RELATIVE, code_here(job) - 4, job->object->bias + c->writes);
    if (down) PUT(job, 0x48, 0xf7, 0xd9);
    if (one) PUT(job, 0x0f, 0xba, 0xe2, 0x00); /* bt $0, %edx: CF */
    if (c->size == 2) PUT(job, 0x66);
    if (c->size == 8) PUT(job, 0x48);
    if (one)
        PUT(job, (uint8_t)(0xfe | wide), down ? 0xc8 : 0xc0);
    else
        PUT(job, (uint8_t)((down ? 0x28 : 0x00) | wide), 0xc8); /* op %rcx, %rax */
    PUT(job, 0x48, 0x89, 0xc1);                                 /* mov %rax, %rcx */
    put_flags(job);
    const struct stores_target *t = &job->targets[watch];
    uint64_t offset = scalar(job, watch) ? 0 : c->writes - t->start;
    uint32_t site = add_site(job, c, job_global(job, watch, offset, c->size), c->size, 0);
    bool done = put_record(job, site, w);
    put_restore(job, &f);
    return done;
}

/* The one watch whose value the sum is; SIZE_MAX: there is none, or more than one. */
size_t locked_watch(const struct job *job, const struct code *c, const struct shape *s)
{
    size_t found = SIZE_MAX;
    if (!s->locked || c->store != STORE_DIRECT || c->size > 8) return SIZE_MAX;
    for (size_t i = 0; i < job->count; i++) {
        const struct stores_target *t = &job->targets[i];
        if (!job_concerns(job, c, i)) continue;
        bool fits = scalar(job, i) ? c->writes == t->start && c->size == t->size
                                   : c->writes >= t->start && c->writes + c->size <= t->start + t->size;
        if (found != SIZE_MAX || !fits) return SIZE_MAX;
        found = i;
    }
    return found;
}
