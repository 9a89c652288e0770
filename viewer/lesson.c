/*
 * lesson.c: see lesson.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "lesson.h"
#include "text.h"

#define ENDS_MS     8000 /* what a lesson leaves behind (an orphan) has ended by then */
#define MOST_OUTPUT 16384

/* Made by the Makefile from viewer/lessons/: pairs of a file's name and its text, up to NULL. */
extern const struct {
    const char *name, *text;
} lesson_files[];

const char *const lesson_languages[LANGUAGE_COUNT] = {"C", "Python"};
static const char *const suffixes[LANGUAGE_COUNT] = {"c", "py"};

static const char *name_of(char *name, size_t size, enum rule_id rule, bool fixed, const char *suffix)
{
    snprintf(name, size, "%s%s%s%s", finding_rules[rule].name, fixed ? ".fixed" : "", *suffix ? "." : "",
             suffix);
    return name;
}

const char *lesson_source(enum rule_id rule, enum language language, bool fixed)
{
    char name[100];
    name_of(name, sizeof name, rule, fixed, suffixes[language]);
    for (size_t i = 0; lesson_files[i].name; i++)
        if (!strcmp(lesson_files[i].name, name)) return lesson_files[i].text;
    return NULL;
}

/* --- programs of this machine ----------------------------------------------------------------- */

static bool in_path(const char *name)
{
    const char *path = getenv("PATH");
    char file[PATH_MAX];
    for (const char *at = path ? path : "/usr/bin:/bin"; at;
         at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
        snprintf(file, sizeof file, "%.*s/%s", (int)strcspn(at, ":"), at, name);
        if (!access(file, X_OK)) return true;
    }
    return false;
}

/* The system's Python, which the library knows best; else the first one. */
static const char *python(void) { return access("/usr/bin/python3", X_OK) ? "python3" : "/usr/bin/python3"; }

/* Runs a command in a directory, its output into a file there. Its status, or -1. */
static int execute(const char *directory, const char *output, char *const argv[])
{
    int status;
    pid_t child = fork();
    if (child < 0) return -1;
    if (!child) {
        int fd = chdir(directory) ? -1 : open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fd < 0 || dup2(nothing, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0) _exit(126);
        execvp(argv[0], argv);
        _exit(127);
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

const char *lesson_obstacle(enum rule_id rule, enum language language)
{
    if (language == LANGUAGE_C) return in_path("cc") ? NULL : "there is no C compiler (cc)";
    if (access("/usr/bin/python3", X_OK) && !in_path("python3")) return "there is no python3";
    char *const try[] = {(char *)python(), "-c", "import gevent", NULL};
    bool gevent = strstr(lesson_source(rule, language, false), "\nimport gevent\n");
    return gevent && execute("/", "/dev/null", try) ? "Python has no gevent (Debian: python3-gevent)" : NULL;
}

/* What a lesson says its recording needs, in the line that has "forktrace record WORDS"; no more than MOST.
 */
static int record_words(const char *source, char *line, size_t size, char **words, int most)
{
    static const char command[] = "forktrace record ";
    const char *at = strstr(source, command);
    int count = 0;
    snprintf(line, size, "%.*s", at ? (int)strcspn(at + strlen(command), "\n") : 0,
             at ? at + strlen(command) : "");
    char *rest = line;
    for (char *word; count < most && (word = strsep(&rest, " "));)
        if (*word) words[count++] = word;
    return count;
}

/* --- running one ------------------------------------------------------------------------------ */

static int write_source(const struct lesson_run *run)
{
    const char *text = lesson_source(run->rule, run->language, run->fixed);
    FILE *out = fopen(run->path, "we");
    if (!out || fputs(text, out) < 0 || fclose(out))
        return command_error(run->path, "cannot be written: %s: name another place with --out",
                             strerror(errno));
    return 0;
}

static char *read_output(const char *path)
{
    static char bytes[MOST_OUTPUT];
    FILE *in = fopen(path, "re");
    size_t length = in ? fread(bytes, 1, sizeof bytes, in) : 0, used = 0;
    if (in) fclose(in);
    char *text = malloc(6 * length + 16);
    for (size_t i = 0; text && i < length;) {
        const char *end = memchr(bytes + i, '\n', length - i);
        size_t n = end ? (size_t)(end - (bytes + i)) : length - i;
        used += text_escape(text + used, 6 * length + 16 - used, bytes + i, n);
        text[used++] = '\n';
        i += n + 1;
    }
    if (text) text[used] = 0;
    return text;
}

/* The trace, when all of the run is over: also what outlives its first process. */
static int load_ended(struct lesson_run *run, const char *trace)
{
    for (int waited = 0;; waited += 50) {
        int error = load(&run->loaded, trace, false);
        if (error) return error;
        bool running = false;
        const struct timeline *t = run->loaded.timeline;
        for (process_id p = 0; p < t->process_count; p++) running |= t->processes[p].how == END_RUNNING;
        if (!running || waited >= ENDS_MS) break;
        unload(&run->loaded);
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    run->findings = findings_find(run->loaded.timeline);
    return run->findings ? 0 : command_error(trace, "not enough memory for this trace");
}

/* Source, program, output, and trace of a run lie beside each other. */
struct files {
    char program[128], output[PATH_MAX + 128], trace[PATH_MAX + 128];
};

static bool name_files(struct lesson_run *run, struct files *f, const char *directory)
{
    char name[100];
    name_of(name, sizeof name, run->rule, run->fixed, "");
    int n = snprintf(run->path, sizeof run->path, "%s/%s.%s", directory, name, suffixes[run->language]);
    snprintf(f->program, sizeof f->program, "./%s", name);
    snprintf(f->output, sizeof f->output, "%s/%s.out", directory, name);
    snprintf(f->trace, sizeof f->trace, "%s/%s.ftrace", directory, name);
    return n < PATH_MAX - 8;
}

static int record(struct lesson_run *run, const struct files *f, const char *directory)
{
    char self[PATH_MAX], *source = strrchr(run->path, '/') + 1;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) return command_error("/proc/self/exe", "cannot be read: %s", strerror(errno));
    self[n] = 0;
    unlink(f->trace);
    char *argv[16] = {self, "record", "-o", (char *)f->trace}, line[128];
    int used =
        4 + record_words(lesson_source(run->rule, run->language, run->fixed), line, sizeof line, argv + 4, 8);
    argv[used++] = "--";
    argv[used++] = run->language == LANGUAGE_C ? (char *)f->program : (char *)python();
    if (run->language == LANGUAGE_PYTHON) argv[used++] = source;
    if (execute(directory, f->output, argv) < 0)
        return command_error(run->path, "cannot be run: %s", strerror(errno));
    return 0;
}

int lesson_run(struct lesson_run *run, const char *directory)
{
    struct files f;
    char here[PATH_MAX];
    if (!realpath(directory, here) || !name_files(run, &f, here))
        return command_error(directory, "is no directory for lessons: %s", strerror(errno));
    int error = write_source(run);
    char *const compile[] = {"cc", "-O1", "-g", "-pthread", "-o", f.program, strrchr(run->path, '/') + 1,
                             NULL};
    if (!error && run->language == LANGUAGE_C && execute(here, f.output, compile))
        error = command_error(run->path, "cc does not compile it: %s tells why", f.output);
    if (!error) error = record(run, &f, here);
    if (!error) error = load_ended(run, strdup(f.trace));
    if (error) return error;
    run->output = read_output(f.output);
    return run->output ? 0 : command_error(f.output, "not enough memory");
}

void lesson_end(struct lesson_run *run)
{
    free(run->output);
    findings_free(run->findings);
    free((char *)run->loaded.path);
    if (run->loaded.timeline) unload(&run->loaded);
}

const struct finding *lesson_finding(const struct lesson_run *run)
{
    for (size_t i = 0; i < run->findings->count; i++)
        if (run->findings->list[i]->rule == run->rule) return run->findings->list[i];
    return NULL;
}
