/*
 * clone.c: clone(), in its four characters:
 *   its own memory              a fork without atfork handlers
 *   CLONE_VM and CLONE_VFORK    a vfork on a stack of its own
 *   CLONE_THREAD                a thread that pthread_create knows nothing of
 *   CLONE_VM alone              a process that shares our memory
 *
 * The child starts in a trampoline of ours. What that needs lies on top of the
 * child's own stack, where glibc puts the function and its argument as well.
 * A child with a thread pointer of its own (CLONE_SETTLS) may have given it
 * any layout: there we touch nothing and only tell who made it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fork.h"
#include "origin.h"
#include "vfork.h"
#include "watch/watch.h"

struct start {
    int (*function)(void *);
    void *argument;
    const struct ft_fork *record; /* CLONE_VFORK: of the child */
    ft_ref task;
    int flags;
};

/* A child on its parent's thread pointer, both running: `self` is of no use to it. */
static void start_shared(const struct start *start)
{
    uint32_t tid = (uint32_t)syscall(SYS_gettid), pid = (uint32_t)syscall(SYS_getpid);
    self_register_tid(tid, start->task);
    if (start->flags & CLONE_THREAD) {
        struct ft_thread_start *record = ft_begin(&ft, FT_THREAD_START, sizeof *record, start->task);
        if (!record) return;
        record->tid = tid;
        record->pid = pid;
        ft_commit(record);
    } else {
        struct ft_child *record = ft_begin(&ft, FT_CHILD, sizeof *record, start->task);
        if (!record) return;
        record->tid = tid;
        record->pid = pid;
        ft_commit(record);
    }
}

/* Returning from here ends the child: glibc's clone calls _exit by itself. */
static void ended(const struct start *start, int status)
{
    if (start->flags & CLONE_THREAD) {
        struct ft_thread_end *end = ft_begin(&ft, FT_THREAD_END, sizeof *end, start->task);
        if (end) end->how = FT_THREAD_END_returned;
        if (end) ft_commit(end);
    } else {
        struct ft_exit *end = ft_begin(&ft, FT_EXIT, sizeof *end, start->task);
        if (end) end->api = FT_EXIT__exit;
        if (end) end->status = status & 0xff;
        if (end) ft_commit(end);
    }
}

static int trampoline(void *argument)
{
    const struct start *start = argument;
    if (!(start->flags & CLONE_VM)) {
        self.vforked = 0;
        if (self.child) self_become_child(self.child);
        self.child = 0;
    } else if (start->flags & CLONE_VFORK)
        borrow(start->record);
    else
        start_shared(start);
    int status = start->function(start->argument);
    ended(start, status);
    return status;
}

static struct ft_thread_create *thread_record(uint64_t site, int (*function)(void *))
{
    ft_ref task = me();
    if (!task) return NULL;
    struct ft_origin origin = origin_full(site);
    struct ft_thread_create *record = ft_begin(&ft, FT_THREAD_CREATE, sizeof *record, task);
    if (!record) return NULL;
    record->origin = origin;
    record->start = (uintptr_t)function;
    record->api = FT_THREAD_clone;
    record->detached = 1;
    record->error = -1;
    ft_publish(record);
    return record;
}

typedef int clone_function(int (*)(void *), void *, int, void *, ...);
HOOK_REAL(int, clone, (int (*)(void *), void *, int, void *, ...));

EXPORT int clone(int (*function)(void *), void *stack, int flags, void *argument, ...)
{
    /* Whether they were given or not: glibc takes them from the same places, the kernel by the flags. */
    va_list list;
    va_start(list, argument);
    void *parent_tid = va_arg(list, void *), *tls = va_arg(list, void *), *child_tid = va_arg(list, void *);
    va_end(list);
    int saved = errno;
    struct ft_fork *record = NULL;
    struct ft_thread_create *thread = NULL;
    if (function && stack) {
        if (flags & CLONE_THREAD)
            thread = thread_record(SITE(), function);
        else
            record = fork_record(flags & CLONE_VM ? FT_FORK_clone_vm : FT_FORK_clone, SITE());
    }
    errno = saved;
    ft_ref child = thread ? ft_ref_of(thread) : ft_ref_of(record);
    if (!child) return REAL(clone)(function, stack, flags, argument, parent_tid, tls, child_tid);

    ft_ref parent = self.task, outer = self.child;
    bool ours = !(flags & CLONE_SETTLS), lent = ours && (flags & CLONE_VM) && (flags & CLONE_VFORK);
    if (!(flags & CLONE_VM)) self.child = child;
    if (ours) {
        if ((flags & CLONE_VM) && !lent) {
            self_shared_tls = true;     /* before the child's first hook */
            watch_reset(true);          /* two at once would write to one page of one task, */
            self_alive[SELF_QUICK] = 0; /* and count up one cursor */
            self_note(FT_NOTE_SHARED_TLS, NULL);
        }
        struct start *start = (struct start *)((uintptr_t)stack & ~(uintptr_t)15) - 1;
        *start = (struct start){function, argument, record, child, flags};
        function = trampoline;
        argument = stack = start;
    }
    int pid = REAL(clone)(function, stack, flags, argument, parent_tid, tls, child_tid);
    saved = errno;
    self.child = outer;
    if (lent && pid > 0) give_back(parent);
    if (!ours && pid > 0 && (flags & CLONE_VM)) self_register_tid((uint32_t)pid, child);
    fork_result(record, pid > 0 ? pid : -saved);
    if (thread) {
        thread->error = pid > 0 ? 0 : saved;
        ft_commit(thread);
    }
    errno = saved;
    return pid;
}

EXPORT int __clone(int (*)(void *), void *, int, void *, ...) __attribute__((alias("clone"), nothrow, leaf));
