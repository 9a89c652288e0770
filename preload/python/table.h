/*
 * table.h: the names of the program's own modules: one entry a module and name
 * in this address space. Inside preload/python/ only.
 *
 * Everything but reading for a fork (version) happens with the GIL held, which
 * is the only lock here.
 */
#ifndef PYTHON_TABLE_H
#define PYTHON_TABLE_H

#include "preload/python/modules.h"

struct name {
    const void *dict; /* NULL: the module is gone */
    int64_t hash;     /* of the str: keys that are equal need not be identical */
    struct ft_py_global *slot;
    uint64_t process; /* whose slot that is */
    uint32_t version; /* odd: being written */
    bool watched, secret;
    uint32_t told;        /* version at the last fork */
    const void *object;   /* what it is bound to as far as we know; not kept alive */
    const void *pictured; /* the same, by the last picture */
    uint64_t bits;        /* and what that was when last looked at, as a record has it */
    uint8_t kind;
    uint32_t print; /* of what a container held */
    uint32_t met;   /* by the picture of this number */
    struct module *owner;
    ft_ref module, name;
    struct ft_string *text; /* of the slot: overwritten in place like it */
    ft_ref text_ref;
};

/* Room for them, before anything else here. False: there is no memory. */
bool names_open(void);

extern struct name *names __attribute__((visibility("hidden")));
extern unsigned name_count __attribute__((visibility("hidden"))); /* read with acquire without the GIL */

/* NULL: none yet; *place, if not NULL, is where its index belongs. */
struct name *name_find(const void *dict, int64_t hash, uint16_t **place);
/* A new one, or that of a module which was imported anew. NULL: no room, which is noted and counted. */
struct name *name_add(struct module *module, int64_t hash, const char *text, size_t length, uint16_t *place);
/* Is it in FORKTRACE_WATCH? */
bool name_watched(const struct module *module, const char *text, size_t length);

/* Stands for this process: pids are used again. Kept where a fork empties it; words 0 and 1 are self.h's. */
static inline uint64_t this_process(void)
{
    volatile uint64_t *word = (volatile uint64_t *)(self_alive + 2);
    if (unlikely(!*word)) *word = ft_now(&ft) | 1;
    return *word;
}

/* Around each change of a name: a fork in another thread must not tell half of it. Its child may be forked in
 * between. */
static inline void name_change(struct name *n)
{
    n->version |= 1;
    __atomic_signal_fence(
        __ATOMIC_SEQ_CST); /* forked in between: the child's memory is what x86 had stored */
}
static inline void name_changed(struct name *n)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    n->version = (n->version | 1) + 1;
}

#endif
