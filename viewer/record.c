/*
 * record.c: `forktrace record`: run a command under the library.
 *
 * The command is our child and otherwise on its own: same process group (the
 * terminal's ^C reaches it without us), same masks and dispositions. Nothing
 * here may change how it behaves.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "ebpf.h"
#include "installed.h"
#include "recording.h"
#include "symbols/symbols.h"
#include "symbols/target.h"
#include "text.h"
#include "trace/format.h"
#include "trace/settings.h"
#include "trace/writer.h"
#include "trim.h"

/* --- before ------------------------------------------------------------------------------------- */

/* The pattern's %e %p %t %h %% for a command, made absolute: the library must not need to guess. */
static bool expand(const char *pattern, const char *command, char *path, size_t room)
{
    char piece[PATH_MAX];
    struct utsname host;
    size_t used = 0;
    if (*pattern != '/') {
        if (!getcwd(path, room)) return false;
        used = strlen(path);
        used += (size_t)snprintf(path + used, room - used, used > 1 ? "/" : "");
    }
    for (; *pattern && used < room; pattern++) {
        const char *slash = strrchr(command, '/');
        snprintf(piece, sizeof piece, "%c", *pattern);
        if (*pattern == '%' && pattern[1]) {
            switch (*++pattern) {
            case 'e': snprintf(piece, sizeof piece, "%s", slash ? slash + 1 : command); break;
            case 'p': snprintf(piece, sizeof piece, "%d", (int)getpid()); break;
            case 't': snprintf(piece, sizeof piece, "%lld", (long long)time(NULL)); break;
            case 'h': snprintf(piece, sizeof piece, "%s", uname(&host) ? "unknown" : host.nodename); break;
            default: snprintf(piece, sizeof piece, "%c", *pattern); break;
            }
        }
        used += (size_t)snprintf(path + used, room - used, "%s", piece);
    }
    return used < room;
}

/* A trace cannot be made there: said before anything runs. 0 if it can. */
static int check_output(const char *path)
{
    struct stat st;
    char directory[PATH_MAX];
    snprintf(directory, sizeof directory, "%s", path);
    if (!lstat(path, &st))
        return command_error(path, "exists already: remove it, or name another file with -o");
    char *slash = strrchr(directory, '/');
    slash[slash == directory] = 0;
    if (access(directory, W_OK | X_OK))
        return command_error(directory, "no trace can be made there: %s: name another place with -o",
                             strerror(errno));
    return 0;
}

/* ld.so takes spaces and colons for separators, and there is no way to quote them. */
static int check_library(struct recording *r)
{
    if (!installed_library(r->library, sizeof r->library))
        return command_error("libforktrace.so",
                             "is neither beside forktrace nor in lib/forktrace: build or install it");
    if (strpbrk(r->library, " :"))
        return command_error(r->library,
                             "LD_PRELOAD cannot name a path with spaces or colons: install it elsewhere");
    return 0;
}

/* --- the child ---------------------------------------------------------------------------------- */

/*
 * A program made with gcc's AddressSanitizer ends at once if another library comes before its own
 * (asan_linux.cpp, AsanCheckDynamicRTPrereqs), which need not be: ours calls through to it.
 */
static void relax_sanitizer(void)
{
    const char *before = getenv("ASAN_OPTIONS");
    char *options;
    if (asprintf(&options, "%s%sverify_asan_link_order=0", before ? before : "",
                 before && *before ? ":" : "") > 0)
        setenv("ASAN_OPTIONS", options, 1);
}

static void set_environment(const struct recording *r)
{
    char value[2 * PATH_MAX];
    const char *before = getenv("LD_PRELOAD");
    size_t used = 0;
    for (const char *c = r->path; *c && used + 2 < sizeof value; c++) {
        if (*c == '%') value[used++] = '%';
        value[used++] = *c;
    }
    value[used] = 0;
    setenv("FORKTRACE_OUT", value, 1);
    unsetenv("FORKTRACE_RUN"); /* of a run around this one */
    if (r->sanitizer) relax_sanitizer();
    if (r->watch) setenv("FORKTRACE_WATCH", r->watch, 1);
    if (r->greenlets) setenv("FORKTRACE_GREENLETS", "switches", 1);
    if (target_refuses(r->why)) return; /* its loader would complain, or give up */
    char *preload;
    if (asprintf(&preload, "%s%s%s", r->library, before && *before ? ":" : "", before ? before : "") > 0)
        setenv("LD_PRELOAD", preload, 1);
}

/*
 * With two witnesses the trace has to be there before the command is: the
 * library joins it. Then the command waits until the probes are on.
 */
static void wait_for_probes(const struct recording *r, int report, int go)
{
    static struct ft_writer w;
    char byte;
    ssize_t n;
    int error = ft_writer_create(&w, r->path, ft_max_size(getenv("FORKTRACE_MAX_SIZE")),
                                 ft_wait_ms(getenv("FORKTRACE_WAIT_MS")));
    if (error) _exit(command_error(r->path, "no trace can be made there: %s", strerror(-error)));
    setenv("FORKTRACE_RUN", r->path, 1);
    if (write(report, r->path, strlen(r->path)) < 0) _exit(EXIT_UNUSABLE);
    close(report);
    do n = read(go, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n != 1) _exit(EXIT_UNUSABLE); /* there will be none: forktrace-ebpf has said why */
}

static void become_command(struct recording *r, const char *pattern, const sigset_t *mask, int report, int go)
{
    struct stat st;
    bool fits = expand(pattern, r->command[0], r->path, sizeof r->path - 8);
    size_t length = strlen(r->path);
    for (int i = 1; fits && !lstat(r->path, &st) && i < 100; i++) snprintf(r->path + length, 8, ".%d", i);
    set_environment(r);
    if (r->ebpf)
        wait_for_probes(r, report, go);
    else if (write(report, r->path, strlen(r->path)) < 0)
        _exit(EXIT_UNUSABLE);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(r->command[0], r->command);
    int error = errno;
    command_error(r->command[0], "cannot be run: %s", strerror(error));
    _exit(error == ENOENT ? 127 : 126);
}

/* The child's choice of a path; ends when it executes the command, or waits to be let go. */
static void read_path(int fd, char *path, size_t room)
{
    size_t used = 0;
    for (ssize_t n;
         used < room - 1 && ((n = read(fd, path + used, room - 1 - used)) > 0 || (n < 0 && errno == EINTR));)
        used += n > 0 ? (size_t)n : 0;
    path[used] = 0;
    close(fd);
}

/* --- meanwhile ---------------------------------------------------------------------------------- */

static void set_of_ours(sigset_t *set)
{
    static const int passed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD};
    sigemptyset(set);
    for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++) sigaddset(set, passed_on[i]);
}

/* What a person or a supervisor sends to us is meant for the command; what the kernel sends to the group it
 * has already. */
static int wait_for(pid_t child, const sigset_t *ours)
{
    int status;
    for (;;) {
        pid_t ended = waitpid(child, &status, WNOHANG);
        if (ended == child) return status;
        if (ended < 0 && errno != EINTR) return 0;
        siginfo_t info;
        int signal = sigwaitinfo(ours, &info);
        if (signal > 0 && signal != SIGCHLD && info.si_code != SI_KERNEL) kill(child, signal);
    }
}

/*
 * Nobody in the run waits for its first process: we do, and say how it ended.
 * In a child, because a writer's mappings stay, and trim() asks that there be none.
 */
static void record_end(const char *path, pid_t command, int status)
{
    pid_t writer = fork();
    if (writer) {
        while (writer > 0 && waitpid(writer, NULL, 0) < 0 && errno == EINTR) {
        }
        return;
    }
    static struct ft_writer w;
    struct ft_reap *record = ft_writer_join(&w, path) ? NULL : ft_begin(&w, FT_REAP, sizeof *record, 0);
    if (!record) _exit(0);
    record->pid = command;
    record->status = status;
    record->api = FT_REAP_waitpid;
    ft_commit(record);
    _exit(0);
}

/* The probes first, then the command. Without them it is not run at all, and nothing is left behind. */
static int let_go(struct recording *r, struct ebpf *ebpf, pid_t child, const sigset_t *mask, int go)
{
    int error = *r->path ? ebpf_start(ebpf, r->path, child, r->buffer,
                                      r->watch ? r->watch : getenv("FORKTRACE_WATCH"), mask)
                         : EXIT_UNUSABLE;
    if (!error && write(go, "1", 1) != 1) error = EXIT_UNUSABLE;
    close(go);
    if (!error) return 0;
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    if (*r->path) unlink(r->path);
    return error;
}

static int run(struct recording *r)
{
    sigset_t ours, mask;
    struct ebpf ebpf = {0};
    int report[2], go[2];
    if (pipe2(report, O_CLOEXEC) || pipe2(go, O_CLOEXEC))
        return command_error(NULL, "no pipe: %s", strerror(errno));
    struct sigaction chld, fallback = {.sa_handler = SIG_DFL};
    set_of_ours(&ours);
    sigprocmask(SIG_BLOCK, &ours, &mask);
    sigaction(SIGCHLD, NULL, &chld);
    pid_t child = fork();
    if (child < 0) return command_error(NULL, "cannot fork: %s", strerror(errno));
    if (!child) {
        close(go[1]); /* or its own copy would keep it waiting for ever when there are to be no probes */
        become_command(r, r->output ? r->output : "%e.%p.ftrace", &mask, report[1], go[0]);
    }
    sigaction(SIGCHLD, &fallback, NULL); /* if it was ignored, there would be no status to pass on */
    close(report[1]);
    close(go[0]);
    read_path(report[0], r->path, sizeof r->path);
    int error = r->ebpf ? let_go(r, &ebpf, child, &mask, go[1]) : 0;
    if (error) return error;
    int status = wait_for(child, &ours);
    if (r->ebpf) ebpf_stop(&ebpf);
    record_end(r->path, child, status);
    trim(r->path);
    recording_tell(r);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* --- the command line ----------------------------------------------------------------------------- */

static const struct option options[] = {
    {"output", required_argument, NULL, 'o'}, {"verbose", no_argument, NULL, 'v'},
    {"watch", required_argument, NULL, 'w'},  {"greenlets", no_argument, NULL, 'g'},
    {"ebpf", no_argument, NULL, 'e'},         {"color", required_argument, NULL, 'c'},
    {"buffer", required_argument, NULL, 'b'}, {0}};

static int add_watch(struct recording *r, const char *watch)
{
    const char *before = r->watch ? r->watch : getenv("FORKTRACE_WATCH");
    const char *dot = strrchr(watch, '.');
    bool python = !strncmp(watch, "py:", 3);
    if (!strcmp(watch, "hw:") || !strncmp(watch, "hw:py:", 6))
        return command_usage("record",
                             "-w %s: the processor watches C globals: hw:counter, hw:libfoo.so:state", watch);
    if (!*watch || strchr(watch, ';') || (python && (!dot || !dot[1] || dot == watch + 3)))
        return command_usage("record",
                             "-w %s: it is counter, libfoo.so:state, pool.size, counter+8/4, 0xADDR/LEN,"
                             " py:module.name or py:module.*",
                             watch);
    char *all;
    if (asprintf(&all, "%s%s%s", before ? before : "", before && *before ? ";" : "", watch) < 0)
        return command_error("record", "out of memory");
    free(r->watch);
    r->watch = all;
    return 0;
}

static int parse(struct recording *r, int argc, char **argv)
{
    int error;
    opterr = 0;
    for (int letter; (letter = getopt_long(argc, argv, "+:o:vw:", options, NULL)) != -1;) {
        switch (letter) {
        case 'o': r->output = optarg; break;
        case 'v': r->verbose = true; break;
        case 'w':
            if ((error = add_watch(r, optarg))) return error;
            break;
        case 'g': r->greenlets = true; break;
        case 'e': r->ebpf = true; break;
        case 'b': r->buffer = optarg; break;
        case 'c':
            if (!text_set_color(optarg)) return command_usage("record", "--color is auto, always or never");
            break;
        case ':': return command_usage("record", "%s: it needs a value", argv[optind - 1]);
        default: return command_usage("record", "%s: no such option", argv[optind - 1]);
        }
    }
    if (optind >= argc) return command_usage("record", "which command?");
    if (r->buffer && !r->ebpf) return command_usage("record", "--buffer: it is for --ebpf");
    if (r->output && !*r->output) return command_usage("record", "-o: it needs a name");
    r->command = argv + optind;
    return 0;
}

int record_main(int argc, char **argv)
{
    static struct recording r;
    int error = parse(&r, argc, argv);
    if (!error) error = check_library(&r);
    if (!error && !expand(r.output ? r.output : "%e.%p.ftrace", r.command[0], r.path, sizeof r.path - 8))
        error = command_error(r.output, "the path is too long: name another file with -o");
    if (!error) error = check_output(r.path);
    char found[PATH_MAX];
    if (!error && target_find(r.command[0], getenv("PATH"), found, sizeof found)) {
        struct symbols *s = symbols_open(found, NULL, 0);
        r.why = target_why(found);
        r.sanitizer = s && symbols_needs(s, "libasan.so");
        symbols_close_all();
    }
    return error ? error : run(&r);
}
