/* recording.h: what `forktrace record` was asked for, and has learned since. */
#ifndef RECORDING_H
#define RECORDING_H

#include <limits.h>
#include <stdbool.h>

#include "trace/format.h"

struct recording {
    const char *output;
    bool verbose, ebpf;
    const char *buffer; /* forktrace-ebpf's; NULL: its default */
    bool greenlets;     /* their switches too */
    bool sanitizer;     /* the command is made with gcc's AddressSanitizer */
    char *watch;        /* "py:app.i;counter", what FORKTRACE_WATCH said first; NULL: nothing is watched */
    char **command;
    char library[PATH_MAX];
    char path[PATH_MAX];   /* of the trace */
    enum ft_blind_why why; /* the library will not be in the command; 0: not known to */
};

/* recording.c: says where the trace is, and what of the watches came to nothing or is not seen. */
void recording_tell(const struct recording *r);

#endif
