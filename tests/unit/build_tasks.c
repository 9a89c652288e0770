/* build_tasks.c: processes and threads: births, images, ends, names (build_trace.h). */
#include "build_inside.h"

#include <string.h>

ft_ref trace_image_masks(uint32_t pid, uint32_t ppid, enum ft_birth birth, const char *argv, uint64_t blocked,
                         uint64_t ignored, ft_ref parent_task)
{
    RECORD(process, PROCESS, 0);
    r->head.task = ref;
    r->pid = r->tid = pid, r->ppid = ppid, r->birth = birth;
    r->start_ticks = pid + 1000;
    r->blocked = blocked, r->ignored = ignored;
    r->parent_task = parent_task;
    r->argv = record_arguments(argv, ref);
    char exe[256] = "/usr/bin/";
    strncat(exe, argv, strcspn(argv, " "));
    r->exe = record_text(exe, ref);
    ft_commit(r);
    return ref;
}

ft_ref trace_image(uint32_t pid, uint32_t ppid, enum ft_birth birth, const char *argv)
{
    return trace_image_masks(pid, ppid, birth, argv, 0, 0, 0);
}

ft_ref trace_fork(ft_ref by, enum ft_fork_api api, int32_t result)
{
    RECORD(fork, FORK, by);
    r->api = api, r->result = result;
    ft_commit(r);
    return ref;
}

ft_ref trace_fork_open(ft_ref by, enum ft_fork_api api)
{
    RECORD(fork, FORK, by);
    r->api = api;
    ft_publish(r);
    return ref;
}

void trace_child(ft_ref fork, uint32_t pid)
{
    RECORD(child, CHILD, fork);
    r->pid = r->tid = pid;
    ft_commit(r);
}

ft_ref trace_forked(ft_ref by, uint32_t pid)
{
    ft_ref fork = trace_fork(by, FT_FORK_fork, (int32_t)pid);
    trace_child(fork, pid);
    return fork;
}

void trace_exec(ft_ref by, const char *path_)
{
    ft_ref string = record_text(path_, by);
    RECORD(exec, EXEC, by);
    r->path = string;
    ft_commit(r);
}

void trace_exec_failed(ft_ref by, const char *path_, int error)
{
    ft_ref string = record_text(path_, by);
    RECORD(exec_failed, EXEC_FAILED, by);
    r->path = string, r->error = error;
    ft_commit(r);
}

void trace_blind(ft_ref by, ft_ref fork, const char *path_, enum ft_blind_why why)
{
    ft_ref string = record_text(path_, by);
    RECORD(blind, BLIND, by);
    r->fork = fork, r->path = string, r->why = why;
    ft_commit(r);
}

void trace_exit(ft_ref by, enum ft_exit_api api, int status)
{
    RECORD(exit, EXIT, by);
    r->api = api, r->status = status;
    ft_commit(r);
}

void trace_reap_api(ft_ref by, int pid, int wait_status, enum ft_reap_api api)
{
    RECORD(reap, REAP, by);
    r->pid = pid, r->status = wait_status, r->api = api;
    ft_commit(r);
}

void trace_reap(ft_ref by, int pid, int wait_status)
{
    trace_reap_api(by, pid, wait_status, FT_REAP_waitpid);
}

ft_ref trace_thread(ft_ref by, int32_t error)
{
    RECORD(thread_create, THREAD_CREATE, by);
    r->start = 0x401000, r->api = FT_THREAD_pthread_create, r->error = error;
    error == -1 ? ft_publish(r) : ft_commit(r);
    return ref;
}

static void started(struct ft_thread_start *r, uint32_t pid, uint32_t tid, uint64_t pthread)
{
    r->pid = pid, r->tid = tid, r->pthread = pthread;
    ft_commit(r);
}

void trace_thread_start(ft_ref thread, uint32_t pid, uint32_t tid, uint64_t pthread)
{
    RECORD(thread_start, THREAD_START, thread);
    started(r, pid, tid, pthread);
}

ft_ref trace_unseen_start(uint32_t pid, uint32_t tid, uint64_t pthread)
{
    RECORD(thread_start, THREAD_START, 0);
    r->head.task = ref;
    started(r, pid, tid, pthread);
    return ref;
}

ft_ref trace_thread_at(ft_ref by, uint32_t pid, uint32_t tid, uint64_t pthread)
{
    ft_ref thread = trace_thread(by, 0);
    trace_thread_start(thread, pid, tid, pthread);
    return thread;
}

void trace_thread_end(ft_ref thread, enum ft_thread_end_how how)
{
    RECORD(thread_end, THREAD_END, thread);
    r->how = how, r->cpu_ns = 12345;
    ft_commit(r);
}

void trace_thread_name(ft_ref by, uint64_t pthread, const char *name)
{
    RECORD(thread_name, THREAD_NAME, by);
    r->pthread = pthread;
    memcpy(r->name, name, strnlen(name, sizeof r->name));
    ft_commit(r);
}

void trace_unseen(ft_ref by, ft_ref fork, uint32_t tid)
{
    struct ft_unseen_threads *r = ft_begin(&build_writer, FT_UNSEEN_THREADS, sizeof *r + sizeof tid, by);
    cr_assert(r);
    r->fork = fork, r->count = 1, r->tid[0] = tid;
    ft_commit(r);
}
