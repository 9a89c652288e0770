/*
 * main.c: forktrace-ebpf, the one program of forktrace that needs privilege.
 * It looks at a tree of processes through the kernel and appends what it sees
 * to a trace. It starts no program, and what it looks at goes on without it.
 *
 *     forktrace-ebpf -p PID [-o FILE] [-w WATCHES]  a tree that runs
 *     forktrace-ebpf --check                     does this kernel take the probes? Exit status 0, or 2 and
 * why not forktrace-ebpf --join FILE --held PID --ready FD --stop FD for `forktrace record --ebpf`
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "follow.h"
#include "trace/settings.h"

#define LOOK_EVERY   100 /* ms */
#define RING_DEFAULT (8u << 20)
#define AHEAD        (-5) /* its nice value */

struct request {
    uint32_t pid;
    const char *output, *join;
    int ready, stop; /* descriptors, -1: none */
    struct follow_wishes wishes;
    bool check;
};

static volatile sig_atomic_t told_to_stop;
static struct output output;

static int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("forktrace-ebpf: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return 2;
}

static void on_signal(int signal) { told_to_stop = signal; }

/* --- before ----------------------------------------------------------------------------------- */

/* With file capabilities anybody may run us: nobody may look at what is not theirs. */
static int check_owner(uint32_t pid)
{
    char path[32];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%u", pid);
    if (stat(path, &st)) return fail("-p %u: there is no such process", pid);
    if (getuid() && st.st_uid != getuid())
        return fail("-p %u: it belongs to somebody else: run as root", pid);
    return 0;
}

/* Of the two it needs; the older CAP_SYS_ADMIN holds both. "": none. */
static const char *missing_rights(void)
{
    char line[128];
    unsigned long long rights = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status)) sscanf(line, "CapEff: %llx", &rights);
    if (status) fclose(status);
    bool bpf = rights & 1ull << CAP_BPF, perfmon = rights & 1ull << CAP_PERFMON;
    if (rights & 1ull << CAP_SYS_ADMIN || (bpf && perfmon)) return "";
    return bpf       ? "CAP_PERFMON is missing"
           : perfmon ? "CAP_BPF is missing"
                     : "CAP_BPF and CAP_PERFMON are missing";
}

/* It was given them, and they do not count: no_new_privs, or mounted nosuid. */
static bool has_file_rights(const char *self) { return getxattr(self, "security.capability", NULL, 0) > 0; }

static int explain(int error)
{
    char self[PATH_MAX] = "forktrace-ebpf";
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) self[n] = 0;
    if (access("/sys/kernel/btf/vmlinux", R_OK))
        return fail(
            "this kernel does not describe itself (/sys/kernel/btf/vmlinux is missing): the preloaded "
            "library records without it: leave out --ebpf");
    const char *missing = missing_rights();
    if ((error != -EPERM && error != -EACCES) ||
        (error == -EACCES && !*missing)) /* the verifier's word, too */
        return fail("the kernel did not take the probes: %s: --verbose tells more; the preloaded library "
                    "records without them: leave out --ebpf",
                    strerror(-error));
    if (!*missing)
        return fail(
            "the kernel lets nobody load BPF programs (it is locked down, or this is a container whose "
            "bpf() is filtered): leave out --ebpf");
    if (!geteuid())
        return fail("it may not look into the kernel: %s, though it runs as root: give them to the container "
                    "(docker run --cap-add BPF --cap-add PERFMON), or leave out --ebpf",
                    missing);
    if (has_file_rights(self))
        return fail(
            "it may not look into the kernel: %s: those of %s do not all count here (too few, no_new_privs, "
            "or its file system is mounted nosuid): run it as root, or leave out --ebpf",
            missing, self);
    return fail("it may not look into the kernel: %s: run it as root, or once: sudo setcap "
                "cap_bpf,cap_perfmon=ep %s; or leave out --ebpf",
                missing, self);
}

/* Nothing is followed: the tree has no root. */
static int check(const struct request *r)
{
    struct follow f;
    int error = follow_open(&f, &output, &r->wishes);
    if (error) return explain(error);
    follow_close(&f);
    return 0;
}

static int open_trace(const struct request *r)
{
    char path[PATH_MAX];
    const char *name = r->join ? r->join : r->output;
    if (!name) snprintf(path, sizeof path, "%u.ftrace", r->pid), name = path;
    char directory[PATH_MAX], whole[2 * PATH_MAX];
    if (*name != '/' && !getcwd(directory, sizeof directory)) return fail("%s: %s", name, strerror(errno));
    snprintf(whole, sizeof whole, "%s%s%s", *name == '/' ? "" : directory, *name == '/' ? "" : "/", name);
    if (strlen(whole) >= PATH_MAX) return fail("%s: the path is too long: name another file with -o", name);
    int error = r->join ? ft_writer_join(&output.writer, whole)
                        : ft_writer_create(&output.writer, whole, ft_max_size(getenv("FORKTRACE_MAX_SIZE")),
                                           ft_wait_ms(getenv("FORKTRACE_WAIT_MS")));
    if (error == -EEXIST) return fail("%s: exists already: remove it, or name another file with -o", whole);
    if (error) return fail("%s: cannot be written: %s: name another place with -o", whole, strerror(-error));
    return 0;
}

/* --- meanwhile -------------------------------------------------------------------------------- */

static void set_signals(bool with_forktrace)
{
    /* ^C is for the command: forktrace tells us when it has ended. */
    struct sigaction action = {.sa_handler = with_forktrace ? SIG_IGN : on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGQUIT, &action, NULL);
    sigaction(SIGPIPE, &action, NULL);
}

/* Told to stop by forktrace. If it is gone, killed, the tree is not: then we stay to the end, like -p. */
static bool is_told(struct request *r)
{
    char byte;
    ssize_t n = read(r->stop, &byte, 1);
    if (n) return n == 1;
    r->stop = -1;
    set_signals(false);
    return false;
}

static void wait_for_end(struct follow *f, struct request *r)
{
    while (!told_to_stop && !follow_over(f)) {
        struct pollfd fds[] = {{follow_fd(f), POLLIN, 0}, {r->stop, POLLIN, 0}};
        if (poll(fds, 2, LOOK_EVERY) < 0 && errno != EINTR) break;
        if (follow_look(f) < 0 || (fds[1].revents && is_told(r))) break;
    }
    follow_look(f);
}

static int follow(struct request *r)
{
    struct follow f;
    int error = follow_open(&f, &output, &r->wishes);
    if (error) return explain(error); /* before there is a trace */
    if ((error = open_trace(r))) return error;
    if (!write_begin(&output)) return fail("not enough memory");
    set_signals(r->stop >= 0);
    setpriority(PRIO_PROCESS, 0, AHEAD); /* what is gone when we look is not known; as root only */
    error = follow_root(&f, r->pid, r->join);
    if (error) return fail("-p %u: %s", r->pid, strerror(-error));
    if (r->ready >= 0 && write(r->ready, "1", 1) != 1) return 2; /* nobody waits for us any more */
    wait_for_end(&f, r);
    write_end(&output);
    follow_close(&f);
    return 0;
}

/* --- the command line ------------------------------------------------------------------------- */

static const char usage[] =
    "usage: forktrace-ebpf -p PID [-o FILE] [-w WATCH]... [--buffer SIZE] [--like-5.15] [--verbose]\n"
    "       forktrace-ebpf --check\n"
    "Record the processes below PID as the kernel sees them, until they have ended or ^C.\n";

static const struct option options[] = {
    {"pid", required_argument, NULL, 'p'},
    {"output", required_argument, NULL, 'o'},
    {"join", required_argument, NULL, 'j'},
    {"held", required_argument, NULL, 'p'},
    {"ready", required_argument, NULL, 'r'},
    {"stop", required_argument, NULL, 's'},
    {"buffer", required_argument, NULL, 'b'},
    {"watch", required_argument, NULL, 'w'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"check", no_argument, NULL, 'c'},
    {"like-5.15", no_argument, NULL, 'n'}, /* for tests of what older kernels get */
    {0}};

static bool add_watch(struct request *r, const char *watch)
{
    char *all;
    const char *before = r->wishes.watch;
    if (asprintf(&all, "%s%s%s", before ? before : "", before && *before ? ";" : "", watch) < 0) return false;
    r->wishes.watch = all;
    return true;
}

int main(int argc, char **argv)
{
    struct request r = {.ready = -1,
                        .stop = -1,
                        .wishes = {.ring = RING_DEFAULT, .wait_ms = ft_wait_ms(getenv("FORKTRACE_WAIT_MS"))}};
    for (int letter; (letter = getopt_long(argc, argv, "p:o:w:vh", options, NULL)) != -1;) {
        switch (letter) {
        case 'p': r.pid = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'o': r.output = optarg; break;
        case 'j': r.join = optarg; break;
        case 'r': r.ready = atoi(optarg); break;
        case 's': r.stop = atoi(optarg); break;
        case 'b': r.wishes.ring = (uint32_t)ft_max_size(optarg); break;
        case 'w':
            if (!add_watch(&r, optarg)) return fail("not enough memory");
            break;
        case 'v': r.wishes.verbose = true; break;
        case 'c': r.check = true; break;
        case 'n': r.wishes.like_5_15 = true; break;
        case 'h': return fputs(usage, stdout) < 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    if (r.check && optind == argc) return check(&r);
    if (!r.pid || optind < argc) return fputs(usage, stderr), 2;
    int error = check_owner(r.pid);
    return error ? error : follow(&r);
}
