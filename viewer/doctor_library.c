/*
 * doctor_library.c: does the library record here? A recording of `forktrace
 * --version` is made where traces go, read, and removed: that finds what lists
 * of requirements forget. Then what may stop a longer one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor.h"
#include "installed.h"
#include "trace/reader.h"
#include "trace/settings.h"

#define ENOUGH_SPACE (256ull << 20)
#define DEFAULT_MAX  (1ull << 30) /* FORKTRACE_MAX_SIZE */

/* --- a trial ------------------------------------------------------------------------------------ */

static void become_trial(const char *library, const char *trace, int complaints)
{
    char self[] = "/proc/self/exe";
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(complaints, STDERR_FILENO);
    unsetenv("FORKTRACE_RUN");
    unsetenv("FORKTRACE_DISABLE");
    setenv("FORKTRACE_DEBUG", "1", 1); /* the library says why it does not record */
    setenv("FORKTRACE_OUT", trace, 1);
    setenv("LD_PRELOAD", library, 1);
    execv(self, (char *[]){"forktrace", "--version", NULL});
    _exit(127);
}

static size_t read_all(int fd, char *text, size_t room)
{
    size_t used = 0;
    for (ssize_t n;
         used < room - 1 && ((n = read(fd, text + used, room - 1 - used)) > 0 || (n < 0 && errno == EINTR));)
        used += n > 0 ? (size_t)n : 0;
    while (used && text[used - 1] == '\n') used--;
    text[used] = 0;
    return used;
}

static int count_record(void *context, const struct ft_head *record, ft_ref ref)
{
    return record->type == FT_EXIT; /* the whole life of it is there */
}

static bool recorded(const char *trace)
{
    struct ft_reader reader;
    if (ft_reader_open(&reader, trace, false)) return false;
    bool whole = ft_reader_each(&reader, count_record, NULL) == 1;
    ft_reader_close(&reader);
    return whole;
}

/* A % in its name stands for itself when doubled. */
static void as_pattern(char *pattern, const char *path)
{
    for (; *path; path++) {
        if (*path == '%') *pattern++ = '%';
        *pattern++ = *path;
    }
    *pattern = 0;
}

static bool trial(const char *library, const char *directory, char *complaint, size_t room)
{
    char trace[PATH_MAX + 64], pattern[2 * sizeof trace];
    int ends[2];
    snprintf(trace, sizeof trace, "%s/.forktrace-doctor.%d", directory, (int)getpid());
    as_pattern(pattern, trace);
    if (pipe2(ends, O_CLOEXEC)) return false;
    fflush(stdout);
    pid_t child = fork();
    if (!child) become_trial(library, pattern, ends[1]);
    close(ends[1]);
    read_all(ends[0], complaint, room);
    close(ends[0]);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    bool good = child > 0 && recorded(trace);
    unlink(trace);
    return good;
}

static bool check_library(const char *directory)
{
    char library[PATH_MAX], complaint[1024] = "";
    if (!installed_library(library, sizeof library)) {
        doctor_say(OPINION_OFF, "libforktrace.so", "build or install it (make; make install)",
                   "it is neither beside forktrace nor in lib/forktrace");
        return false;
    }
    if (strpbrk(library, " :")) {
        doctor_say(OPINION_OFF, "libforktrace.so", "install it elsewhere",
                   "LD_PRELOAD cannot name a path with spaces or colons: %s", library);
        return false;
    }
    if (access(directory, W_OK | X_OK)) {
        doctor_say(OPINION_OFF, "libforktrace.so", "name another place with -o",
                   "no trace can be made in %s: %s", directory, strerror(errno));
        return false;
    }
    bool good = trial(library, directory, complaint, sizeof complaint);
    if (good)
        doctor_say(OPINION_GOOD, "libforktrace.so", NULL, "%s records here", library);
    else
        doctor_say(OPINION_OFF, "libforktrace.so",
                   "make it readable to this user, on a file system without noexec", "%s does not record: %s",
                   library, *complaint ? complaint : "no trace came of a trial");
    return good;
}

/* --- watches ---------------------------------------------------------------------------------- */

/* It stands beside the library, which runs it when a C global is watched. */
static void check_watches(void)
{
    static const char what[] = "C globals (-w NAME)";
    char library[PATH_MAX], finder[PATH_MAX + 32];
#if !defined __x86_64__
    doctor_say(OPINION_HINT, what, NULL,
               "their stores are patched on x86-64 only: here their values are compared at every event");
    return;
#endif
    if (!installed_library(library, sizeof library)) return; /* that was said */
    *strrchr(library, '/') = 0;
    snprintf(finder, sizeof finder, "%s/forktrace-watch", library);
    bool there = !access(finder, X_OK);
    doctor_say(
        there ? OPINION_GOOD : OPINION_HINT, what, there ? NULL : "build or install it (make; make install)",
        there ? "%s finds their stores" : "%s, which finds their stores, is not there: they are not watched",
        finder);
}

/* --- room --------------------------------------------------------------------------------------- */

static bool check_space(const char *directory)
{
    struct statvfs fs;
    if (statvfs(directory, &fs)) return true; /* the trial has said more */
    unsigned long long bytes = (unsigned long long)fs.f_bavail * fs.f_frsize;
    bool enough = bytes >= ENOUGH_SPACE;
    doctor_say(enough ? OPINION_GOOD : OPINION_OFF, "space for the trace",
               enough ? NULL
                      : "make room, or name another place with -o: what has no room is counted as lost",
               "%llu MiB are free in %s", bytes >> 20, directory);
    return enough;
}

static bool check_file_size(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) || limit.rlim_cur >= DEFAULT_MAX) return true;
    doctor_say(OPINION_OFF, "size of files", "ulimit -f unlimited",
               "a file may have %llu MiB: a longer trace loses its oldest records",
               (unsigned long long)limit.rlim_cur >> 20);
    return false;
}

/* --- time --------------------------------------------------------------------------------------- */

static void check_clock(void)
{
    char source[64] = "";
    int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    read_all(fd, source, sizeof source);
    close(fd);
    bool cheap = !strcmp(source, "tsc") || !strcmp(source, "arch_sys_counter");
    doctor_say(cheap ? OPINION_GOOD : OPINION_HINT, "clock",
               cheap ? NULL : "a machine whose kernel trusts its counter (tsc) records faster",
               cheap ? "%s: read without a system call" : "%s: each record asks clock_gettime", source);
}

/* --- settings ----------------------------------------------------------------------------------- */

/* What is set here, and what a trace will lack for it. */
static bool check_settings(void)
{
    static const struct {
        const char *name, *value, *lacks;
    } settings[] = {
        {"FORKTRACE_PYTHON", "off", "Python's stacks, names, globals and greenlets are not recorded"},
        {"FORKTRACE_PYTHON", "names", "Python's globals are not recorded"},
        {"FORKTRACE_C", "off", "C globals are not compared when processes end"},
    };
    const char *off = getenv("FORKTRACE_DISABLE"), *wait = getenv("FORKTRACE_WAIT_MS");
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const char *value = getenv(settings[i].name);
        if (value && !strcmp(value, settings[i].value))
            doctor_say(OPINION_HINT, settings[i].name, "unset it to see them", "it is %s: %s", value,
                       settings[i].lacks);
    }
    if (wait && ft_wait_ms(wait) > ft_wait_ms(NULL))
        doctor_say(OPINION_HINT, "FORKTRACE_WAIT_MS", "unset it to see those of 100 ms and more",
                   "waits shorter than %u ms are not recorded", ft_wait_ms(wait));
    if (!off || !*off || !strcmp(off, "0")) return true;
    doctor_say(OPINION_OFF, "FORKTRACE_DISABLE", "unset it", "it is %s: nothing is recorded", off);
    return false;
}

bool doctor_library(const char *directory)
{
    doctor_heading("The library");
    bool good = check_library(directory);
    good &= check_settings();
    good &= check_space(directory);
    good &= check_file_size();
    check_watches();
    check_clock();
    return good;
}
