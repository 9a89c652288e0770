/*
 * watch.c: was what -w names ever bound?
 */
#define _GNU_SOURCE
#include <string.h>

#include "watch.h"

struct part {
    const char *text;
    size_t length;
};

static bool equal(struct part part, const char *text)
{
    return strlen(text) == part.length && !memcmp(text, part.text, part.length);
}

/* "py:pkg.app.i": the name is what follows the last dot. */
static bool split(const char *item, size_t length, struct part *module, struct part *name)
{
    if (length < 3 || memcmp(item, "py:", 3)) return false;
    const char *dot = memrchr(item + 3, '.', length - 3);
    if (!dot) return false;
    *module = (struct part){item + 3, (size_t)(dot - item) - 3};
    *name = (struct part){dot + 1, (size_t)(item + length - dot) - 1};
    return true;
}

static bool module_listed(const char *list, const char *module_text)
{
    struct part module, name;
    for (const char *at = list; *at; at += strcspn(at, ";"), at += *at == ';')
        if (split(at, strcspn(at, ";"), &module, &name) && equal(module, module_text)) return true;
    return false;
}

bool watch_bound(const struct timeline *t, const char *list, const char *item, size_t length)
{
    struct part module, name;
    if (!split(item, length, &module, &name)) return true; /* nothing that can be judged here */
    for (size_t i = 0; i < t->global_count; i++) {
        const struct global *g = &t->globals[i];
        if (!g->watched || (!equal(name, "*") && !equal(name, g->name))) continue;
        if (equal(module, g->module) || !module_listed(list, g->module)) return true;
    }
    return false;
}
