/*
 * target.h: what an executable file is, and what keeps a preloaded library out
 * of it. A look at the file and at our own ids: it is not executed.
 *
 * Used in traced processes just before an exec, so: system calls only, nothing
 * allocated, half a page of stack; async-signal-safe; errno is kept.
 */
#ifndef TARGET_H
#define TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "trace/format.h"

enum target_kind {
    TARGET_UNREADABLE, /* not there, not a regular file, or not readable for us: nothing is known */
    TARGET_OTHER,      /* neither ELF nor a script: a shell or binfmt_misc may run it */
    TARGET_SCRIPT,     /* #!: `interpreter` is run in its place */
    TARGET_ELF         /* `interpreter` is its loader; "": it has none */
};

struct target {
    enum target_kind kind;
    enum ft_blind_why why; /* of this file itself; 0: nothing is known that keeps the library out */
    char interpreter[256];
};

void target_look(const char *path, struct target *target);

/* The reason for what runs in the end, after at most 5 scripts on the way; 0: none known. */
enum ft_blind_why target_why(const char *path);

/* The library would not be left alone by ld.so but complained about, or end the program: it must not be
 * named. */
bool target_refuses(enum ft_blind_why why);

/*
 * Where execvp() would find a name without a slash, with the PATH given (NULL: the default of libc). False:
 * nowhere, or it does not fit. With a slash it is copied.
 */
bool target_find(const char *name, const char *path, char *found, size_t room);

#endif
