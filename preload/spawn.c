/*
 * spawn.c: libc functions that make a process inside: posix_spawn, system,
 * popen, daemon, forkpty, wordexp. What they call internally passes no wrapper
 * of ours; their children are known by the image's birth certificate, and
 * those of daemon and forkpty by the atfork handlers (fork.c).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pty.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <wordexp.h>

#include "blind.h"
#include "env.h"
#include "fork.h"
#include "readable.h"
#include "reap.h"
#include "watch/trap.h"

/* --- posix_spawn ---------------------------------------------------------------------------- */

typedef int spawn_function(pid_t *, const char *, const posix_spawn_file_actions_t *,
                           const posix_spawnattr_t *, char *const[], char *const[]);

static int spawn(spawn_function *real, pid_t *pid, const char *path,
                 const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
                 char *const argv[], char *const envp[], enum ft_blind_why why, uint64_t site)
{
    pid_t child = 0;
    struct ft_fork *record = fork_record(FT_FORK_posix_spawn, site);
    char *const *carried = ENV_CARRY(envp, &why);
    blind_child(record, path, why);
    trap_hand_over();
    int error = real(&child, path, actions, attributes, argv, carried);
    trap_take_back();
    fork_result(record, error ? -error : child);
    if (pid && !error) *pid = child; /* glibc does not touch it on failure */
    return error;
}

HOOK(int, posix_spawn,
     (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]))
{
    bool elsewhere = actions && readable(path) && *path != '/'; /* an action may be chdir */
    return spawn(&REAL(posix_spawn), pid, path, actions, attributes, argv, envp,
                 elsewhere ? 0 : blind_at(path), SITE());
}

HOOK(int, posix_spawnp,
     (pid_t * pid, const char *file, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]))
{
    return spawn(&REAL(posix_spawnp), pid, file, actions, attributes, argv, envp, blind_in_path(file),
                 SITE());
}

/* --- a shell -------------------------------------------------------------------------------- */

#define SHELL "/bin/sh" /* glibc's: of the architecture and libc we are of, or nothing would work */

/* Without a command it runs `exit 0` to see whether there is a shell: a process as well. */
HOOK(int, system, (const char *command))
{
    struct ft_fork *record = fork_record(FT_FORK_system, SITE());
    blind_child(record, SHELL, env_install());
    int result = REAL(system)(command);
    fork_result(record, result == -1 ? -errno : 1);
    if (result != -1) reaped(FT_REAP_system, SITE(), 0, command ? result : W_EXITCODE(!result, 0));
    return result;
}

HOOK(FILE *, popen, (const char *command, const char *mode))
{
    struct ft_fork *record = fork_record(FT_FORK_popen, SITE());
    blind_child(record, SHELL, env_install());
    FILE *file = REAL(popen)(command, mode);
    fork_result(record, file ? 1 : -errno);
    return file;
}

HOOK(int, pclose, (FILE * file))
{
    int status = REAL(pclose)(file);
    if (status != -1) reaped(FT_REAP_pclose, SITE(), 0, status);
    return status;
}

/* Runs a shell only for $(...), and reaps it itself: all it needs of us is the environment. */
HOOK(int, wordexp, (const char *words, wordexp_t *result, int flags))
{
    if (!(flags & WRDE_NOCMD)) env_install();
    return REAL(wordexp)(words, result, flags);
}

/* --- forks inside libc: the atfork handlers record them -------------------------------------- */

/* Its parent never returns: it leaves by libc's internal _exit. */
HOOK(int, daemon, (int keep_directory, int keep_stdio))
{
    struct fork_call outer = fork_enter(FT_FORK_daemon, SITE());
    int result = REAL(daemon)(keep_directory, keep_stdio);
    fork_leave(&outer, result);
    return result;
}

HOOK(pid_t, forkpty, (int *master, char *name, const struct termios *terminal, const struct winsize *window))
{
    struct fork_call outer = fork_enter(FT_FORK_forkpty, SITE());
    pid_t pid = REAL(forkpty)(master, name, terminal, window);
    fork_leave(&outer, pid);
    return pid;
}
