/* ebpf.c: see ebpf.h. */
#define _GNU_SOURCE
#include "ebpf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "installed.h"

static void become(const char *program, const char *path, pid_t held, const char *buffer, const char *watch,
                   int ready, int stop)
{
    char pid[16], ready_fd[16], stop_fd[16];
    snprintf(pid, sizeof pid, "%d", (int)held);
    snprintf(ready_fd, sizeof ready_fd, "%d", ready);
    snprintf(stop_fd, sizeof stop_fd, "%d", stop);
    fcntl(ready, F_SETFD, 0);
    fcntl(stop, F_SETFD, 0);
    const char *argv[16] = {program, "--join", path, "--held", pid, "--ready", ready_fd, "--stop", stop_fd};
    size_t n = 9;
    if (buffer) argv[n++] = "--buffer", argv[n++] = buffer;
    if (watch && *watch) argv[n++] = "--watch", argv[n++] = watch;
    execv(program, (char **)(uintptr_t)argv);
    command_error(program, "cannot be run: %s", strerror(errno));
    _exit(EXIT_UNUSABLE);
}

/* Its wait status; -1: there is none. */
static int reap(struct ebpf *e)
{
    int status = -1;
    while (e->pid && waitpid(e->pid, &status, 0) < 0 && errno == EINTR) {
    }
    e->pid = 0;
    return status;
}

static bool is_ready(int fd)
{
    char byte;
    ssize_t n;
    do n = read(fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    return n == 1;
}

int ebpf_start(struct ebpf *e, const char *path, pid_t held, const char *buffer, const char *watch,
               const sigset_t *mask)
{
    char program[PATH_MAX];
    int ready[2], stop[2];
    if (!installed_ebpf(program, sizeof program))
        return command_error("forktrace-ebpf",
                             "is not beside forktrace: build it (it needs clang-14, bpftool and "
                             "libbpf-dev), or leave out --ebpf");
    if (pipe2(ready, O_CLOEXEC) || pipe2(stop, O_CLOEXEC))
        return command_error(NULL, "no pipe: %s", strerror(errno));
    e->pid = fork();
    if (!e->pid) {
        sigprocmask(SIG_SETMASK, mask, NULL);
        become(program, path, held, buffer, watch, ready[1], stop[0]);
    }
    close(ready[1]);
    close(stop[0]);
    e->stop = stop[1];
    bool good = e->pid > 0 && is_ready(ready[0]);
    close(ready[0]);
    if (good) return 0;
    close(e->stop);
    if (e->pid < 0) return command_error(NULL, "cannot fork: %s", strerror(errno));
    int status = reap(e); /* it has said why, unless */
    if (status >= 0 && WIFSIGNALED(status))
        command_error("forktrace-ebpf",
                      "was killed by signal %d before its probes were on: try again, or leave out --ebpf",
                      WTERMSIG(status));
    return EXIT_UNUSABLE;
}

void ebpf_stop(struct ebpf *e)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigaction(SIGPIPE, &ignore, &before); /* it may be gone */
    ssize_t n = write(e->stop, "1", 1);   /* without, it takes us for killed, and stays until the tree ends */
    (void)n;
    sigaction(SIGPIPE, &before, NULL);
    close(e->stop);
    reap(e);
}
