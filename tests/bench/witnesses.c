/*
 * witnesses.c: `witnesses FILE forks|threads|kills|alive|pairs RECORDS`: a trace in which so many records are
 * the kernel's, for measuring how long it takes to tell what both witnesses mean. One process is the parent
 * (or the process, or the target) of all; `pairs`: the library has told of each too; `alive`: none ends.
 *
 * flags: -U_GNU_SOURCE trace/writer.c trace/writer_file.c trace/writer_pages.c trace/writer_runs.c
 */
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/writer.h"

static struct ft_writer w;

#define RECORD(type, NAME, task)                                      \
    struct ft_##type *r = ft_begin(&w, FT_##NAME, sizeof *r, (task)); \
    if (!r) exit(1);                                                  \
    ft_ref ref = ft_ref_of(r);                                        \
    (void)ref

static ft_ref task(ft_ref by, uint32_t pid, uint32_t tid, uint32_t flags, enum ft_kernel_birth how)
{
    RECORD(kernel_task, KERNEL_TASK, by);
    r->pid = r->outer_pid = pid, r->tid = r->outer_tid = tid;
    r->flags = flags, r->how = (uint8_t)how, r->exit_signal = SIGCHLD;
    ft_commit(r);
    return ref;
}

static void ended(ft_ref who, bool last)
{
    RECORD(kernel_exit, KERNEL_EXIT, who);
    r->last = last, r->how = last ? FT_KERNEL_END_PROCESS : FT_KERNEL_END_ITSELF;
    ft_commit(r);
}

static void sent(ft_ref by, ft_ref to, uint32_t pid)
{
    RECORD(kernel_kill, KERNEL_KILL, by);
    r->target = to, r->target_pid = pid, r->sender_pid = 100, r->signal = SIGUSR1, r->group = 1;
    ft_commit(r);
}

static void taken(ft_ref by, ft_ref from)
{
    RECORD(kernel_signal, KERNEL_SIGNAL, by);
    r->sender = from, r->sender_pid = 100, r->signal = SIGUSR1, r->handler = 0x1000;
    ft_commit(r);
}

static ft_ref forked(ft_ref by, uint32_t pid)
{
    RECORD(fork, FORK, by);
    r->api = FT_FORK_fork, r->result = (int32_t)pid;
    ft_commit(r);
    return ref;
}

static void spoke(ft_ref fork, uint32_t pid)
{
    RECORD(child, CHILD, fork);
    r->pid = r->tid = pid;
    ft_commit(r);
}

static ft_ref server(void)
{
    RECORD(process, PROCESS, 0);
    r->pid = r->tid = 100, r->birth = FT_BIRTH_EXEC;
    ft_commit(r);
    return ref;
}

int main(int argc, char **argv)
{
    if (argc != 4 || ft_writer_create(&w, argv[1], 4ull << 30, 100)) return 2;
    const char *kind = argv[2];
    long most = atol(argv[3]);
    uint32_t number = 1000;
    ft_ref root = task(0, 100, 100, 0, FT_KERNEL_ROOT), library = server();
    ft_ref other = task(root, 101, 101, 0, FT_KERNEL_BORN);
    for (long i = 0; i < most; i += 2) {
        number = number < 4000000 ? number + 1 : 1000;
        if (!strcmp(kind, "kills")) {
            sent(root, other, 101);
            taken(other, root);
        } else if (!strcmp(kind, "threads")) {
            ended(task(root, 100, number, CLONE_THREAD | CLONE_VM, FT_KERNEL_BORN), false);
        } else {
            ft_ref fork = !strcmp(kind, "pairs") ? forked(library, number) : 0;
            ft_ref child = task(root, number, number, 0, FT_KERNEL_BORN);
            if (fork) spoke(fork, number);
            if (strcmp(kind, "alive")) ended(child, true);
        }
    }
    return 0;
}
