/*
 * env.c: LD_PRELOAD and FORKTRACE_* in the environments of new images.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "env.h"
#include "init.h"
#include "readable.h"
#include "seccomp.h"
#include "self.h"
#include "symbols/target.h"

#define PRELOAD "LD_PRELOAD="
#define RUN     "FORKTRACE_RUN="
#define DISABLE "FORKTRACE_DISABLE="
#define OURS    "FORKTRACE_"

/* The settings of this image, without FORKTRACE_RUN, one after the other; an empty string ends them. */
static char few_settings[1024];
static char *settings = few_settings;

static bool starts(const char *string, const char *prefix)
{
    return !strncmp(string, prefix, strlen(prefix));
}

static bool same_name(const char *a, const char *b)
{
    size_t length = strcspn(a, "=");
    return !strncmp(a, b, length) && b[length] == '=';
}

void env_init(char **envp)
{
    size_t bytes = 1;
    for (char **e = envp; e && *e; e++)
        if (starts(*e, OURS) && !starts(*e, RUN)) bytes += strlen(*e) + 1;
    if (bytes > sizeof few_settings) {
        void *more = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (more == MAP_FAILED) return;
        settings = more;
    }
    char *at = settings;
    for (char **e = envp; e && *e; e++)
        if (starts(*e, OURS) && !starts(*e, RUN)) at = stpcpy(at, *e) + 1;
}

/* --- LD_PRELOAD ----------------------------------------------------------------------------- */

/* The next entry of an LD_PRELOAD list from *at on, which colons and spaces separate; its length, 0 at the
 * end. */
static size_t next_entry(const char **at)
{
    *at += strspn(*at, ": ");
    return strcspn(*at, ": ");
}

/* Is this entry our library? A relative name is too: it may not be found from where the new image starts. */
static bool is_ours(const char *entry, size_t length)
{
    const char *slash = strrchr(self_library(), '/'), *name = slash ? slash + 1 : self_library();
    size_t name_length = strlen(name);
    return length >= name_length && !strncmp(entry + length - name_length, name, name_length) &&
           (length == name_length || entry[length - name_length - 1] == '/');
}

/*
 * `list` with our library in it once (as `library`, at its old place, else at
 * the end: others like ASan insist on being first) or, if library is NULL, not
 * at all. Returns the end of the string it wrote.
 */
static char *write_list(char *out, const char *list, const char *library)
{
    char *start = out;
    for (size_t length; (length = next_entry(&list)); list += length) {
        bool ours = is_ours(list, length), path = ours && !memchr(list, '$', length); /* $LIB: ld.so's */
        if (ours && !library) continue;
        if (out > start) *out++ = ':';
        out = mempcpy(out, path ? library : list, path ? strlen(library) : length);
        if (ours) library = NULL;
    }
    if (library && out > start) *out++ = ':';
    if (library) out = stpcpy(out, library);
    *out = 0;
    return out;
}

/* How often our library is in the list; *exact: as write_list would put it. */
static unsigned ours_in(const char *list, bool *exact)
{
    unsigned count = 0;
    for (size_t length; (length = next_entry(&list)); list += length)
        if (is_ours(list, length)) {
            count++;
            *exact = memchr(list, '$', length) ||
                     (length == strlen(self_library()) && !strncmp(list, self_library(), length));
        }
    return count;
}

/*
 * Can the new image open the library? With the effective ids, as ld.so will. Under a system-call filter it
 * could not make its calls, nor may we ask.
 */
static bool in_reach(void)
{
    if (seccomp_on()) return false;
    int saved = errno;
    bool yes = !syscall(SYS_faccessat2, AT_FDCWD, self_library(), R_OK, AT_EACCESS) ||
               (errno != ENOENT && errno != ENOTDIR && errno != EACCES &&
                !syscall(SYS_faccessat, AT_FDCWD, self_library(), R_OK));
    errno = saved;
    return yes;
}

/* --- an environment ------------------------------------------------------------------------- */

struct survey {
    size_t entries;
    const char *preload; /* the value that counts; "" if there is none */
    unsigned preloads, runs;
    bool run_fits, disabled, broken;
};

static bool looks_readable(const void *word) { return seccomp_on() || readable(word); }

/* A new environment is read by us before the kernel rejects it: each new word of it must be readable. */
static struct survey survey(char *const envp[])
{
    struct survey s = {.preload = "", .run_fits = false};
    uintptr_t page = 1, vector = 1;
    for (; envp; envp++, s.entries++) {
        if ((uintptr_t)envp >> 12 != vector && !looks_readable(envp)) s.broken = true;
        if (s.broken || !*envp) break;
        vector = (uintptr_t)envp >> 12;
        if ((uintptr_t)*envp >> 12 != page && !looks_readable(*envp)) s.broken = true;
        if (s.broken) break;
        page = (uintptr_t)*envp >> 12;
        const char *entry = *envp;
        if (starts(entry, PRELOAD)) {
            s.preload = entry + strlen(PRELOAD);
            s.preloads++;
        } else if (starts(entry, RUN)) {
            s.run_fits = !strcmp(entry + strlen(RUN), self_trace());
            s.runs++;
        } else if (starts(entry, DISABLE)) {
            const char *value = entry + strlen(DISABLE);
            s.disabled = *value && strcmp(value, "0");
        }
    }
    return s;
}

static bool has_setting(char *const envp[], const char *setting)
{
    for (; envp && *envp; envp++)
        if (same_name(setting, *envp)) return true;
    return false;
}

size_t env_room(char *const envp[], enum ft_blind_why *why)
{
    if ((!ft_writer_on(&ft) && !seccomp_on()) || !*self_library()) return 0;
    struct survey s = survey(envp);
    if (s.disabled && !*why) *why = FT_BLIND_DISABLED;
    if (s.disabled || s.broken) return 0;
    bool reach = in_reach();
    if (!reach && !*why) *why = FT_BLIND_CHROOT;
    size_t missing = 0;
    for (const char *e = settings; *e; e += strlen(e) + 1)
        if (!has_setting(envp, e)) missing++;
    bool exact = false, fits = s.preloads == 1 && ours_in(s.preload, &exact) == 1 && exact;
    if (fits && s.runs == 1 && s.run_fits && !missing && reach && !target_refuses(*why)) return 0;
    return (s.entries + missing + 3) * sizeof(char *) + strlen(PRELOAD) + strlen(s.preload) + 1 +
           strlen(self_library()) + 1 + strlen(RUN) + strlen(self_trace()) + 1;
}

/* Put `entry` (NULL: nothing) where the first of its kind was: programs print their environments. */
static char **replace(char **vector, char **end, const char *kind, char *entry)
{
    char **out = vector;
    for (char **e = vector; e < end; e++) {
        if (!starts(*e, kind))
            *out++ = *e;
        else if (entry) {
            *out++ = entry;
            entry = NULL;
        }
    }
    if (entry) *out++ = entry;
    return out;
}

char **env_carry(char *const envp[], void *room, enum ft_blind_why why)
{
    struct survey s = survey(envp);
    bool reach = in_reach(), with_us = reach && !target_refuses(why), exact;
    if (!reach)
        self_note(FT_NOTE_LIBRARY_OUT_OF_REACH, self_library());
    else if (with_us && !ours_in(s.preload, &exact))
        self_note(FT_NOTE_CLEANED_ENVIRONMENT, NULL);
    char **vector = room, **end = vector;
    for (size_t i = 0; i < s.entries; i++) *end++ = envp[i];
    for (char *e = settings; *e; e += strlen(e) + 1)
        if (!has_setting(envp, e)) *end++ = e;
    char *preload = (char *)(end + 3), *list = stpcpy(preload, PRELOAD);
    char *run = write_list(list, s.preload, with_us ? self_library() : NULL) + 1;
    stpcpy(stpcpy(run, RUN), self_trace());
    end = replace(vector, end, PRELOAD, *list ? preload : NULL);
    end = replace(vector, end, RUN, run);
    *end = NULL;
    return vector;
}

/* --- environ -------------------------------------------------------------------------------- */

/* libc's own: a shell has its own putenv, which writes its variables. */
HOOK_REAL(int, putenv, (char *));
HOOK_REAL(int, unsetenv, (const char *));

/* putenv keeps the string: it is never freed, and given only when something changed. */
static void put(const char *entry)
{
    char *copy = strdup(entry);
    if (copy && REAL(putenv)(copy)) free(copy);
}

enum ft_blind_why env_install(void)
{
    int saved = errno;
    enum ft_blind_why why = 0;
    char *const *carried = ENV_CARRY(environ, &why);
    if (carried != environ) {
        bool preload = false;
        for (; *carried; carried++) {
            preload |= starts(*carried, PRELOAD);
            if (starts(*carried, PRELOAD) || starts(*carried, OURS)) put(*carried);
        }
        if (!preload) REAL(unsetenv)("LD_PRELOAD");
    }
    errno = saved;
    return why;
}
