/*
 * kernel.h: what we know of the running kernel, and nothing else does: the few
 * fields of its structures that are read (CO-RE: libbpf looks their places up
 * in the kernel's own BTF when loading), and what changed from 5.15 on.
 */
#ifndef FT_EBPF_KERNEL_H
#define FT_EBPF_KERNEL_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pid_namespace {
    unsigned int level;
};

struct upid {
    int nr;
};

struct pid {
    unsigned int level;
    struct upid numbers[1];
};

typedef struct {
    int counter;
} atomic_t;

struct signal_struct {
    atomic_t live;
    struct pid *pids[4];
    unsigned int flags;
    int group_exit_code;
    struct task_struct *group_exec_task;
    struct mm_struct *oom_mm; /* the OOM killer has chosen it */
};

/* 5.17 (commit 60700e38fb68) renamed it. */
struct signal_struct___before_5_17 {
    struct task_struct *group_exit_task;
};

struct sched_entity {
    __u64 sum_exec_runtime;
};

typedef struct {
    unsigned long sig[1];
} sigset_t;

struct mm_struct {
    unsigned long arg_start, arg_end, env_start, env_end;
};

struct thread_info {
    unsigned long flags;
    __u32 status;
};

struct task_struct {
    int pid, tgid;
    unsigned int flags;
    struct task_struct *real_parent, *group_leader;
    struct pid *thread_pid;
    struct signal_struct *signal;
    struct mm_struct *mm;
    struct sched_entity se;
    __u64 start_time, start_boottime;
    int exit_code, exit_signal;
    char comm[16];
    struct thread_info thread_info;
    struct sighand_struct *sighand;
    sigset_t blocked;
};

struct sighand_struct;

struct linux_binprm {
    unsigned int secureexec : 1;
    const char *filename;
};

struct sigaction {
    void (*sa_handler)(int);
    unsigned long sa_flags;
    sigset_t sa_mask;
};

struct k_sigaction {
    struct sigaction sa;
};

struct sighand_struct {
    struct k_sigaction action[64];
};

union __sifields {
    struct {
        int _pid;
    } _kill;
};

struct kernel_siginfo {
    int si_signo, si_code;
    union __sifields _sifields;
};

struct bpf_iter__task {
    struct task_struct *task;
};

#if defined __x86_64__
struct pt_regs {
    unsigned long di, si, dx, cx, r8, r10, ip, sp, bp, bx, r12, r13, r14, r15, orig_ax;
};
#define CALL_NUMBER(regs) ((long)(regs)->orig_ax)
#define ARGUMENT1(regs)   BPF_CORE_READ(regs, di)
#define ARGUMENT2(regs)   BPF_CORE_READ(regs, si)
#define ARGUMENT3(regs)   BPF_CORE_READ(regs, dx)
#define ARGUMENT4(regs)   BPF_CORE_READ(regs, r10)
#define ARGUMENT5(regs)   BPF_CORE_READ(regs, r8)
#define IS_FOREIGN_CALL(task)                                                     \
    (BPF_CORE_READ(task, thread_info.status) & 2) /* TS_COMPAT: of the 32-bit ABI \
                                                   */
#elif defined __aarch64__
struct pt_regs {
    __u64 regs[31], sp, pc;
    __s32 syscallno;
};
#define CALL_NUMBER(of)       ((long)(of)->syscallno)
#define ARGUMENT1(of)         BPF_CORE_READ(of, regs[0])
#define ARGUMENT2(of)         BPF_CORE_READ(of, regs[1])
#define ARGUMENT3(of)         BPF_CORE_READ(of, regs[2])
#define ARGUMENT4(of)         BPF_CORE_READ(of, regs[3])
#define ARGUMENT5(of)         BPF_CORE_READ(of, regs[4])
#define IS_FOREIGN_CALL(task) (BPF_CORE_READ(task, thread_info.flags) >> 22 & 1) /* TIF_32BIT */
#endif

#pragma clang attribute pop

#define PIDTYPE_TGID      1
#define PF_FORKNOEXEC     0x40 /* task_struct.flags: forked, and nothing executed since */
#define SIGNAL_GROUP_EXIT 4    /* signal_struct.flags: exit_group(), or a fatal signal */
#define CLONE_THREAD      0x10000

/* A siginfo that is none: the argument of force_sig and of the kernel's own send_sig (SEND_SIG_*). */
#define SEND_SIG_NOINFO 0ul
#define SEND_SIG_PRIV   1ul

static __always_inline const struct k_sigaction *action_of(const struct task_struct *task, __u32 signal)
{
    const struct sighand_struct *sighand = BPF_CORE_READ(task, sighand);
    return (const void *)((unsigned long)sighand + bpf_core_field_offset(sighand->action) +
                          (signal - 1) * bpf_core_type_size(struct k_sigaction));
}

static __always_inline __u32 number_at(const struct pid *pid, __u32 level)
{
    __u32 nr = 0;
    unsigned long at = (unsigned long)pid + bpf_core_field_offset(pid->numbers) +
                       level * bpf_core_type_size(struct upid) +
                       bpf_core_field_offset(((struct upid *)0)->nr);
    if (pid) bpf_probe_read_kernel(&nr, sizeof nr, (void *)at);
    return nr;
}

/* Another thread of the process is in the middle of exec: it has told the others to go. */
static __always_inline bool in_exec(const struct signal_struct *signal)
{
    if (bpf_core_field_exists(signal->group_exec_task)) return BPF_CORE_READ(signal, group_exec_task) != NULL;
    const struct signal_struct___before_5_17 *older = (const void *)signal;
    return BPF_CORE_READ(older, group_exit_task) != NULL &&
           !(BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT);
}

#endif
