/* recording.c: what `forktrace record` says when the command has ended. */
#include "recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "load.h"
#include "text.h"
#include "watch.h"

static void tell_trace(const struct recording *r)
{
    struct stat st;
    bool written = !stat(r->path, &st);
    if (!written && r->why) {
        command_error(r->command[0], "no trace was written: %s: record --ebpf sees it",
                      ft_blind_text(r->why));
        return;
    }
    if (!r->verbose && !isatty(STDERR_FILENO)) return;
    fputs("forktrace: ", stderr);
    text_put(stderr, r->path);
    if (!written)
        fputs(": no trace was written: forktrace doctor -- CMD may know why\n", stderr);
    else
        fprintf(stderr, ": %.1f KiB; forktrace report or forktrace view shows it\n",
                (double)st.st_blocks / 2);
}

/* What of a watch came to nothing, and what is not seen of it. */
static void tell_watch(const struct recording *r, const struct timeline *t, const char *item, size_t length)
{
    char words[1400];
    char *name = strndup(item, length);
    const struct watch_result *w = watch_result(t, item, length);
    bool python = length > 3 && !memcmp(item, "py:", 3), found = w && w->object;
    if (python && name && !watch_bound(t, r->watch, item, length))
        /* A name nobody bound is most likely misspelt: that is no trace of zero writes. */
        command_error(name, "never bound in this run: is it module.name, and of the program's own?");
    else if (!python && name && !w)
        command_error(name, "not watched: forktrace report says why");
    else if (!python && name && !found)
        command_error(name, "not watched: %s", watch_words(words, sizeof words, w));
    else if (!python && name && (r->verbose || isatty(STDERR_FILENO) || watch_misses(w))) {
        fputs("forktrace: ", stderr);
        text_put(stderr, name);
        fprintf(stderr, ": %s\n", watch_words(words, sizeof words, w));
    }
    free(name);
}

static void tell_watches(const struct recording *r)
{
    struct loaded l;
    if (!r->watch || access(r->path, R_OK) || load(&l, r->path, false)) return;
    for (const char *at = r->watch; *at; at += strcspn(at, ";"), at += *at == ';')
        if (strcspn(at, ";")) tell_watch(r, l.timeline, at, strcspn(at, ";"));
    unload(&l);
}

void recording_tell(const struct recording *r)
{
    tell_trace(r);
    tell_watches(r);
}
