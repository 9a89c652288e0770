/*
 * text.h: text for people: strings from a trace made safe for a terminal,
 * colours, times, and the names of signals, errors and ends.
 *
 * Everything in a trace comes from programs nobody vouches for: argv, paths and
 * thread names are shown through text_escape or text_put, never printed raw.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "timeline/timeline.h"

/*
 * Copy `length` bytes as visible text into `out` (room > 0 bytes, always
 * NUL-terminated, cut at a whole character): control characters, invalid UTF-8,
 * and characters that are invisible or turn the writing direction become \n,
 * \x1b, \u{202e}. Returns the bytes written.
 */
size_t text_escape(char *out, size_t room, const char *bytes, size_t length);
/* The same, of a string, to a stream; NULL is "?". Returns the columns it took. */
size_t text_put(FILE *out, const char *string);
/* Columns of a string that has been escaped (one a character). */
size_t text_columns(const char *string);

/* --color: decided once, before anything is shown. NULL or "auto": a terminal without NO_COLOR. false: no
 * such word. */
bool text_set_color(const char *when);
enum ink { INK_PLAIN, INK_BOLD, INK_DIM, INK_GHOST, INK_BAD, INK_GOOD };
/* The escape sequence that switches to it, or "". */
const char *text_ink(enum ink ink);
/* Whether the locale can show more than ASCII. */
bool text_unicode(void);

/* Those below write into `buffer` of TEXT_SHORT bytes and return it. */
#define TEXT_SHORT 64
const char *text_duration(char *buffer, int64_t ns);         /* "1.23 ms", "2.00 s", "3 min 05 s" */
const char *text_time(char *buffer, int64_t ns);             /* "+1.234567": seconds since the first record */
const char *text_signal(char *buffer, int signal);           /* "SIGTERM", "SIGRTMIN+3", "signal 99" */
const char *text_error(char *buffer, int error);             /* "EADDRINUSE" */
const char *text_end(char *buffer, const struct process *p); /* "exited with status 1", "killed by SIGKILL" */

/* The names of the values in records, as JSON and screens spell them; "unknown" for others. */
const char *text_fork_api(unsigned api);
const char *text_exit_api(unsigned api);
const char *text_reap_api(unsigned api);
const char *text_session_api(unsigned api);
const char *text_cred_api(unsigned api);
const char *text_sigaction_api(unsigned api);
const char *text_sigmask_api(unsigned api);
const char *text_kill_api(unsigned api);
const char *text_wait_kind(unsigned kind);
const char *text_atfork_phase(unsigned phase);
const char *text_unsafe(unsigned function);
const char *text_note_name(unsigned what); /* "static-target" */

/* One character of perhaps bad UTF-8: its length in bytes (0: it is none) and code point. For writers of
 * other formats. */
unsigned text_decode(const char *bytes, size_t length, uint32_t *character);
/* A character that acts on a terminal, hides, or makes text read as what it is not. */
bool text_treacherous(uint32_t character);

/* "127.0.0.1", "::1", "/run/x.sock": of the bytes of a struct sockaddr, escaped. *port -1: has none. */
void text_sockaddr(const void *bytes, size_t length, char *address, size_t room, int *port);

#endif
