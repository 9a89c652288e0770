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

#include "blind.h"
#include "env.h"
#include "memory.h"
#include "origin.h"
#include "readable.h"
#include "watch/trap.h"
#include "watch/watch.h"

#define FD_PATH 1024 /* longer ones are cut: not worth a page of somebody's stack */

/* The image that is about to be. */
struct coming {
    ft_ref task, path;
    enum ft_blind_why why; /* the library will not be in it; 0: it will */
};

/* Before the call: there is no after. */
static struct coming about_to(const char *path, enum ft_blind_why why, uint64_t site)
{
    int saved = errno;
    struct coming image = {.task = me(), .why = why};
    if (image.task) {
        struct ft_origin origin = origin_full(site);
        watch_at_end();
        memory_at_exec(image.task);
        image.path = readable(path) ? ft_string(&ft, path, strlen(path), image.task) : 0;
        struct ft_exec *record = ft_begin(&ft, FT_EXEC, sizeof *record, image.task);
        if (record) {
            record->origin = origin;
            record->path = image.path;
            ft_commit(record);
        }
    }
    trap_hand_over();
    errno = saved;
    return image;
}

/* The new image's environment, on the caller's stack; what keeps us out of it is known then, and recorded. */
#define CARRIED(envp, image)                                      \
    __extension__({                                               \
        char *const *carried_env = ENV_CARRY(envp, &(image).why); \
        blind_record((image).task, 0, (image).path, (image).why); \
        carried_env;                                              \
    })

static int failed(const struct coming *image)
{
    int error = errno;
    trap_take_back();
    ft_ref task = me();
    struct ft_exec_failed *record = task ? ft_begin(&ft, FT_EXEC_FAILED, sizeof *record, task) : NULL;
    if (record) {
        record->path = image->path;
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
    struct coming image = about_to(path, blind_at(path), SITE());
    REAL(execve)(path, argv, CARRIED(envp, image));
    return failed(&image);
}

HOOK(int, execv, (const char *path, char *const argv[]))
{
    struct coming image = about_to(path, blind_at(path), SITE());
    REAL(execve)(path, argv, CARRIED(environ, image));
    return failed(&image);
}

/* libc's own searches PATH and falls back to /bin/sh for a file without a magic number. */
HOOK(int, execvpe, (const char *file, char *const argv[], char *const envp[]))
{
    struct coming image = about_to(file, blind_in_path(file), SITE());
    REAL(execvpe)(file, argv, CARRIED(envp, image));
    return failed(&image);
}

HOOK(int, execvp, (const char *file, char *const argv[]))
{
    struct coming image = about_to(file, blind_in_path(file), SITE());
    REAL(execvpe)(file, argv, CARRIED(environ, image));
    return failed(&image);
}

HOOK(int, fexecve, (int fd, char *const argv[], char *const envp[]))
{
    char room[FD_PATH];
    struct coming image = about_to(fd_path(fd, room), blind_at_fd(fd), SITE());
    REAL(fexecve)(fd, argv, CARRIED(envp, image));
    return failed(&image);
}

HOOK(int, execveat, (int fd, const char *path, char *const argv[], char *const envp[], int flags))
{
    char room[FD_PATH];
    bool by_fd = (flags & AT_EMPTY_PATH) && readable(path) && !*path;
    enum ft_blind_why why = by_fd ? blind_at_fd(fd) : readable(path) && *path == '/' ? blind_at(path) : 0;
    struct coming image = about_to(by_fd ? fd_path(fd, room) : path, why, SITE());
    REAL(execveat)(fd, path, argv, CARRIED(envp, image), flags);
    return failed(&image);
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
    struct coming image = about_to(path, blind_at(path), SITE());
    REAL(execve)(path, argv, CARRIED(environ, image));
    return failed(&image);
}

HOOK(int, execlp, (const char *file, const char *first, ...))
{
    va_list rest;
    VECTOR(argv, first, rest);
    va_end(rest);
    struct coming image = about_to(file, blind_in_path(file), SITE());
    REAL(execvpe)(file, argv, CARRIED(environ, image));
    return failed(&image);
}

HOOK(int, execle, (const char *path, const char *first, ...))
{
    va_list rest;
    VECTOR(argv, first, rest);
    char *const *envp = va_arg(rest, char *const *);
    va_end(rest);
    struct coming image = about_to(path, blind_at(path), SITE());
    REAL(execve)(path, argv, CARRIED(envp, image));
    return failed(&image);
}
