/* build_kernel.c: the kernel's word (build_trace.h). */
#include "build_inside.h"

#include <string.h>

ft_ref trace_kernel_task(ft_ref creator, uint32_t pid, uint32_t tid, uint32_t flags, enum ft_kernel_birth how)
{
    RECORD(kernel_task, KERNEL_TASK, creator);
    r->pid = r->outer_pid = pid, r->tid = r->outer_tid = tid;
    r->flags = flags, r->how = (uint8_t)how, r->exit_signal = 17;
    r->start_ticks = pid + 1000;
    ft_commit(r);
    return ref;
}

void trace_kernel_exec(ft_ref task, const char *path_, enum ft_blind_why why)
{
    ft_ref string = record_text(path_, task);
    RECORD(kernel_exec, KERNEL_EXEC, task);
    r->path = r->exe = string, r->why = why;
    ft_commit(r);
}

void trace_kernel_exit(ft_ref task, int wait_status, bool last)
{
    RECORD(kernel_exit, KERNEL_EXIT, task);
    r->status = wait_status, r->last = last, r->cpu_ns = 1000;
    r->how = last ? FT_KERNEL_END_PROCESS : FT_KERNEL_END_ITSELF;
    ft_commit(r);
}

void trace_kernel_out_of_memory(ft_ref task)
{
    RECORD(kernel_exit, KERNEL_EXIT, task);
    r->status = 9, r->last = true, r->how = FT_KERNEL_END_PROCESS, r->out_of_memory = true;
    ft_commit(r);
}

void trace_kernel_kill(ft_ref sender, ft_ref target, uint32_t target_pid, uint32_t sender_pid, int signal)
{
    RECORD(kernel_kill, KERNEL_KILL, sender);
    r->target = target, r->target_pid = target_pid, r->sender_pid = sender_pid;
    r->signal = (uint8_t)signal, r->group = 1, r->code = sender_pid ? 0 : 0x80;
    if (!sender && sender_pid) memcpy(r->name, "stranger", 8);
    ft_commit(r);
}

void trace_kernel_signal(ft_ref task, ft_ref sender, uint32_t sender_pid, int signal, int code)
{
    RECORD(kernel_signal, KERNEL_SIGNAL, task);
    r->sender = sender, r->sender_pid = sender_pid, r->code = code;
    r->signal = (uint8_t)signal, r->handler = 0x401000;
    ft_commit(r);
}
