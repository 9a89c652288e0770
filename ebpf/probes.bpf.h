/*
 * probes.bpf.h: who called fork, pthread_create, sigaction in processes that
 * the library is not in: uprobes at these functions.
 */
#ifndef FT_EBPF_PROBES_BPF_H
#define FT_EBPF_PROBES_BPF_H

#include "calls.bpf.h"

static __always_inline void copy_registers(struct event_call *e, const struct pt_regs *r)
{
#if defined __x86_64__
    e->ip = r->ip, e->sp = r->sp, e->bp = r->bp, e->bx = r->bx;
    e->r12 = r->r12, e->r13 = r->r13, e->r14 = r->r14, e->r15 = r->r15;
    e->first = r->di, e->third = r->dx;
    bpf_probe_read_user(&e->site, sizeof e->site, (const void *)e->sp);
#else
    e->ip = r->pc, e->sp = r->sp, e->first = r->regs[0], e->third = r->regs[2], e->site = r->regs[30];
    e->bp = e->bx = e->r12 = e->r13 = e->r14 = e->r15 = 0;
#endif
}

static __always_inline __u64 image_now(void)
{
    const struct member *member = member_of((const void *)bpf_get_current_task());
    return member ? member->image : 0;
}

/* At the first instruction of the function, or a `push` right after it that has not been done. */
SEC("uprobe")
int called(struct pt_regs *context)
{
    const struct task_struct *task = (const void *)bpf_get_current_task();
    if (!is_watched()) return 0;
    struct event_call *e = begin(EVENT_CALL, tid_of(task), sizeof *e);
    if (!e) return 0;
    e->what = bpf_get_attach_cookie(context);
    e->pid = pid_of(task);
    e->image = image_now();
    e->site = e->size = 0;
    copy_registers(e, context);
    for (__u32 i = 0; i < CALL_STACK / CALL_PIECE; i++) {
        if (bpf_probe_read_user(e->stack + i * CALL_PIECE, CALL_PIECE,
                                (const void *)(e->sp + i * CALL_PIECE)))
            break;
        e->size += CALL_PIECE;
    }
    end(e, true); /* its files are looked at while it is there */
    return 0;
}

#endif
