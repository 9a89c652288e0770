/*
 * doctor_command.c: what of a command the library will not see, from a look at
 * its files: the program, the interpreters of scripts, env's argument. What
 * they start themselves is not known before it happens.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "doctor.h"
#include "preload/python/layouts.h" /* which CPythons the library can read is said in one place */
#include "symbols/symbols.h"
#include "symbols/target.h"
#include "trace/reader.h"

#define HOPS 8

static const char *base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* --- the library in it -------------------------------------------------------------------------- */

static const char *remedy_for(enum ft_blind_why why, bool ebpf_works)
{
    switch (why) {
    case FT_BLIND_STATIC:
        return ebpf_works ? "record --ebpf sees its processes, threads and signals; or link it dynamically"
                          : "link it dynamically, or make record --ebpf work (above)";
    case FT_BLIND_SETUID:
    case FT_BLIND_CAPABILITIES:
        return ebpf_works ? "record --ebpf sees it; or start it as the user it changes to"
                          : "start it as the user it changes to, or make record --ebpf work (above)";
    case FT_BLIND_MUSL:
    case FT_BLIND_LOADER:
        return ebpf_works ? "record --ebpf sees it; or take a build for glibc" : "take a build for glibc";
    default: return ebpf_works ? "record --ebpf sees it" : "make record --ebpf work (above)";
    }
}

/* Go's linker leaves these even in stripped programs. */
static bool is_go(struct symbols *s)
{
    return symbols_section(s, ".go.buildinfo") || symbols_section(s, ".note.go.buildid");
}

static bool say_program(const char *path, enum ft_blind_why why, bool ebpf_works)
{
    struct symbols *s = symbols_open(path, NULL, 0);
    bool go = s && is_go(s);
    if (why) {
        doctor_say(OPINION_OFF, base(path), remedy_for(why, ebpf_works), "%s%s: %s", path,
                   go ? " (a Go program)" : "", ft_blind_text(why));
        return false;
    }
    if (go) {
        doctor_say(OPINION_OFF, base(path), ebpf_works ? "record --ebpf sees all of them" : NULL,
                   "%s (a Go program): its runtime makes threads and ends by raw system calls: only what "
                   "passes libc is "
                   "seen",
                   path);
        return false;
    }
    if (s && symbols_needs(s, "libasan.so"))
        doctor_say(OPINION_HINT, base(path),
                   "forktrace record, or ASAN_OPTIONS=verify_asan_link_order=0 beside LD_PRELOAD",
                   "%s is made with AddressSanitizer, which ends the program if another library comes first",
                   path);
    else
        doctor_say(OPINION_GOOD, base(path), NULL, "%s", path);
    return true;
}

/* --- Python ------------------------------------------------------------------------------------- */

static bool known_layout(uint32_t version)
{
    for (size_t i = 0; i < sizeof py_layouts / sizeof *py_layouts; i++)
        if (py_layouts[i].version == version >> 16) return true;
    return false;
}

/* Says what is known of a program that is, or has in itself, a Python. */
static bool say_python(const char *path)
{
    struct symbols *s = symbols_open(path, NULL, 0);
    struct symbol version;
    uint32_t hex = 0;
    if (!s || strncmp(base(path), "python", 6)) return true;
    if (symbols_address(s, "Py_Version", &version) && symbols_bytes(s, version.start, &hex, sizeof hex)) {
        bool known = known_layout(hex);
        doctor_say(
            known ? OPINION_GOOD : OPINION_OFF, "Python",
            known ? NULL
                  : "processes, threads and signals are seen; Python's lines and globals need 3.11 to 3.14",
            "CPython %u.%u.%u, in %s: %s", hex >> 24, hex >> 16 & 0xff, hex >> 8 & 0xff, path,
            known ? "its lines, names and globals are read" : "not one the library can read");
        return known;
    }
    if (symbols_address(s, "Py_BytesMain", &version)) {
        doctor_say(OPINION_OFF, "Python",
                   "processes, threads and signals are seen; Python's lines and globals need 3.11 to 3.14",
                   "%s is older than 3.11: not one the library can read", path);
        return false;
    }
    doctor_say(OPINION_HINT, "Python", NULL,
               "%s has its interpreter in a shared libpython: 3.11 to 3.14 are read", path);
    return true;
}

/* --- the chain ---------------------------------------------------------------------------------- */

/* What `env [-i] [-S] [-u NAME] [NAME=VALUE]... PROGRAM` runs; NULL: that is not clear. */
static const char *after_env(char **argv)
{
    for (argv++; *argv; argv++) {
        if (**argv != '-' && !strchr(*argv, '=')) return *argv;
        if (!strcmp(*argv, "-u") || !strcmp(*argv, "-C")) {
            if (!*++argv) return NULL;
        } else if (**argv == '-' && strcmp(*argv, "-i") && strcmp(*argv, "-") && strcmp(*argv, "-S") &&
                   strcmp(*argv, "--"))
            return NULL;
    }
    return NULL;
}

/*
 * What `timeout 5 PROGRAM`, `sudo -u NAME PROGRAM` and the like run: the first of their arguments that is a
 * program. NULL: `path` is none of them, or that is not clear.
 */
static const char *after_wrapper(const char *path, char **argv)
{
    static const char *const wrappers[] = {"nice",    "nohup",   "setsid",   "timeout", "stdbuf",
                                           "ionice",  "chrt",    "taskset",  "sudo",    "setpriv",
                                           "unshare", "setarch", "catchsegv"};
    char found[PATH_MAX];
    bool known = false;
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) known |= !strcmp(base(path), wrappers[i]);
    for (argv++; known && *argv; argv++)
        if (**argv != '-' && !strchr(*argv, '=') && target_find(*argv, getenv("PATH"), found, sizeof found) &&
            !access(found, X_OK))
            return *argv;
    return NULL;
}

/* The words after #! in a script, NULL-terminated: at most 8, in `line`. */
static bool words_of(const char *path, char *line, size_t room, char *words[9])
{
    size_t count = 0;
    FILE *f = fopen(path, "re");
    if (!f) return false;
    bool read = fgets(line, (int)room, f) && !strncmp(line, "#!", 2);
    fclose(f);
    char *at = line + 2, *save;
    for (char *word; read && count < 8 && (word = strtok_r(at, " \t\n", &save)); at = NULL)
        words[count++] = word;
    words[count] = NULL;
    return count;
}

static bool find(const char *name, char *path, size_t room)
{
    char found[PATH_MAX];
    if (!target_find(name, getenv("PATH"), found, sizeof found)) return false;
    char *real = realpath(found, NULL);
    if (real) snprintf(path, room, "%s", real);
    free(real);
    return real;
}

/* One file of the chain. The next one into `path`, which is "" at the end; false: something will not be seen.
 */
static bool look_at(char *path, size_t room, char **argv, bool ebpf_works)
{
    struct target target;
    char line[512], *words[9];
    target_look(path, &target);
    if (target.kind == TARGET_SCRIPT && words_of(path, line, sizeof line, words)) {
        doctor_say(OPINION_GOOD, base(path), NULL, "%s is a script for %s", path, target.interpreter);
        const char *next = strcmp(base(words[0]), "env") ? words[0] : after_env(words);
        if (!next || !find(next, path, room)) *path = 0;
        return true;
    }
    if (target.kind != TARGET_ELF) {
        bool readable = target.kind == TARGET_OTHER;
        doctor_say(OPINION_HINT, base(path), NULL,
                   readable ? "%s is no ELF file and no script: what runs it is not known"
                            : "%s cannot be read: nothing is known of it",
                   path);
        *path = 0;
        return true;
    }
    bool good = say_program(path, target.why, ebpf_works) && say_python(path);
    const char *next = !argv                        ? NULL
                       : !strcmp(base(path), "env") ? after_env(argv)
                                                    : after_wrapper(path, argv);
    if (!next || !find(next, path, room)) *path = 0;
    return good;
}

int doctor_usable(const char *command)
{
    char path[PATH_MAX], found[PATH_MAX];
    struct stat st;
    if (!target_find(command, getenv("PATH"), found, sizeof found) || stat(found, &st))
        return command_error(command, "there is no such command: is it spelt right, and in PATH?");
    if (!S_ISREG(st.st_mode) || access(found, X_OK) || !find(command, path, sizeof path))
        return command_error(command, "cannot be run: is it a program, and may you execute it?");
    return 0;
}

bool doctor_command(char **argv, bool ebpf_works)
{
    char path[PATH_MAX];
    if (!find(argv[0], path, sizeof path)) return false;
    doctor_heading("The command");
    bool good = true;
    for (int hop = 0; *path && hop < HOPS; hop++)
        good &= look_at(path, sizeof path, hop ? NULL : argv, ebpf_works);
    symbols_close_all();
    return good;
}
