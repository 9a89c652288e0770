/*
 * spoken.c: names of C++ and Rust as a person writes them, by libiberty's demangler.
 *
 * The names come from files nobody vouches for, and a short one can mean a very
 * long one: what gets too long stays as it is.
 */
#define _GNU_SOURCE
#include <libiberty/demangle.h>
#include <search.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "spoken.h"
#include "symbols.h"

#define MOST 1024 /* characters of a name that we take apart */

struct saying {
    char *to;
    size_t size, used;
    jmp_buf too_long;
};

static void add(const char *text, size_t length, void *context)
{
    struct saying *s = context;
    if (length >= s->size - s->used) longjmp(s->too_long, 1);
    memcpy(s->to + s->used, text, length);
    s->used += length;
}

/* Rust's first scheme looks like C++, with a hash at its end: Rust's demangler knows and drops it. */
static bool take_apart(const char *name, struct saying *s)
{
    if (setjmp(s->too_long)) return false;
    if (rust_demangle_callback(name, DMGL_NO_OPTS, add, s)) return true;
    s->used = 0;
    if (name[1] == 'Z' && cplus_demangle_v3_callback(name, DMGL_ANSI | DMGL_RET_DROP, add, s)) return true;
    s->used = 0;
    return false;
}

bool spoken(const char *name, char *to, size_t size)
{
    struct saying s = {.to = to, .size = size};
    bool mangled = name[0] == '_' && (name[1] == 'Z' || name[1] == 'R');
    bool whole = mangled && strnlen(name, MOST) < MOST && take_apart(name, &s);
    to[s.used] = 0;
    return whole;
}

/* --- kept ------------------------------------------------------------------------------------- */

struct said {
    const char *name, *spoken;
};

static void *kept; /* by name */

static int by_name(const void *a, const void *b)
{
    const struct said *x = a, *y = b;
    return strcmp(x->name, y->name);
}

const char *symbols_spoken(const char *name)
{
    char text[MOST];
    if (!name || name[0] != '_' || (name[1] != 'Z' && name[1] != 'R')) return name;
    struct said wanted = {.name = name}, *const *found = tfind(&wanted, &kept, by_name), *new;
    if (found) return (*found)->spoken;
    size_t length = strlen(name) + 1;
    bool whole = spoken(name, text, sizeof text - sizeof "@plt");
    if (!*text) return name;
    const char *stub = strchr(name, '@');
    strcat(text, !whole ? "..." : stub && !strcmp(stub, "@plt") ? stub : "");
    size_t size = strlen(text) + 1;
    if (!(new = malloc(sizeof *new + length + size))) return name;
    char *its = (char *)(new + 1);
    new->name = memcpy(its, name, length);
    new->spoken = memcpy(its + length, text, size);
    if (tsearch(new, &kept, by_name)) return new->spoken;
    free(new);
    return name;
}

void spoken_free(void)
{
    tdestroy(kept, free);
    kept = NULL;
}
