/*
 * text.c: strings made safe, colours, numbers as people write them.
 */
#define _GNU_SOURCE
#include <langinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

/* --- making it visible ------------------------------------------------------------------------ */

/* Decode one character of UTF-8; returns its length, 0 if the bytes are none (RFC 3629: no surrogates, no
 * overlong). */
unsigned text_decode(const char *bytes, size_t length, uint32_t *character)
{
    const unsigned char *s = (const unsigned char *)bytes;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned n = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    if (!n || n > length) return 0;
    *character = n == 1 ? s[0] : s[0] & (0x7f >> n);
    for (unsigned i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        *character = *character << 6 | (s[i] & 0x3f);
    }
    if (n > 1 && *character < least[n]) return 0;
    if (*character > 0x10ffff || (*character >= 0xd800 && *character < 0xe000)) return 0;
    return n;
}

bool text_treacherous(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},
                  {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
                  {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xfe00, 0xfe0f}, {0xe0000, 0xe0fff}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i].first && c <= ranges[i].last) return true;
    return false;
}

/* One piece of visible text for what `s` begins with; returns the bytes of s it stands for. */
static unsigned visible(char *piece, size_t room, const char *s, size_t length)
{
    uint32_t c = 0;
    unsigned n = text_decode(s, length, &c);
    if (!n) {
        snprintf(piece, room, "\\x%02x", (unsigned char)s[0]);
        return 1;
    }
    if (!text_treacherous(c)) {
        memcpy(piece, s, n);
        piece[n] = 0;
    } else if (c == '\n' || c == '\t' || c == '\r') {
        snprintf(piece, room, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
    } else if (c < 0x100) {
        snprintf(piece, room, "\\x%02x", (unsigned)c);
    } else {
        snprintf(piece, room, "\\u{%x}", (unsigned)c);
    }
    return n;
}

size_t text_escape(char *out, size_t room, const char *bytes, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length;) {
        char piece[16];
        i += visible(piece, sizeof piece, bytes + i, length - i);
        size_t n = strlen(piece);
        if (used + n >= room) break;
        memcpy(out + used, piece, n);
        used += n;
    }
    out[used] = 0;
    return used;
}

size_t text_columns(const char *string)
{
    size_t columns = 0;
    for (; *string; string++) columns += ((unsigned char)*string & 0xc0) != 0x80;
    return columns;
}

size_t text_put(FILE *out, const char *string)
{
    if (!string) string = "?";
    size_t columns = 0, length = strlen(string);
    for (size_t i = 0; i < length;) {
        char piece[16];
        i += visible(piece, sizeof piece, string + i, length - i);
        fputs(piece, out);
        columns += text_columns(piece);
    }
    return columns;
}

/* --- colours ---------------------------------------------------------------------------------- */

static bool colored;

bool text_set_color(const char *when)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    if (!when || !strcmp(when, "auto"))
        colored = isatty(STDOUT_FILENO) && !(no && *no) && !(term && !strcmp(term, "dumb"));
    else if (!strcmp(when, "always"))
        colored = true;
    else if (!strcmp(when, "never"))
        colored = false;
    else
        return false;
    return true;
}

const char *text_ink(enum ink ink)
{
    static const char *const sequences[] = {
        [INK_PLAIN] = "\033[0m",  [INK_BOLD] = "\033[1m", [INK_DIM] = "\033[2m",
        [INK_GHOST] = "\033[35m", [INK_BAD] = "\033[31m", [INK_GOOD] = "\033[32m"};
    return colored ? sequences[ink] : "";
}

bool text_unicode(void) { return !strcmp(nl_langinfo(CODESET), "UTF-8"); }

/* --- numbers ---------------------------------------------------------------------------------- */

const char *text_duration(char *buffer, int64_t ns)
{
    double x = (double)ns;
    if (ns < 1000)
        snprintf(buffer, TEXT_SHORT, "%lld ns", (long long)ns);
    else if (x < 1e6)
        snprintf(buffer, TEXT_SHORT, "%.3g us", x / 1e3);
    else if (x < 999.5e6)
        snprintf(buffer, TEXT_SHORT, "%.3g ms", x / 1e6);
    else if (x < 59.995e9)
        snprintf(buffer, TEXT_SHORT, "%.2f s", x / 1e9);
    else {
        long long seconds = (long long)(x / 1e9 + 0.5);
        if (seconds < 3600)
            snprintf(buffer, TEXT_SHORT, "%lld min %02lld s", seconds / 60, seconds % 60);
        else
            snprintf(buffer, TEXT_SHORT, "%lld h %02lld min", seconds / 3600, seconds / 60 % 60);
    }
    return buffer;
}

const char *text_time(char *buffer, int64_t ns)
{
    snprintf(buffer, TEXT_SHORT, "+%lld.%06lld", (long long)(ns / 1000000000),
             (long long)(ns / 1000 % 1000000));
    return buffer;
}

const char *text_signal(char *buffer, int signal)
{
    const char *name = sigabbrev_np(signal);
    if (name)
        snprintf(buffer, TEXT_SHORT, "SIG%s", name);
    else if (signal == SIGRTMIN)
        snprintf(buffer, TEXT_SHORT, "SIGRTMIN");
    else if (signal > SIGRTMIN && signal <= SIGRTMAX)
        snprintf(buffer, TEXT_SHORT, "SIGRTMIN+%d", signal - SIGRTMIN);
    else
        snprintf(buffer, TEXT_SHORT, "signal %d", signal);
    return buffer;
}

const char *text_error(char *buffer, int error)
{
    const char *name = strerrorname_np(error);
    if (name)
        snprintf(buffer, TEXT_SHORT, "%s", name);
    else
        snprintf(buffer, TEXT_SHORT, "error %d", error);
    return buffer;
}

const char *text_end(char *buffer, const struct process *p)
{
    char signal[TEXT_SHORT];
    switch (p->how) {
    case END_RUNNING: snprintf(buffer, TEXT_SHORT, "still running"); break;
    case END_EXIT: snprintf(buffer, TEXT_SHORT, "exited with status %d", p->status); break;
    case END_SIGNAL:
        text_signal(signal, p->signal);
        snprintf(buffer, TEXT_SHORT, "killed by %.40s", signal);
        break;
    default: snprintf(buffer, TEXT_SHORT, "vanished: nobody recorded its end"); break;
    }
    return buffer;
}

/* --- names of values -------------------------------------------------------------------------- */

#define NAME(n, name) [n] = #name,
#define NAMES(function, TABLE)                                                         \
    const char *function(unsigned value)                                               \
    {                                                                                  \
        static const char *const names[] = {TABLE(NAME)};                              \
        const char *name = value < sizeof names / sizeof *names ? names[value] : NULL; \
        return name ? name : "unknown";                                                \
    }

static NAMES(fork_api, FT_FORK_APIS) const
    char *text_fork_api(unsigned value) /* what was called: how much is shared is another matter */
{
    return fork_api(value == FT_FORK_clone_vm ? FT_FORK_clone : value);
}
NAMES(text_exit_api, FT_EXIT_APIS)
NAMES(text_reap_api, FT_REAP_APIS)
NAMES(text_session_api, FT_SESSION_APIS)
NAMES(text_cred_api, FT_CRED_APIS)
NAMES(text_sigaction_api, FT_SIGACTION_APIS)
NAMES(text_sigmask_api, FT_SIGMASK_APIS)
NAMES(text_kill_api, FT_KILL_APIS)
NAMES(text_wait_kind, FT_WAIT_KINDS)
NAMES(text_atfork_phase, FT_ATFORK_PHASES)
NAMES(text_unsafe, FT_UNSAFE_CALLS)

#define NOTE_NAME(n, id, text) [n] = #id,
const char *text_note_name(unsigned what)
{
    static const char *const names[] = {FT_NOTES(NOTE_NAME)};
    const char *name = what < sizeof names / sizeof *names ? names[what] : NULL;
    return name ? name : "unknown";
}
