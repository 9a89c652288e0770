/* programs.c: see programs.h. */
#define _GNU_SOURCE
#include "programs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Run it with the signals as they were for us; `in`: its standard input, and no output then, or -1. The exit
 * status, or -1. */
static int run(char *const arguments[], int in, const sigset_t *mask)
{
    posix_spawnattr_t how;
    posix_spawn_file_actions_t files;
    sigset_t defaults;
    pid_t pid;
    int status = 0;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT), sigaddset(&defaults, SIGQUIT), sigaddset(&defaults, SIGTSTP);
    posix_spawnattr_init(&how);
    posix_spawnattr_setsigmask(&how, mask);
    posix_spawnattr_setsigdefault(&how, &defaults);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_init(&files);
    if (in >= 0) {
        posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
        posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    }
    int error = posix_spawnp(&pid, arguments[0], &files, &how, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    while (!error && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return !error && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- the editor ------------------------------------------------------------------------------- */

/* The name of the program in a command: `"/opt/my editor/code" -w` is code. */
static bool runs(const char *command, const char *program)
{
    char quote = *command == '"' || *command == '\'' ? *command++ : ' ';
    const char *end = strchrnul(command, quote), *name = end;
    while (name > command && name[-1] != '/') name--;
    return strlen(program) == (size_t)(end - name) && !strncmp(name, program, (size_t)(end - name));
}

/* How to say the line: vi, nano, emacs and most others take +LINE FILE. */
enum saying { PLUS, COLON, GOTO };

static enum saying saying_of(const char *command)
{
    static const struct {
        const char *program;
        enum saying saying;
    } others[] = {{"code", GOTO}, {"codium", GOTO}, {"cursor", GOTO}, {"subl", COLON},
                  {"hx", COLON},  {"helix", COLON}, {"zed", COLON}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (runs(command, others[i].program)) return others[i].saying;
    return PLUS;
}

bool program_edit(const char *command, unsigned line, const char *path, const sigset_t *mask)
{
    char script[PATH_MAX], number[16], place[PATH_MAX + 16];
    int wanted = snprintf(script, sizeof script, "%s \"$@\"", command);
    if (wanted < 0 || (size_t)wanted >= sizeof script) return false;
    snprintf(number, sizeof number, "+%u", line);
    snprintf(place, sizeof place, "%s:%u", path, line);
    char *arguments[] = {"sh", "-c", script, "sh", number, (char *)(uintptr_t)path, NULL};
    switch (saying_of(command)) {
    case PLUS: break;
    case GOTO: arguments[4] = "-g", arguments[5] = place; break;
    case COLON: arguments[4] = place, arguments[5] = NULL; break;
    }
    int status = run(arguments, -1, mask);
    return status >= 0 && status != 126 && status != 127; /* the shell's words for: could not be run */
}

/* --- tmux ------------------------------------------------------------------------------------- */

bool program_tmux_copy(const char *text, const sigset_t *mask)
{
    const char *in_tmux = getenv("TMUX");
    if (!in_tmux || !*in_tmux) return false;
    int fd = memfd_create("clipboard", MFD_CLOEXEC); /* a pipe could fill, or break */
    size_t length = strlen(text);
    bool taken = fd >= 0 && write(fd, text, length) == (ssize_t)length && lseek(fd, 0, SEEK_SET) == 0 &&
                 run((char *[]){"tmux", "load-buffer", "-w", "-", NULL}, fd, mask) == 0;
    if (fd >= 0) close(fd);
    return taken;
}
