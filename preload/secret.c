/*
 * secret.c: masking the values of names that promise a secret. Written by
 * hand: no regex in somebody else's process.
 */
#include "secret.h"

#include <string.h>
#include <strings.h>

static const char *const words[] = {"password", "passwd",  "secret",  "token",
                                    "apikey",   "api_key", "api-key", "credential"};

bool secret_name(const char *name, size_t length)
{
    for (size_t at = 0; at < length; at++)
        for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
            size_t size = strlen(words[w]);
            if (size <= length - at && !strncasecmp(name + at, words[w], size)) return true;
        }
    return false;
}

static bool in_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

static bool is_quote(char c) { return c == '"' || c == '\''; }
static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n'; }

static char *stars(char *out, size_t length)
{
    size_t count = length < 3 ? length : 3; /* never longer than what it replaces */
    memset(out, '*', count);
    return out + count;
}

static char *copy(char *out, const char *from, const char *to)
{
    memmove(out, from, (size_t)(to - from));
    return out + (to - from);
}

static const char *skip_spaces(const char *at, const char *end)
{
    while (at < end && is_space(*at)) at++;
    return at;
}

/* Where the value that starts at `at` ends, inside a longer argument. */
static const char *end_of_value(const char *at, const char *end, char quote)
{
    for (; at < end; at++)
        if (quote ? *at == quote : is_space(*at) || is_quote(*at) || *at == '&' || *at == ';') break;
    return at;
}

/* Where the value of the secret name that ends at `after` starts; NULL: it has none in this argument. */
static const char *value_of(bool option, const char *after, const char *end)
{
    const char *at = after < end && is_quote(*after) ? after + 1 : after; /* "name": "value" */
    if (at < end && (*at == '=' || *at == ':')) return skip_spaces(at + 1, end);
    if (!option || after == end || !is_space(*after)) return NULL;
    at = skip_spaces(after, end); /* --name value, in a shell command */
    return end - at > 1 && at[0] == '-' && at[1] == '-' ? NULL : at;
}

/* One argument, from `at` to `end`, rewritten to `out`. *next: its value is the argument after it. */
static char *mask_argument(char *out, const char *at, const char *end, bool *next)
{
    const char *start = at;
    while (at < end) {
        const char *name = at;
        while (at < end && in_name(*at)) at++;
        /* Look before copying: behind an earlier mask the copy overwrites the name. */
        bool secret = secret_name(name, (size_t)(at - name)), option = *name == '-';
        out = copy(out, name, at);
        if (at == name) {
            *out++ = *at++;
            continue;
        }
        if (!secret) continue;
        const char *value = value_of(option, at, end);
        if (!value) {
            *next = at == end && name == start && option;
            continue;
        }
        char quote = value < end && is_quote(*value) ? *value++ : 0;
        const char *stop = name == start && !is_space(*at) ? end : end_of_value(value, end, quote);
        out = copy(out, at, value);
        out = stars(out, (size_t)(stop - value));
        at = stop;
    }
    return out;
}

size_t secret_mask(char *block, size_t length)
{
    char *out = block;
    const char *at = block, *end = block + length;
    bool next = false;
    while (at < end) {
        const char *stop = memchr(at, 0, (size_t)(end - at));
        if (!stop) stop = end;
        bool value = next && !(stop - at > 1 && at[0] == '-' && at[1] == '-');
        next = false;
        out = value ? stars(out, (size_t)(stop - at)) : mask_argument(out, at, stop, &next);
        if (stop < end) *out++ = 0;
        at = stop + 1;
    }
    return (size_t)(out - block);
}
