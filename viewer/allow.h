/*
 * allow.h: findings somebody looked at and accepts: `--allow RULE:PATTERN`, the
 * same in a .forktrace file, and threads their own program calls fork-safe.
 *
 * A pattern (of the shell's kind) is matched with the finding's subject. Where
 * the finding is about threads it may also name them: each of them must match,
 * by its name, its start routine, or where it was started (the Python file, the
 * C function, the ELF object).
 */
#ifndef ALLOW_H
#define ALLOW_H

#include "findings/findings.h"

#define ALLOW_FILE ".forktrace"

enum allowed { ALLOWED_NOT, ALLOWED_OPTION, ALLOWED_FILE, ALLOWED_NAME };

/* One `RULE:PATTERN` of the command line, which must outlive us. 0, or 2 after an error. */
int allow_option(const char *value);
/*
 * The nearest .forktrace: in the working directory or above it, up to the root of
 * its git repository; outside of one only in the working directory. One
 * RULE:PATTERN a line; blank lines and lines that begin with # are skipped.
 * 0 (also if there is none), or 2 after an error.
 */
int allow_file(void);
/* Whether it is allowed, and by what: "--allow rule:pattern", "/path/.forktrace:3", ...; escaped. */
enum allowed allow_find(const struct timeline *t, const struct finding *x, char *by, size_t room);

#endif
