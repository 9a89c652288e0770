/*
 * forktrace.bpf.c: the kernel's side: which processes belong to the tree, and
 * the life of each: births, images, ends, signals. No pid is followed that is
 * not the root's or a descendant's.
 *
 * Tracepoints by BTF (tp_btf): they need neither tracefs nor perf events, only
 * CAP_BPF and CAP_PERFMON.
 */
#include "tree.bpf.h"

#include "calls.bpf.h"
#include "probes.bpf.h"
#include "python.bpf.h"
#include "stores.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* Since 6.17 the tracepoint says whether it was the last thread of its process. */
const volatile bool exit_tells_last = false;
__u32 root;  /* whom look_around() is to begin with */
__u32 added; /* by look_around() */

static __always_inline void tell_task(const struct task_struct *task, __u32 creator, __u64 flags, __u8 how)
{
    struct event_task *e = begin(EVENT_TASK, creator, sizeof *e);
    if (!e) return;
    const struct pid *pid = BPF_CORE_READ(task, thread_pid);
    __u32 level = BPF_CORE_READ(pid, level);
    e->start = BPF_CORE_READ(task, start_boottime);
    e->pid = pid_of(task);
    e->tid = tid_of(task);
    e->own_tid = number_at(pid, level);
    e->own_pid = number_at(BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID]), level);
    e->flags = (__u32)flags;
    e->exit_signal = (__u8)BPF_CORE_READ(task, exit_signal);
    e->how = how;
    e->forked = (BPF_CORE_READ(task, flags) & PF_FORKNOEXEC) != 0;
    e->pad = 0;
    end(e, false);
}

/* Run once by forktrace-ebpf itself: in which pid namespace is it? */
SEC("raw_tp")
int who_am_i(void *context)
{
    const struct task_struct *self = (const void *)bpf_get_current_task();
    reader_level = BPF_CORE_READ(self, thread_pid, level);
    return 0;
}

/*
 * Run over all tasks until nothing is added: the root, its descendants, their threads. What is born meanwhile
 * is told by newtask(): twice, then, and forktrace-ebpf keeps one.
 */
SEC("iter/task")
int look_around(struct bpf_iter__task *context)
{
    struct task_struct *task = context->task;
    if (!task) return 0;
    __u32 tid = tid_of(task);
    bool is_root = tid == root;
    const struct task_struct *parent = BPF_CORE_READ(task, real_parent);
    if (!member_of(task)) {
        if ((!is_root && !member_of(parent)) || !add(task)) return 0;
        added++;
    }
    const struct task_struct *leader = BPF_CORE_READ(task, group_leader);
    __u32 creator = is_root ? 0 : leader == task ? pid_of(parent) : pid_of(task);
    tell_task(task, creator, leader == task ? 0 : CLONE_THREAD,
              is_root && root_is_new ? FT_KERNEL_ROOT : FT_KERNEL_FOUND);
    return 0;
}

/* --- births ----------------------------------------------------------------------------------- */

SEC("tp_btf/task_newtask")
int BPF_PROG(newtask, struct task_struct *task, __u64 flags)
{
    if (!current_in_tree()) return 0;
    const struct task_struct *creator = (const void *)bpf_get_current_task();
    if (!(flags & CLONE_THREAD)) add(task);
    tell_task(task, tid_of(creator), flags, FT_KERNEL_BORN);
    return 0;
}

/* --- images ----------------------------------------------------------------------------------- */

#define VARIABLES 256 /* of the environment that are looked at */

/* There is no memcmp here. */
static __always_inline bool is_preload(const char *text)
{
    const char name[] = "LD_PRELOAD=";
    for (unsigned i = 0; i < sizeof name - 1; i++)
        if (text[i] != name[i]) return false;
    return true;
}

static __always_inline void find_preload(struct event_exec *e, const struct mm_struct *mm)
{
    unsigned long at = BPF_CORE_READ(mm, env_start), stop = BPF_CORE_READ(mm, env_end);
    __u32 zero = 0;
    char *text = bpf_map_lookup_elem(&scratch, &zero);
    if (!text) return;
    for (int i = 0; i < VARIABLES && at < stop; i++) {
        long size = bpf_probe_read_user_str(text, 4096, (const void *)at);
        if (size <= 0) return;
        if (is_preload(text)) {
            bpf_probe_read_kernel_str(e->preload, sizeof e->preload, text);
            break;
        }
        at += (unsigned long)size;
        if (size == 4096) at--; /* cut: the rest of it comes next, as no variable's name */
    }
    e->env_known = true;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(exec, struct task_struct *task, int old_pid, struct linux_binprm *binary)
{
    struct member *member = member_of(task);
    if (!member) return 0;
    member->image = bpf_ktime_get_ns();
    struct event_exec *e = begin(EVENT_EXEC, tid_of(task), sizeof *e);
    if (!e) return 0;
    const struct mm_struct *mm = BPF_CORE_READ(task, mm);
    unsigned long start = BPF_CORE_READ(mm, arg_start), size = BPF_CORE_READ(mm, arg_end) - start;
    e->image = member->image;
    e->secure = BPF_CORE_READ_BITFIELD_PROBED(binary, secureexec);
    e->argv_size = size < ARGV_ROOM ? (__u32)size : ARGV_ROOM;
    e->env_known = e->pad = 0;
    e->path[0] = e->preload[0] = 0;
    bpf_probe_read_kernel_str(e->path, sizeof e->path, BPF_CORE_READ(binary, filename));
    __u32 take = e->argv_size;
    if (take > ARGV_ROOM || bpf_probe_read_user(e->argv, take, (const void *)start)) e->argv_size = 0;
    find_preload(e, mm);
    end(e, true); /* at once: forktrace-ebpf looks at the new image before it is gone */
    return 0;
}

/* --- ends ------------------------------------------------------------------------------------- */

static __always_inline bool is_last(unsigned long long *context, const struct signal_struct *signal,
                                    struct member *member)
{
    if (exit_tells_last) return (bool)(context[1] & 1);
    /* two threads that end at once both find nobody alive: the first to say so speaks for the process */
    return !BPF_CORE_READ(signal, live.counter) && !__sync_lock_test_and_set(&member->dead, 1);
}

SEC("tp_btf/sched_process_exit")
int exited(unsigned long long *context)
{
    const struct task_struct *task = (const void *)bpf_get_current_task();
    struct member *member = member_of(task);
    if (!member) return 0;
    forget_call(task);
    struct event_exit *e = begin(EVENT_EXIT, tid_of(task), sizeof *e);
    if (!e) return 0;
    const struct signal_struct *signal = BPF_CORE_READ(task, signal);
    bool group = BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT;
    e->cpu_ns = BPF_CORE_READ(task, se.sum_exec_runtime);
    e->last = is_last(context, signal, member);
    e->status = !e->last ? BPF_CORE_READ(task, exit_code)
                : group  ? BPF_CORE_READ(signal, group_exit_code)
                         : BPF_CORE_READ(task, group_leader, exit_code);
    e->how = in_exec(signal) ? FT_KERNEL_END_EXEC : group ? FT_KERNEL_END_PROCESS : FT_KERNEL_END_ITSELF;
    e->out_of_memory = BPF_CORE_READ(signal, oom_mm) != NULL;
    e->pad = 0;
    BPF_CORE_READ_STR_INTO(&e->name, task, comm);
    end(e, false);
    return 0;
}

/* A zombie still belongs to the tree: signals are sent to it. Its first thread is freed last. */
SEC("tp_btf/sched_process_free")
int BPF_PROG(freed, struct task_struct *task)
{
    __u32 tgid = (__u32)BPF_CORE_READ(task, tgid);
    if (BPF_CORE_READ(task, pid) != (int)tgid) return 0;
    struct member *member = bpf_map_lookup_elem(&tree, &tgid);
    if (member && member->start == BPF_CORE_READ(task, start_time)) bpf_map_delete_elem(&tree, &tgid);
    return 0;
}

/* --- signals ---------------------------------------------------------------------------------- */

#define SIGKILL   9
#define SIGCHLD   17
#define SI_KERNEL 0x80
#define SI_USER   0
#define SI_QUEUE  (-1)
#define SI_TKILL  (-6)

static __always_inline int code_of(const struct kernel_siginfo *info)
{
    if ((unsigned long)info == SEND_SIG_NOINFO) return SI_USER;
    if ((unsigned long)info == SEND_SIG_PRIV) return SI_KERNEL;
    return BPF_CORE_READ(info, si_code);
}

/* Timers and terminals send from wherever the CPU happens to be: only these have the sender for current. */
static __always_inline bool by_somebody(int code)
{
    return code == SI_USER || code == SI_QUEUE || code == SI_TKILL;
}

/*
 * SIGPIPE and SIGXFSZ are sent in the name of who made the call: nobody called kill(). The verifier takes the
 * arguments of a tracepoint for pointers that are never NULL and leaves out what is to be done otherwise
 * (6.18 still for this one): so it is shown a number.
 */
static __always_inline bool by_kernel(unsigned long long *context, const struct task_struct *task)
{
    unsigned long info = SEND_SIG_PRIV;
    bpf_probe_read_kernel(&info, sizeof info, &context[1]);
    return info == SEND_SIG_NOINFO && BPF_CORE_READ(task, tgid) == (int)(bpf_get_current_pid_tgid() >> 32);
}

SEC("tp_btf/signal_generate")
int BPF_PROG(sent, int signal, struct kernel_siginfo *info, struct task_struct *task, int group, int result)
{
    int code = by_kernel(ctx, task) ? SI_KERNEL : code_of(info);
    if (signal == SIGCHLD && code > 0) return 0; /* the child's end says it */
    bool somebody = by_somebody(code), ours = somebody && current_in_tree();
    bool target = member_of(task) != NULL;
    if (!ours && !target) return 0;
    const struct task_struct *sender = (const void *)bpf_get_current_task();
    struct event_kill *e = begin(EVENT_KILL, ours ? tid_of(sender) : 0, sizeof *e);
    if (!e) return 0;
    e->sender_pid = somebody ? pid_of(sender) : 0;
    e->target_pid = pid_of(task);
    e->target_tid = tid_of(task);
    e->target_in_tree = target;
    e->code = code;
    e->signal = (__u8)signal;
    e->group = (__u8)group;
    e->result = (__u8)result;
    e->pad = 0;
    e->name[0] = 0;
    if (somebody) bpf_get_current_comm(e->name, sizeof e->name);
    end(e, false);
    return 0;
}

/* Not SIGKILL: every thread of a dying process is told to have taken one. That it was sent is all there is.
 */
SEC("tp_btf/signal_deliver")
int BPF_PROG(taken, int signal, struct kernel_siginfo *info, struct k_sigaction *action)
{
    if (signal == SIGKILL || !current_in_tree()) return 0;
    const struct task_struct *task = (const void *)bpf_get_current_task();
    struct event_signal *e = begin(EVENT_SIGNAL, tid_of(task), sizeof *e);
    if (!e) return 0;
    e->code = code_of(info);
    e->signal = (__u32)signal;
    e->handler = (__u64)BPF_CORE_READ(action, sa.sa_handler);
    e->pad = 0;
    /* in the namespace of who took it: of use where that is ours */
    bool same = BPF_CORE_READ(task, thread_pid, level) == reader_level;
    bool told = by_somebody(e->code) || (signal == SIGCHLD && e->code > 0);
    e->sender_pid = 0;
    if (same && told && (unsigned long)info > SEND_SIG_PRIV)
        e->sender_pid = (__u32)BPF_CORE_READ(info, _sifields._kill._pid);
    end(e, false);
    return 0;
}
