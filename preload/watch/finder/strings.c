/*
 * strings.c: recording what stos and movs stored, with rep or without: as many
 * elements as rdi has gone on.
 */
#include "emit.h"

/* Each element from rcx, or the object's first, up to rdi, or the object's end; rax is the object's address.
 */
static bool put_elements(struct job *job, const struct code *c, size_t watch, uint32_t site)
{
    PUT(job, 0x48, 0x39, 0xc1, 0x73, 0x03, 0x48, 0x89, 0xc1); /* cmp rax, rcx; jae +3; mov rax, rcx */
    PUT(job, 0x51);                                           /* push rcx: where we are */
    stack_grows(job, 8);
    uint32_t loop = code_here(job);
    load_rax(job, job->addresses[watch]);
    PUT(job, 0x48, 0x89, 0xca, 0x48, 0x29, 0xc2);       /* rdx = rcx - rax */
    PUT(job, 0x48, 0xc1, 0xe2, 0x10, 0x66, 0xba, 0, 0); /* shl $16, rdx; mov $id, dx */
    code_fix(job, PLAN_ID, code_here(job) - 2, site);
    load_memory(job, c->size);
    put_call(job);
    PUT(job, 0x48, 0x8b, 0x0c, 0x24, 0x48, 0x83, 0xc1, (uint8_t)c->size); /* mov (rsp), rcx; add $size, rcx */
    PUT(job, 0x48, 0x89, 0x0c, 0x24, 0x48, 0x39, 0xf9);                   /* mov rcx, (rsp); cmp rdi, rcx */
    uint32_t end = code_skip_if(job, AT_LEAST);
    load_rax(job, job->addresses[watch] + job->targets[watch].size);
    PUT(job, 0x48, 0x39, 0xc1); /* cmp rax, rcx */
    code_lead(job, code_skip_if(job, BELOW), loop);
    code_lead(job, end, code_here(job));
    PUT(job, 0x59); /* pop rcx */
    stack_grows(job, -8);
    return true;
}

/* From where rdi was up to where it is. */
bool put_string(struct job *job, const struct code *c, const struct frame *f, size_t watch, struct waiting *w)
{
    const struct stores_target *t = &job->targets[watch];
    uint64_t address = job->addresses[watch];
    bool whole = scalar(job, watch), done;
    uint32_t site = add_site(job, c, job_global(job, watch, 0, t->size), c->size,
                             (uint8_t)(FT_C_READ_BACK | (whole ? 0 : FT_C_OFFSET)));
    uint32_t skips[3];
    load_slot(job, f, SLOT_BEFORE);
    PUT(job, 0x48, 0x39, 0xf9); /* cmp %rdi, %rcx: rep with a count of 0 stores nothing */
    skips[0] = code_skip_if(job, EQUAL);
    load_rax(job, address + t->size);
    PUT(job, 0x48, 0x39, 0xc1); /* cmp %rax, %rcx */
    skips[1] = code_skip_if(job, AT_LEAST);
    load_rax(job, address);
    PUT(job, 0x48, 0x39, 0xc7); /* cmp %rax, %rdi */
    skips[2] = code_skip_if(job, AT_MOST);
    if (whole) {
        load_constant(job, address);
        load_memory(job, t->size);
        done = put_record(job, site, w);
    } else
        done = put_elements(job, c, watch, site);
    for (int i = 0; i < 3; i++) code_lead(job, skips[i], code_here(job));
    return done;
}
