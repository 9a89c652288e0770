/*
 * inventory.c: what a fork takes along: the locks held in the process, read
 * from the lanes of its threads, and threads born out of our sight, read from
 * /proc/self/task, which is only opened when its link count says that there
 * are any.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "held.h"
#include "inventory.h"
#include "self.h"
#include "thread.h"

#define TIDS_MAX 900 /* fit into a page */

struct visit {
    ft_ref task, fork;
};

static void record_held(void *context, const struct lane *lane)
{
    const struct visit *visit = context;
    uint32_t count = lane->held < HELD_MAX ? lane->held : HELD_MAX;
    for (uint32_t i = 0; i < count; i++) {
        const void *address = lane->lock[i].address;
        uint32_t kind = lane->lock[i].kind;
        if (!held_really(address, kind, lane->tid)) continue;
        struct ft_held *record = ft_begin(&ft, FT_HELD, sizeof *record, visit->task);
        if (!record) return;
        record->address = (uintptr_t)address;
        record->fork = visit->fork;
        record->holder = lane->task;
        record->kind = kind;
        ft_commit(record);
    }
}

struct entry { /* of getdents64 */
    uint64_t inode, next;
    uint16_t size;
    uint8_t type;
    char name[];
};

static uint32_t number(const char *digits)
{
    uint32_t value = 0;
    for (; *digits >= '0' && *digits <= '9'; digits++) value = value * 10 + (uint32_t)(*digits - '0');
    return *digits ? 0 : value;
}

/* The tids of this process but the caller's own into `tids`; their number. */
static uint32_t list_threads(uint32_t *tids, uint32_t room)
{
    uint32_t count = 0, own = (uint32_t)syscall(SYS_gettid);
    char buffer[512] __attribute__((aligned(8)));
    long fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return 0;
    for (long length; (length = syscall(SYS_getdents64, (int)fd, buffer, sizeof buffer)) > 0;)
        for (long at = 0; at < length;) {
            const struct entry *entry = (const void *)(buffer + at);
            uint32_t tid = number(entry->name);
            if (tid && tid != own && count < room) tids[count++] = tid;
            at += entry->size;
        }
    syscall(SYS_close, (int)fd);
    return count;
}

/* The list is read straight into the record: the stack may be a signal handler's small one. */
static __attribute__((noinline)) void record_unseen(const struct visit *visit)
{
    struct stat status;
    if (syscall(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &status, 0)) return;
    uint32_t tasks = (uint32_t)status.st_nlink - 2; /* "." and ".." */
    if (tasks <= thread_known()) return;
    uint32_t room = tasks < TIDS_MAX ? tasks : TIDS_MAX;
    struct ft_unseen_threads *record =
        ft_begin(&ft, FT_UNSEEN_THREADS, sizeof *record + room * sizeof *record->tid, visit->task);
    if (!record) return;
    record->fork = visit->fork;
    record->count = list_threads(record->tid, room);
    ft_commit(record);
}

void inventory_at_fork(ft_ref task, ft_ref fork)
{
    struct visit visit = {task, fork};
    lanes_each(record_held, &visit);
    if (!__libc_single_threaded) record_unseen(&visit);
}
