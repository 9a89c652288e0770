/*
 * table.c: the table of names: found by dict and hash, kept when their module
 * goes, for it may be imported anew.
 */
#include "preload/python/table.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "preload/python/globals.h"
#include "preload/python/plain.h"
#include "preload/python/spot.h"
#include "trace/syscall.h"

#define NAMES 16384
#define INDEX (2 * NAMES)
#define PROBE 32

/* Mapped when there is a Python: an address space this size costs every fork, also where it is not used. */
struct name *names;
unsigned name_count;
static uint16_t *name_index; /* by dict and hash: 0 free, else index + 1 */
static bool any_gone;
static const char *watch; /* FORKTRACE_WATCH */

void globals_watch(const char *list) { watch = list; }

bool names_open(void)
{
    size_t size = NAMES * sizeof *names + INDEX * sizeof *name_index;
    if (names) return true;
    void *memory = (void *)ft_syscall(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0L);
    if ((long)memory < 0 && (long)memory > -4096) return false;
    names = memory;
    name_index = (uint16_t *)(names + NAMES);
    return true;
}

bool name_watched(const struct module *module, const char *name, size_t length)
{
    return watch && (plain_listed(watch, module->text, name, length) ||
                     plain_listed(watch, module->called, name, length));
}

static uint16_t *index_at(const void *dict, int64_t hash, unsigned i)
{
    uint64_t h = ((uintptr_t)dict >> 4) * 0x9e3779b97f4a7c15u ^ (uint64_t)hash * 0xc2b2ae3d27d4eb4fu;
    return &name_index[((h >> 40) + i) & (INDEX - 1)];
}

/* NULL: none yet; *place, if not NULL, is where its index belongs. */
struct name *name_find(const void *dict, int64_t hash, uint16_t **place)
{
    *place = NULL;
    for (unsigned i = 0; names && i < PROBE; i++) {
        uint16_t *at = index_at(dict, hash, i);
        struct name *n = *at ? &names[*at - 1] : NULL;
        if (n && n->hash == hash && n->dict == dict) return n;
        if (!*place && (!n || !n->dict)) *place = at;
        if (!n) return NULL;
    }
    return NULL;
}

/* A module that was imported anew: its names go on where they were, in the same slots. */
static struct name *gone(ft_ref module, ft_ref name)
{
    for (struct name *n = names; any_gone && n < names + name_count; n++)
        if (!n->dict && n->module == module && n->name == name) return n;
    return NULL;
}

struct name *name_add(struct module *module, int64_t hash, const char *text, size_t length, uint16_t *place)
{
    ft_ref name = ft_string(&ft, text, length, self.task);
    struct name *n = gone(module->name, name);
    if (!n && (!place || name_count == NAMES)) {
        self_note(FT_NOTE_PYTHON_FULL, "names");
        ft_count_lost(&ft, FT_LOST_PYTHON, 1);
        return NULL;
    }
    bool fresh = !n;
    if (fresh) n = &names[name_count];
    name_change(n);
    n->module = module->name;
    n->name = name;
    n->owner = module;
    n->secret = plain_secret(text, length);
    n->watched = name_watched(module, text, length);
    n->hash = hash;
    n->dict = module->dict;
    n->object = n->pictured = NULL;
    n->kind = FT_PY_KIND_unset;
    n->bits = n->print = 0;
    name_changed(n);
    if (fresh) __atomic_store_n(&name_count, name_count + 1, __ATOMIC_RELEASE);
    if (place) *place = (uint16_t)(n - names + 1);
    return n;
}

void globals_forget(const void *dict)
{
    for (struct spot *s = spots(); s < spots() + SPOTS; s++)
        if (s->dict == dict) s->dict = NULL;
    for (struct name *n = names; n < names + name_count; n++)
        if (n->dict == dict) {
            any_gone = true;
            name_change(n);
            n->dict = NULL;
            name_changed(n);
        }
}
