/*
 * allow.c: see allow.h.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allow.h"
#include "command.h"
#include "findings/find.h"

#define MOST      1024
#define LONG_LINE 1024

static struct entry {
    enum rule_id rule;
    const char *pattern;
    unsigned line; /* of the file; 0: of the command line */
} entries[MOST];
static size_t count;
static char file[PATH_MAX + sizeof "/" ALLOW_FILE];

/* NULL, or what is wrong with it. `pattern` must stay. */
static const char *add(const char *text, unsigned line)
{
    size_t length = strcspn(text, ":");
    char name[64] = "";
    if (length < sizeof name) memcpy(name, text, length);
    enum rule_id rule = finding_rule(name);
    if (rule == RULE_COUNT) return "there is no such rule";
    if (!text[length]) return "it is RULE:PATTERN, for example thread-lost-at-fork:'metrics-*'";
    if (count == MOST) return "too many of them";
    entries[count++] = (struct entry){rule, text + length + 1, line};
    return NULL;
}

int allow_option(const char *value)
{
    char safe[NAMES_TEXT];
    const char *wrong = add(value, 0);
    text_escape(safe, sizeof safe, value, strlen(value));
    return wrong ? command_usage("check", "--allow %s: %s", safe, wrong) : 0;
}

/* --- the file --------------------------------------------------------------------------------- */

static bool exists(char *directory, size_t length, const char *name)
{
    if (length + strlen(name) + 2 > PATH_MAX) return false;
    sprintf(directory + length, "/%s", name);
    bool found = !access(directory, F_OK);
    directory[length] = 0;
    return found;
}

/* `file` becomes its path. Above the working directory only a repository is ours to trust. */
static bool find_file(void)
{
    char directory[PATH_MAX];
    bool here = false, found = false, repository = false;
    if (!getcwd(directory, sizeof directory)) return false;
    size_t start = strlen(directory), length = start;
    for (;;) {
        if (!found && exists(directory, length, ALLOW_FILE)) {
            snprintf(file, sizeof file, "%s/" ALLOW_FILE, directory);
            found = true, here = length == start;
        }
        repository = exists(directory, length, ".git");
        if (repository || !length) return found && (repository || here);
        while (length && directory[length - 1] != '/') length--;
        directory[length -= length > 0] = 0;
    }
}

static int read_lines(FILE *in)
{
    char line[LONG_LINE];
    for (unsigned number = 1; fgets(line, sizeof line, in); number++) {
        char *start = line, *end = line + strlen(line);
        const char *wrong = NULL;
        if (end == line + sizeof line - 1 && end[-1] != '\n') wrong = "the line is too long";
        while (isspace((unsigned char)*start)) start++;
        while (end > start && isspace((unsigned char)end[-1])) *--end = 0;
        if (!*start || *start == '#') continue;
        char *kept = wrong ? NULL : strdup(start);
        if (!wrong) wrong = kept ? add(kept, number) : "not enough memory";
        if (!wrong) continue;
        free(kept);
        char where[PATH_MAX + 16];
        snprintf(where, sizeof where, "%s:%u", file, number);
        return command_error(where, "%s: forktrace check --help lists the rules", wrong);
    }
    return ferror(in) ? command_error(file, "cannot be read: %s", strerror(errno)) : 0;
}

int allow_file(void)
{
    if (!find_file()) return 0;
    FILE *in = fopen(file, "re");
    if (!in) return command_error(file, "cannot be read: %s", strerror(errno));
    int error = read_lines(in);
    fclose(in);
    return error;
}

/* --- matching --------------------------------------------------------------------------------- */

static bool matches(const char *pattern, const char *text) { return text && !fnmatch(pattern, text, 0); }

static bool matches_code(const char *pattern, const struct named *n)
{
    return matches(pattern, n->symbol) || matches(pattern, n->path) || matches(pattern, n->object);
}

static bool matches_thread(const struct timeline *t, thread_id id, const char *pattern)
{
    const struct thread *th = &t->threads[id];
    struct python_function f;
    char name[NAMES_TEXT];
    if (th->is_main) return false;
    if (matches(pattern, word_thread(name, t, id)) || matches(pattern, th->python_name) ||
        matches(pattern, th->name) || matches(pattern, th->python.name))
        return true;
    struct named routine = names_at(t, th->process, th->start, th->start_routine);
    if (!th->python.name && th->start_routine && matches_code(pattern, &routine)) return true;
    if (th->create == NONE) return false;
    const struct event *create = EVENT_AT(t, th->create);
    if (names_python_caller(t, create, &f)) return matches(pattern, f.file);
    struct named caller = names_frame(t, th->process, create->ns, names_call(t, create));
    return names_call(t, create) && matches_code(pattern, &caller);
}

static bool each_thread_matches(const struct timeline *t, const struct finding *x, const char *pattern)
{
    for (size_t i = 0; i < x->threads.count; i++)
        if (!matches_thread(t, x->threads.list[i], pattern)) return false;
    return x->threads.count;
}

/* What a thread promises by its name: that a child can do without it. */
static bool is_marked(const struct timeline *t, const struct finding *x)
{
    bool about =
        x->rule == RULE_thread_lost || x->rule == RULE_stale_thread || x->rule == RULE_multithreaded_fork;
    for (size_t i = 0; about && i < x->threads.count; i++) about = is_fork_safe(t, x->threads.list[i]);
    return about && x->threads.count;
}

enum allowed allow_find(const struct timeline *t, const struct finding *x, char *by, size_t room)
{
    char safe[LONG_LINE];
    if (is_marked(t, x)) {
        snprintf(by, room, "the program calls the thread fork-safe by its name");
        return ALLOWED_NAME;
    }
    for (size_t i = 0; i < count; i++) {
        const struct entry *e = &entries[i];
        if (e->rule != x->rule || !(matches(e->pattern, x->subject) || each_thread_matches(t, x, e->pattern)))
            continue;
        const char *what = e->line ? file : e->pattern;
        text_escape(safe, sizeof safe, what, strlen(what));
        if (e->line)
            snprintf(by, room, "%s:%u", safe, e->line);
        else
            snprintf(by, room, "--allow %s:%s", finding_rules[e->rule].name, safe);
        return e->line ? ALLOWED_FILE : ALLOWED_OPTION;
    }
    return ALLOWED_NOT;
}
