/*
 * pending.c: what waits in stdio's buffers at a fork, and whether the child
 * writes its copy of it.
 *
 * No lock is taken: another thread may hold that of a FILE, or of the list of
 * them. So the whole list is walked only while the process has one thread;
 * else stdout and stderr are looked at, which are never freed.
 *
 * What was pending is remembered in the parent's memory, of which the child
 * has a copy: nothing is stored while nothing is pending.
 */
#define _GNU_SOURCE
#include "pending.h"

#include <errno.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "trace/syscall.h"

#define FILES_MAX   8
#define WALKED_MAX  1000
#define MAGIC       0xfbad0000u /* glibc's, in the flags of a FILE */
#define HAS_FD      0x2000      /* _IO_IS_FILEBUF: no string, no cookie */
#define PATH_ENOUGH 512

/* Exported by glibc since 2.2.5; the FILE comes first in what they are. */
extern FILE *_IO_list_all __attribute__((weak));
extern FILE _IO_2_1_stdout_ __attribute__((weak)), _IO_2_1_stderr_ __attribute__((weak));

struct waiting {
    FILE *file;
    uint64_t device, inode;
    int32_t fd;
    uint32_t bytes;
};

static struct {
    ft_ref child; /* for which fork: in that child, its own task */
    uint32_t count;
    struct waiting file[FILES_MAX];
} pending;

static FILE *first(void)
{
    if (__libc_single_threaded && &_IO_list_all) return _IO_list_all;
    return &_IO_2_1_stdout_;
}

static FILE *next(const FILE *file)
{
    if (__libc_single_threaded && &_IO_list_all) return file->_chain;
    return file == &_IO_2_1_stdout_ ? &_IO_2_1_stderr_ : NULL;
}

static uint32_t bytes_in(FILE *file)
{
    if (((uint32_t)file->_flags & 0xffff0000u) != MAGIC || !(file->_flags & HAS_FD) || file->_fileno < 0)
        return 0;
    size_t bytes = __fpending(file);
    return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

/* True: the descriptor leads to something. */
static bool identify(struct waiting *w, const FILE *file)
{
    struct stat status;
    *w = (struct waiting){.file = (FILE *)(uintptr_t)file, .fd = file->_fileno};
    if (ft_syscall(SYS_fstat, w->fd, &status)) return false;
    w->device = status.st_dev;
    w->inode = status.st_ino;
    return true;
}

/* The file behind a descriptor; 0: a pipe, a socket, a terminal that has no name worth keeping. */
static ft_ref path_of(int fd)
{
    char link[32] = "/proc/self/fd/", digits[12], path[PATH_ENOUGH];
    unsigned n = 0, at = 14;
    for (int rest = fd; n == 0 || rest; rest /= 10) digits[n++] = (char)('0' + rest % 10);
    while (n) link[at++] = digits[--n];
    long length = ft_syscall(SYS_readlinkat, -100, link, path, sizeof path);
    return length > 0 && *path == '/' ? ft_string(&ft, path, (size_t)length, self.task) : 0;
}

static void record(ft_ref task, ft_ref fork, const struct waiting *w, uint32_t what)
{
    ft_ref path = what == FT_STDIO_PENDING ? path_of(w->fd) : 0;
    struct ft_stdio *r = ft_begin(&ft, FT_STDIO, sizeof *r, task);
    if (!r) return;
    r->fork = fork;
    r->fd = w->fd;
    r->file = (uint64_t)(uintptr_t)w->file;
    r->bytes = w->bytes;
    r->what = what;
    r->path = path;
    ft_commit(r);
}

/* Apart: its half kilobyte of stack is a page that a fork would have to copy. */
static __attribute__((noinline)) void remember(ft_ref fork, FILE *file, uint32_t bytes)
{
    struct waiting w;
    if (pending.count >= FILES_MAX || !identify(&w, file)) return;
    w.bytes = bytes;
    pending.child = fork;
    pending.file[pending.count++] = w;
    record(self.task, fork, &w, FT_STDIO_PENDING);
}

void pending_at_fork(ft_ref fork)
{
    unsigned walked = 0;
    if (pending.count) pending.count = 0;
    for (FILE *file = first(); file && walked < WALKED_MAX; file = next(file), walked++) {
        uint32_t bytes = bytes_in(file);
        if (unlikely(bytes)) remember(fork, file, bytes);
    }
}

/*
 * Is it still there, leading to the same file, and not waiting any more (or about to be flushed)? What was
 * closed meanwhile, or leads elsewhere, is not counted: nobody knows where it went.
 */
static bool written(const struct waiting *w, bool flushes)
{
    unsigned walked = 0;
    FILE *file = first();
    while (file && file != w->file && walked++ < WALKED_MAX) file = next(file);
    struct waiting now;
    if (!file || file != w->file || !identify(&now, file)) return false;
    if (now.fd != w->fd || now.device != w->device || now.inode != w->inode) return false;
    return flushes || bytes_in(file) < w->bytes;
}

HOT void pending_at_end(ft_ref task, bool flushes)
{
    if (likely(!pending.count) || pending.child != task) return;
    for (uint32_t i = 0; i < pending.count; i++)
        if (written(&pending.file[i], flushes))
            record(task, pending.child, &pending.file[i], FT_STDIO_WRITTEN);
    pending.count = 0;
}

/* What is thrown away is not written. */
HOOK(void, __fpurge, (FILE * file))
{
    for (uint32_t i = 0; i < pending.count; i++)
        if (pending.file[i].file == file) pending.file[i].file = NULL;
    REAL(__fpurge)(file);
}
EXPORT void fpurge(FILE *file) __attribute__((alias("__fpurge")));
