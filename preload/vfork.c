/*
 * vfork.c: what vfork.S calls, and the state of a thread lent to a vfork
 * child. The child has its own pid but the parent's memory: nothing cached is
 * refreshed in it, everything it changes in `self` the parent puts back.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fork.h"
#include "vfork.h"
#include "watch/watch.h"

void borrow(const struct ft_fork *record)
{
    watch_reset(true); /* one memory, one thread pointer, two tasks */
    self.task = ft_ref_of(record);
    self.vforked++;
    struct ft_child *child = record ? ft_begin(&ft, FT_CHILD, sizeof *child, self.task) : NULL;
    if (!child) return;
    child->pid = (uint32_t)syscall(SYS_getpid);
    child->tid = (uint32_t)syscall(SYS_gettid);
    ft_commit(child);
}

void give_back(ft_ref parent)
{
    watch_reset(true);
    self.task = parent;
    if (self.vforked) self.vforked--; /* 0: an emulator's vfork is a fork (qemu-user) */
}

#if defined __x86_64__ || defined __aarch64__
/* Returned in rax and rdx, or x0 and x1, where vfork.S expects them. */
struct before {
    struct ft_fork *record;
    uint64_t parent;
};
struct before vfork_before(uint64_t site);
void vfork_in_child(struct ft_fork *record, uint64_t parent);
long vfork_in_parent(struct ft_fork *record, uint64_t parent, int result);

struct before vfork_before(uint64_t site)
{
    struct ft_fork *record = fork_record(FT_FORK_vfork, site);
    return (struct before){record, self.task};
}

/* Without a record the child stays its parent as far as we can tell: better than a task of its own out of
 * thin air. */
void vfork_in_child(struct ft_fork *record, uint64_t parent)
{
    if (record) borrow(record);
}

long vfork_in_parent(struct ft_fork *record, uint64_t parent, int result)
{
    if (record && result > 0) give_back((ft_ref)parent);
    fork_result(record, result);
    if (result > 0) return result;
    errno = -result;
    return -1;
}
#endif
