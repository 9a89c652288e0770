/*
 * exec.c: the nine ways to become another program. Each has its own entry in
 * libc that does not pass through the others', so each is wrapped. They may be
 * called in a vfork child or a signal handler: everything lives on the stack.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "env.h"
#include "origin.h"
#include "readable.h"

#define FD_PATH 1024 /* longer ones are cut: not worth a page of somebody's stack */

static ft_ref path_string(const char *path, ft_ref task)
{
    return readable(path) ? ft_string(&ft, path, strlen(path), task) : 0;
}

/* Before the call: there is no after. Returns the path's reference for failed(). */
static ft_ref about_to(const char *path, uint64_t site)
{
    int saved = errno;
    ft_ref task = me(), name = 0;
    if (task) {
        struct ft_origin origin = origin_full(site);
        name = path_string(path, task);
        struct ft_exec *record = ft_begin(&ft, FT_EXEC, sizeof *record, task);
        if (record) {
            record->origin = origin;
            record->path = name;
            ft_commit(record);
        }
    }
    errno = saved;
    return name;
}

static int failed(ft_ref name)
{
    int error = errno;
    ft_ref task = me();
    struct ft_exec_failed *record = task ? ft_begin(&ft, FT_EXEC_FAILED, sizeof *record, task) : NULL;
    if (record) {
        record->path = name;
        record->error = error;
        ft_commit(record);
    }
    errno = error;
    return -1;
}

/* What a descriptor is open on, for the two calls that may give no path. */
static const char *fd_path(int fd, char room[FD_PATH])
{
    char link[32];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, room, FD_PATH - 1);
    errno = saved;
    if (length <= 0) return NULL;
    room[length] = 0;
    return room;
}

/* --- with a vector -------------------------------------------------------------------------- */

HOOK(int, execve, (const char *path, char *const argv[], char *const envp[]))
{
    ft_ref name = about_to(path, SITE());
    REAL(execve)(path, argv, ENV_CARRY(envp));
    return failed(name);
}

HOOK(int, execv, (const char *path, char *const argv[]))
{
    ft_ref name = about_to(path, SITE());
    REAL(execve)(path, argv, ENV_CARRY(environ));
    return failed(name);
}

/* libc's own searches PATH and falls back to /bin/sh for a file without a magic number. */
HOOK(int, execvpe, (const char *file, char *const argv[], char *const envp[]))
{
    ft_ref name = about_to(file, SITE());
    REAL(execvpe)(file, argv, ENV_CARRY(envp));
    return failed(name);
}

HOOK(int, execvp, (const char *file, char *const argv[]))
{
    ft_ref name = about_to(file, SITE());
    REAL(execvpe)(file, argv, ENV_CARRY(environ));
    return failed(name);
}

HOOK(int, fexecve, (int fd, char *const argv[], char *const envp[]))
{
    char room[FD_PATH];
    ft_ref name = about_to(fd_path(fd, room), SITE());
    REAL(fexecve)(fd, argv, ENV_CARRY(envp));
    return failed(name);
}

HOOK(int, execveat, (int fd, const char *path, char *const argv[], char *const envp[], int flags))
{
    char room[FD_PATH];
    bool by_fd = (flags & AT_EMPTY_PATH) && readable(path) && !*path;
    ft_ref name = about_to(by_fd ? fd_path(fd, room) : path, SITE());
    REAL(execveat)(fd, path, argv, ENV_CARRY(envp), flags);
    return failed(name);
}

/* --- with a list ---------------------------------------------------------------------------- */

/*
 * The arguments from `first` on as a vector on the caller's stack; `after` is
 * left behind the NULL that ends them.
 */
#define VECTOR(argv, first, after)                                                                    \
    size_t argc = 0;                                                                                  \
    va_start(after, first);                                                                           \
    for (const char *each = first; each; each = va_arg(after, const char *)) argc++;                  \
    va_end(after);                                                                                    \
    char **argv = alloca((argc + 1) * sizeof *argv);                                                  \
    va_start(after, first);                                                                           \
    for (size_t i = 0; i < argc; i++) argv[i] = i ? va_arg(after, char *) : (char *)(uintptr_t)first; \
    if (argc) (void)va_arg(after, char *);                                                            \
    argv[argc] = NULL

HOOK(int, execl, (const char *path, const char *first, ...))
{
    va_list rest;
    VECTOR(argv, first, rest);
    va_end(rest);
    ft_ref name = about_to(path, SITE());
    REAL(execve)(path, argv, ENV_CARRY(environ));
    return failed(name);
}

HOOK(int, execlp, (const char *file, const char *first, ...))
{
    va_list rest;
    VECTOR(argv, first, rest);
    va_end(rest);
    ft_ref name = about_to(file, SITE());
    REAL(execvpe)(file, argv, ENV_CARRY(environ));
    return failed(name);
}

HOOK(int, execle, (const char *path, const char *first, ...))
{
    va_list rest;
    VECTOR(argv, first, rest);
    char *const *envp = va_arg(rest, char *const *);
    va_end(rest);
    ft_ref name = about_to(path, SITE());
    REAL(execve)(path, argv, ENV_CARRY(envp));
    return failed(name);
}
