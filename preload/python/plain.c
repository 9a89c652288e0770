/*
 * plain.c: see plain.h.
 */
#include "preload/python/plain.h"

#include <stdio.h>
#include <string.h>

#include "preload/secret.h"

#define WHOLE 8 /* digits of an int that is told in decimal */

/* --- modules ---------------------------------------------------------------------------------- */

bool plain_own(const char *file, const char *name, bool all)
{
    /* python -c, or typed in; namedtuple and the like evaluate "<string>" too */
    if (*file == '<')
        return (!strcmp(file, "<string>") || !strcmp(file, "<stdin>")) && !strcmp(name, "__main__");
    return all || (!strstr(file, "/lib/python") && !strstr(file, "/site-packages/") &&
                   !strstr(file, "/dist-packages/"));
}

void plain_stem(const char *file, char *out, size_t room)
{
    const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
    size_t length = strcspn(base, ".");
    if (*file == '<') base = "__main__", length = 8;
    if (slash && !strcmp(base, "__init__.py")) {
        const char *start = slash;
        while (start > file && start[-1] != '/') start--;
        base = start, length = (size_t)(slash - start);
    }
    if (length >= room) length = room - 1;
    memcpy(out, base, length);
    out[length] = 0;
}

/* --- names ------------------------------------------------------------------------------------ */

bool plain_listed(const char *list, const char *module, const char *name, size_t length)
{
    size_t module_length = strlen(module);
    for (const char *at = list; at && *at; at += strcspn(at, ";"), at += *at == ';') {
        size_t size = strcspn(at, ";");
        if (size < 4 + module_length || strncmp(at, "py:", 3) || strncmp(at + 3, module, module_length))
            continue;
        const char *rest = at + 3 + module_length;
        size_t left = size - 3 - module_length;
        if (*rest != '.') continue;
        if ((left == 2 && rest[1] == '*') || (left == length + 1 && !memcmp(rest + 1, name, length)))
            return true;
    }
    return false;
}

/* "key" as a word: API_KEY, key, private_key_2; not monkey. */
static bool key_word(const char *name, size_t length)
{
    for (size_t at = 0; at + 3 <= length; at++)
        if ((name[at] | 32) == 'k' && (name[at + 1] | 32) == 'e' && (name[at + 2] | 32) == 'y' &&
            (!at || name[at - 1] == '_') && (at + 3 == length || name[at + 3] == '_'))
            return true;
    return false;
}

bool plain_secret(const char *name, size_t length)
{
    return secret_name(name, length) || key_word(name, length);
}

/* --- values ----------------------------------------------------------------------------------- */

size_t plain_utf8(uint32_t c, char *out)
{
    if (c < 0x80) return out[0] = (char)c, 1;
    if (c < 0x800) return out[0] = (char)(0xc0 | c >> 6), out[1] = (char)(0x80 | (c & 63)), 2;
    if (c < 0x10000)
        return out[0] = (char)(0xe0 | c >> 12), out[1] = (char)(0x80 | (c >> 6 & 63)),
               out[2] = (char)(0x80 | (c & 63)), 3;
    return out[0] = (char)(0xf0 | c >> 18), out[1] = (char)(0x80 | (c >> 12 & 63)),
           out[2] = (char)(0x80 | (c >> 6 & 63)), out[3] = (char)(0x80 | (c & 63)), 4;
}

static size_t how_large(char out[PLAIN_INT], const uint32_t *digits, size_t count, size_t have, bool negative)
{
    size_t bits = count * 30;
    if (have >= count && digits[count - 1]) bits -= (size_t)__builtin_clz(digits[count - 1]) - 2;
    return (size_t)snprintf(out, PLAIN_INT, "%san integer of %s%zu bits", negative ? "minus " : "",
                            have >= count ? "" : "up to ", bits);
}

/* Schoolbook division of the digits by 10. */
size_t plain_int(char out[PLAIN_INT], const uint32_t *digits, size_t count, size_t have, bool negative)
{
    if (count > WHOLE || have < count) return how_large(out, digits, count, have, negative);
    uint32_t rest[WHOLE];
    memcpy(rest, digits, count * sizeof *rest);
    char *at = out + PLAIN_INT;
    while (count) {
        uint64_t carry = 0;
        for (size_t i = count; i-- > 0;) {
            carry = carry << 30 | rest[i];
            rest[i] = (uint32_t)(carry / 10);
            carry %= 10;
        }
        *--at = (char)('0' + carry);
        while (count && !rest[count - 1]) count--;
    }
    if (negative) *--at = '-';
    size_t length = (size_t)(out + PLAIN_INT - at);
    memmove(out, at, length);
    return length;
}
