/*
 * calls.bpf.h: system calls of processes the library is not in: handlers that
 * are installed, signals that are blocked, long waits for a futex; code that is
 * mapped, where Python's globals are watched: an interpreter may come with it.
 *
 * Whether the library is in an image is not known in its first moments:
 * forktrace-ebpf looks at the file and then names those that have it in
 * `covered`. What was told meanwhile is left out when the trace is read.
 */
#ifndef FT_EBPF_CALLS_H
#define FT_EBPF_CALLS_H

#include <asm/unistd.h>

#include "tree.bpf.h"

#define PROT_EXEC       4
#define FUTEX_OPERATION 127 /* without its flags */
#define FUTEX_WAITS \
    (1 << 0 | 1 << 6 | 1 << 9 | 1 << 11 | 1 << 13) /* wait, lock_pi, wait_bitset, requeue, lock_pi2 */

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 4096);
    __type(key, __u64); /* member.image */
    __type(value, __u8);
} covered SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 32768);
    __type(key, __u64); /* pid_tgid */
    __type(value, struct system_call);
} calls SEC(".maps");

const volatile __u64 wait_threshold = 100000000; /* ns */
const volatile __u32 watch_count;                /* of Python's globals */

static __always_inline bool is_wanted(long number)
{
    return number == __NR_rt_sigaction || number == __NR_rt_sigprocmask || number == __NR_futex ||
           (number == __NR_mmap && watch_count);
}

static __always_inline bool is_watched(void)
{
    const struct member *member = member_of((const void *)bpf_get_current_task());
    if (!member || (!member->image && root_is_new)) return false;
    __u64 image = member->image;
    return !bpf_map_lookup_elem(&covered, &image);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(entered, struct pt_regs *regs, long number)
{
    if (!is_wanted(number)) return 0;
    const struct task_struct *task = (const void *)bpf_get_current_task();
    if (!is_watched() || IS_FOREIGN_CALL(task)) return 0;
    struct system_call call = {.number = (__u32)number};
    if (number == __NR_futex) {
        __u32 operation = ARGUMENT2(regs) & FUTEX_OPERATION;
        if (operation > 31 || !(FUTEX_WAITS >> operation & 1)) return 0;
        call.address = ARGUMENT1(regs);
        call.timed = ARGUMENT4(regs) != 0;
        call.tid = tid_of(task);
        call.since = bpf_ktime_get_ns();
    } else if (number == __NR_mmap) {
        if (!(ARGUMENT3(regs) & PROT_EXEC) || (int)ARGUMENT5(regs) < 0) return 0;
    } else {
        if (!ARGUMENT2(regs)) return 0; /* a question */
        call.argument = (__u32)ARGUMENT1(regs);
        if (number == __NR_rt_sigprocmask)
            call.old = BPF_CORE_READ(task, blocked.sig[0]);
        else {
            if (call.argument < 1 || call.argument > 64) return 0;
            const struct k_sigaction *action = action_of(task, call.argument);
            call.old = (__u64)BPF_CORE_READ(action, sa.sa_handler);
        }
    }
    __u64 who = bpf_get_current_pid_tgid();
    if (bpf_map_update_elem(&calls, &who, &call, BPF_ANY)) count_lost(LOST_TREE);
    return 0;
}

static __always_inline void tell_sigaction(const struct task_struct *task, const struct system_call *call)
{
    const struct k_sigaction *action = action_of(task, call->argument);
    __u64 new = (__u64)BPF_CORE_READ(action, sa.sa_handler);
    if (!call->old && !new) return; /* posix_spawn's child puts every signal to the default where it was */
    struct event_sigaction *e = begin(EVENT_SIGACTION, tid_of(task), sizeof *e);
    if (!e) return;
    e->old_handler = call->old;
    e->new_handler = new;
    e->mask = BPF_CORE_READ(action, sa.sa_mask.sig[0]);
    e->flags = (__u32)BPF_CORE_READ(action, sa.sa_flags);
    e->signal = call->argument;
    end(e, false);
}

static __always_inline void tell_sigmask(const struct task_struct *task, const struct system_call *call)
{
    __u64 new = BPF_CORE_READ(task, blocked.sig[0]);
    if (new == call->old) return;
    struct event_sigmask *e = begin(EVENT_SIGMASK, tid_of(task), sizeof *e);
    if (!e) return;
    e->old_mask = call->old;
    e->new_mask = new;
    e->how = call->argument;
    e->pad = 0;
    end(e, false);
}

static __always_inline void tell_wait(const struct task_struct *task, const struct system_call *call,
                                      bool unfinished)
{
    if (bpf_ktime_get_ns() - call->since < wait_threshold) return;
    struct event_wait *e = begin(EVENT_WAIT, tid_of(task), sizeof *e);
    if (!e) return;
    e->since = call->since;
    e->address = call->address;
    e->timed = call->timed;
    e->unfinished = unfinished;
    end(e, false);
}

/* A thread that is killed in a call does not return from it. */
static __always_inline void forget_call(const struct task_struct *task)
{
    __u64 who = bpf_get_current_pid_tgid();
    const struct system_call *call = bpf_map_lookup_elem(&calls, &who);
    if (!call) return;
    if (call->number == __NR_futex) tell_wait(task, call, true);
    bpf_map_delete_elem(&calls, &who);
}

static __always_inline void tell_mapped(const struct task_struct *task, long address)
{
    if (address <= 0) return; /* an error: no user's address is negative */
    struct event_mapped *e = begin(EVENT_MAPPED, tid_of(task), sizeof *e);
    if (!e) return;
    const struct member *member = member_of(task);
    e->image = member ? member->image : 0;
    e->address = (__u64)address;
    e->pid = pid_of(task);
    e->pad = 0;
    end(e, true);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(returned, struct pt_regs *regs, long result)
{
    if (!is_wanted(CALL_NUMBER(regs))) return 0; /* the system's every call comes by here */
    __u64 who = bpf_get_current_pid_tgid();
    const struct system_call *call = bpf_map_lookup_elem(&calls, &who);
    if (!call) return 0;
    const struct task_struct *task = (const void *)bpf_get_current_task();
    if (call->number == __NR_futex)
        tell_wait(task, call, false);
    else if (call->number == __NR_mmap)
        tell_mapped(task, result);
    else if (!result && call->number == __NR_rt_sigaction)
        tell_sigaction(task, call);
    else if (!result)
        tell_sigmask(task, call);
    bpf_map_delete_elem(&calls, &who);
    return 0;
}

#endif
