/*
 * doctor_kernel.c: does the kernel show us what the library cannot see?
 * forktrace-ebpf says so itself, by loading its probes; the rest says why not,
 * or what else would go better.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor.h"
#include "installed.h"

/* Up to room - 1 bytes of a small file, without the newline at the end; false: it cannot be read. */
static bool read_file(const char *path, char *text, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = read(fd, text, room - 1);
    close(fd);
    if (n < 0) return false;
    while (n && text[n - 1] == '\n') n--;
    text[n] = 0;
    return true;
}

/* --- the probes themselves ---------------------------------------------------------------------- */

/* What it says on stderr, without its name; its exit status. */
static int ask(const char *program, char *said, size_t room)
{
    int ends[2], status;
    size_t used = 0;
    if (pipe2(ends, O_CLOEXEC)) return -1;
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        dup2(ends[1], STDERR_FILENO);
        execl(program, program, "--check", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    for (ssize_t n; used < room - 1 && (n = read(ends[0], said + used, room - 1 - used)) > 0;)
        used += (size_t)n;
    while (used && said[used - 1] == '\n') used--;
    said[used] = 0;
    close(ends[0]);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool check_probes(void)
{
    char program[PATH_MAX], said[2048];
    static const char name[] = "forktrace-ebpf: ";
    if (!installed_ebpf(program, sizeof program)) {
        doctor_say(OPINION_OFF, "forktrace-ebpf",
                   "build it: clang-14, bpftool and libbpf-dev must be installed, then make",
                   "it is not beside forktrace");
        return false;
    }
    if (!ask(program, said, sizeof said)) {
        doctor_say(OPINION_GOOD, "forktrace-ebpf", NULL, "this kernel takes its probes: record --ebpf works");
        return true;
    }
    size_t skip = strncmp(said, name, sizeof name - 1) ? 0 : sizeof name - 1;
    doctor_say(OPINION_OFF, "forktrace-ebpf", NULL, "%s", *said ? said + skip : "it cannot be run");
    return false;
}

/* --- what it needs ------------------------------------------------------------------------------ */

static void check_version(void)
{
    struct utsname kernel;
    unsigned major = 0, minor = 0;
    if (uname(&kernel) || sscanf(kernel.release, "%u.%u", &major, &minor) != 2) return;
    bool enough = major > 5 || (major == 5 && minor >= 15);
    doctor_say(enough ? OPINION_GOOD : OPINION_HINT, "kernel",
               enough ? NULL : "--ebpf is made for 5.15 and later; the library works from 4.14 on", "%s",
               kernel.release);
}

/* The kernel's description of itself; *multi: it knows of uprobe_multi (6.6). */
static bool look_into_btf(bool *multi)
{
    static const char word[] = "BPF_TRACE_UPROBE_MULTI";
    size_t room = 64 << 10, kept = 0;
    char *text = malloc(room);
    int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
    bool there = fd >= 0 && text;
    *multi = false;
    for (ssize_t n; there && !*multi && (n = read(fd, text + kept, room - kept)) > 0;) {
        size_t length = kept + (size_t)n;
        *multi = memmem(text, length, word, sizeof word - 1);
        kept = length < sizeof word ? length : sizeof word; /* it may lie across the edge */
        memmove(text, text + length - kept, kept);
    }
    if (fd >= 0) close(fd);
    free(text);
    return there;
}

static void check_btf(void)
{
    bool multi;
    if (!look_into_btf(&multi)) {
        doctor_say(OPINION_HINT, "BTF", "--ebpf needs a kernel with CONFIG_DEBUG_INFO_BTF",
                   "/sys/kernel/btf/vmlinux cannot be read");
        return;
    }
    doctor_say(OPINION_GOOD, "BTF", NULL, "this kernel describes itself");
    doctor_say(multi ? OPINION_GOOD : OPINION_HINT, "uprobe_multi",
               multi ? NULL
                     : "it is there from 6.6 on: without it probes in programs go away slowly, one by one, "
                       "and need CAP_SYS_ADMIN",
               multi ? "probes in programs come and go all at once" : "this kernel does not have it");
}

static void check_tracefs(void)
{
    bool there = !access("/sys/kernel/tracing/events", R_OK | X_OK) ||
                 !access("/sys/kernel/debug/tracing/events", R_OK | X_OK);
    bool root = !geteuid();
    doctor_say(there ? OPINION_GOOD : OPINION_HINT, "tracefs",
               there  ? NULL
               : root ? "mount -t tracefs tracefs /sys/kernel/tracing"
                      : "only root may read it: it is not needed but for other tools",
               there ? "mounted and readable" : "not mounted, or not readable");
}

static void check_perf(void)
{
    char text[32];
    if (!read_file("/proc/sys/kernel/perf_event_paranoid", text, sizeof text)) return;
    int level = atoi(text);
    bool allowed = level <= 2 || !geteuid();
    doctor_say(allowed ? OPINION_GOOD : OPINION_HINT, "perf_event_paranoid",
               allowed ? NULL
                       : "sysctl kernel.perf_event_paranoid=2 (as root), for hardware watches (hw:NAME)",
               "%d: hardware breakpoints %s", level, allowed ? "may be used" : "are for root only");
}

static void check_lockdown(void)
{
    char text[64];
    if (!read_file("/sys/kernel/security/lockdown", text, sizeof text))
        return; /* built without, or not mounted */
    bool none = strstr(text, "[none]"), some = strstr(text, "[integrity]");
    doctor_say(none || some ? OPINION_GOOD : OPINION_HINT, "lockdown",
               none || some ? NULL
                            : "boot without lockdown=confidentiality: BPF may not read the kernel's memory",
               "%s",
               none   ? "none"
               : some ? "integrity: BPF may still look"
                      : "confidentiality");
}

static void check_seccomp(void)
{
    char status[4096];
    if (!read_file("/proc/self/status", status, sizeof status)) return;
    const char *at = strstr(status, "\nSeccomp:");
    bool filtered = at && atoi(at + 9);
    doctor_say(
        filtered ? OPINION_HINT : OPINION_GOOD, "seccomp",
        filtered ? "a container: docker run --security-opt seccomp=unconfined, and --cap-add BPF,PERFMON"
                 : NULL,
        filtered ? "system calls of this process are filtered: bpf() and perf_event_open() may be among them"
                 : "no system call is filtered");
}

/* From 5.11 on BPF memory is accounted to the cgroup. */
static void check_memory_lock(void)
{
    struct utsname kernel;
    struct rlimit limit;
    unsigned major = 0, minor = 0;
    if (uname(&kernel) || sscanf(kernel.release, "%u.%u", &major, &minor) != 2) return;
    if (major > 5 || (major == 5 && minor >= 11) || getrlimit(RLIMIT_MEMLOCK, &limit)) return;
    bool enough = limit.rlim_cur >= 64u << 20 || !geteuid();
    doctor_say(enough ? OPINION_GOOD : OPINION_HINT, "locked memory", enough ? NULL : "ulimit -l unlimited",
               "%llu KiB", (unsigned long long)limit.rlim_cur >> 10);
}

/* What a watch sees where the library is not. */
static void check_watches(bool works)
{
#if defined __x86_64__
    doctor_say(works ? OPINION_GOOD : OPINION_HINT, "-w py:MODULE.NAME", NULL,
               works ? "of CPython 3.11 it is seen by probes in processes the library is not in"
                     : "only processes the library is in are seen");
#else
    (void)works;
    doctor_say(OPINION_HINT, "-w py:MODULE.NAME", NULL,
               "only processes the library is in are seen on this machine");
#endif
}

bool doctor_kernel(void)
{
    doctor_heading("The kernel (record --ebpf)");
    bool works = check_probes();
    check_version();
    check_btf();
    check_tracefs();
    check_perf();
    check_lockdown();
    check_seccomp();
    check_memory_lock();
    check_watches(works);
    return works;
}
