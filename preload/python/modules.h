/*
 * modules.h: the dicts of the program's own modules. Inside preload/python/
 * only; GIL held.
 */
#ifndef PYTHON_MODULES_H
#define PYTHON_MODULES_H

#include "preload/python/dict.h"
#include "preload/python/runtime.h"

struct module {
    const void *dict;              /* NULL: it is gone */
    const void *name_object;       /* what its __name__ is bound to: by this it is known again */
    uint32_t name_at;              /* which entry of the dict that is */
    const void *keys;              /* its table of entries when last looked at, */
    const void *const *name_is_at; /* and where in that */
    uint16_t next;                 /* with the same hash: index + 1 */
    ft_ref name;
    uint64_t version; /* of the dict at the last picture: the same as long as nothing is bound */
    uint32_t looked;  /* number of the last picture */
    bool changed;     /* since the one before */
    char text[64];    /* the stem of its file */
    char called[64];  /* its __name__ */
};

/*
 * By bits 4-15 of a dict's address: 0, or the first module with such a dict:
 * index + 1. entry.S looks here first, and goes on at once for most dicts.
 */
#define MODULE_BUCKETS 4096
extern uint16_t python_modules[MODULE_BUCKETS] __attribute__((visibility("hidden")));

/* Those of the standard library and of installed packages count as own too. */
extern bool modules_all;

/*
 * The own module this dict is of, or NULL. Never asked in vain: a dict that was
 * freed, and whose address another one has now, is noticed and forgotten.
 */
struct module *module_of(const void *dict);

/* The slow half of module_intact: after the dict has grown. */
bool module_still(struct module *module);

/* Is that still the dict it was? Three loads, as long as it does not grow. */
static inline bool module_intact(struct module *module)
{
    if (likely(py_read(module->dict, MA_KEYS) == module->keys && *module->name_is_at == module->name_object))
        return true;
    return module_still(module);
}

/* Each of those in sys.modules, whose dicts can be read without anybody using them. */
void modules_each(void (*visit)(struct module *module, ft_ref task), ft_ref task);

/* __name__ is bound to something else, or unbound (NULL). */
void module_renamed(struct module *module, const void *name_object);
/* The interpreter is ending: its sys.modules is no more. */
void modules_over(void);

/* Its dict is being emptied or freed. */
void module_gone(const void *dict);

/* A module of this file has this dict: from now on it is known, if it is an own one. */
void module_met(const void *dict, const char *file);

/* A module's body is about to run in its dict. */
void python_eval(const void *code, const void *globals, const void *locals)
    __attribute__((visibility("hidden")));

/* The bound value of an exact str in a dict, NULL if unbound. Runs no code of the program's. */
const void *dict_get(const void *dict, const void *key, int64_t hash);
bool modules_init(const struct link_map *map);

/* For table.c: names of this dict will not be bound any more. */
void globals_forget(const void *dict);

#endif
