/* key.c: names of keys, and the table of actions spelled out. */
#include "key.h"

#include <stdlib.h>
#include <string.h>

/* clang-format off */
const struct action_info action_table[] = {
#define X(id, keys, help, bar) {keys, help, bar, ACTION_##id},
#define GROUP(name) {NULL, name, NULL, ACTION_NONE},
    ACTIONS(X, GROUP)
#undef X
#undef GROUP
    {NULL, NULL, NULL, ACTION_NONE},
};

static const struct {
    const char *name;
    char32_t key;
} names[] = {
#define X(id, name) {name, K_##id},
    NAMED_KEYS(X)
#undef X
};
/* clang-format on */

static size_t name_length(const char *text, char32_t *key)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i].name);
        if (strncmp(text, names[i].name, n) || text[n] != '>') continue;
        *key = names[i].key == K_LESS ? '<' : names[i].key == K_SPACE ? ' ' : names[i].key;
        return n + 1;
    }
    return 0;
}

char32_t key_next(const char **script)
{
    char32_t key = (unsigned char)**script;
    if (key != '<') {
        wchar_t wide = 0;
        int n = mbtowc(&wide, *script, MB_CUR_MAX);
        *script += n > 0 ? n : key != 0;
        return n > 0 ? (char32_t)wide : key;
    }
    size_t n = name_length(*script + 1, &key);
    if (!n) return 0;
    *script += 1 + n;
    return key;
}

enum action action_of(char32_t key)
{
    for (const struct action_info *info = action_table; info->help; info++) {
        const char *keys = info->keys ? info->keys : "";
        for (char32_t one; (one = key_next(&keys));)
            if (one == key) return info->action;
    }
    return ACTION_NONE;
}

static const char *label(char32_t key, bool ascii)
{
    for (size_t i = 0; !ascii && i < 4; i++)
        if (key == (char32_t[]){K_LEFT, K_RIGHT, K_UP, K_DOWN}[i])
            return (const char *[]){"←", "→", "↑", "↓"}[i];
    if (key == ' ') return "Space";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].key == key) return names[i].name;
    return NULL;
}

const char *key_labels(const struct action_info *info, bool ascii, char *buffer, size_t size)
{
    size_t used = 0;
    const char *keys = info->keys;
    *buffer = 0;
    for (char32_t key; (key = key_next(&keys)) && used < size;) {
        char one[2] = {(char)key, 0};
        const char *name = label(key, ascii);
        used += (size_t)snprintf(buffer + used, size - used, "%s%s", used ? " " : "", name ? name : one);
    }
    return buffer;
}

void key_help(FILE *out)
{
    char keys[64];
    for (const struct action_info *info = action_table; info->help; info++) {
        if (info->keys)
            fprintf(out, "  %-12s %s\n", key_labels(info, true, keys, sizeof keys), info->help);
        else
            fprintf(out, "%s\n", info->help);
    }
}
