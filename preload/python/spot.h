/*
 * spot.h: the spots where names were bound last: a store instruction of Python
 * code and the name it binds, with all that is needed to tell the next binding
 * there. Inside preload/python/ only; GIL held.
 *
 * They lie in pages that the kernel empties in each new process (self.h):
 * one that is there belongs to this process, and so does its slot.
 */
#ifndef PYTHON_SPOT_H
#define PYTHON_SPOT_H

#include "preload/python/table.h"

#define SPOT_LOCKS 2

struct spot {
    const void *dict; /* NULL: free */
    const void *key;
    int64_t hash;
    const void *keys; /* as in struct module, copied: is that still the dict it was? */
    const void *const *name_is_at;
    const void *name_object;
    const void *code, *instruction;
    /* 64: another line of the cache */
    struct name *name;
    struct ft_py_global *slot;
    uint64_t seq; /* of the page of definitions when file was told: it is there until that is full */
    ft_ref file;
    uint32_t line;
    uint16_t flags; /* FT_PY_* */
    bool event;     /* each write is one: an entry of a page (writes.h), which knows it as */
    uint8_t held;   /* if a small int is written by the same thread, with these locks held */
    uint32_t site;
    const void *page;
    const void *lock[SPOT_LOCKS];
} __attribute__((aligned(128)));

#define SPOTS 64
static_assert(SPOTS * sizeof(struct spot) <= SELF_SPARE, "self_alive has room for them");

static inline struct spot *spots(void)
{
    return (struct spot *)(uintptr_t)((volatile char *)self_alive + FT_PAGE);
}

/* Those of a loop's stores to one name are never the same. */
static inline struct spot *spot_at(int64_t hash, const void *instruction)
{
    return spots() + (((uint64_t)hash ^ (uintptr_t)instruction >> 1) & (SPOTS - 1));
}

/* As module_intact. */
static inline bool spot_intact(const struct spot *s)
{
    return py_read(s->dict, MA_KEYS) == s->keys && *s->name_is_at == s->name_object;
}

#endif
