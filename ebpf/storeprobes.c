/*
 * storeprobes.c: user probes behind the stores to a watched object: see
 * watching.h. For what has no breakpoint: there are four of them.
 */
#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes.h"
#include "symbols/target.h"
#include "watching.h"

#if defined __x86_64__

struct placing {
    struct stores *stores;
    struct symbols *symbols;
    const struct stores_target *target;
    unsigned long offsets[2 * STORES];
    uint64_t cookies[2 * STORES];
    size_t count;
    uint32_t found, placed;
};

static void put(struct placing *p, unsigned long offset, uint64_t cookie)
{
    p->offsets[p->count] = offset;
    p->cookies[p->count++] = cookie;
}

/* Behind a store that names its place; where jumps may lead there, on the store too. */
static void place_probes(void *context, const struct function *f)
{
    struct placing *p = context;
    for (size_t i = 0; i < f->count; i++) {
        const struct code *c = &f->code[i], *next = &f->code[i + 1];
        uint64_t offset, behind;
        if (!c->store) continue;
        p->found++;
        if (c->store != STORE_DIRECT || i + 1 == f->count || !next->follows) continue;
        if (c->writes != p->target->start || c->size != p->target->size) continue;
        if (p->stores->probe_count + 1 >= STORES || p->count + 2 > 2 * STORES) continue;
        if (!symbols_file_offset(p->symbols, c->address, &offset)) continue;
        if (!symbols_file_offset(p->symbols, next->address, &behind)) continue;
        uint32_t number = ++p->stores->probe_count;
        struct store_place place = {.distance = (int64_t)(c->writes - next->address),
                                    .guarded = next->entered || f->indirect};
        if (bpf_map_update_elem(p->stores->map, &number, &place, BPF_ANY)) continue;
        put(p, behind, number);
        if (place.guarded) put(p, offset, number | STORE_BEGINS);
        p->placed++;
    }
}

/*
 * Only where the library never is: a probe's trap goes into every process that
 * runs the file, and in the middle of a jump that the library has put there it
 * would end the program.
 */
bool storeprobes_may(const char *path)
{
    struct target target;
    target_look(path, &target);
    return target.kind == TARGET_ELF && !*target.interpreter;
}

const struct probed *storeprobes_put(struct looking *l, const struct watch *w, struct stores_counts *counts)
{
    const char *path = l->objects[w->object].path;
    for (const struct probed *p = l->stores->probed; p; p = p->next)
        if (p->start == w->where.start && !strcmp(p->path, path)) return p;
    struct probed *p = calloc(1, sizeof *p);
    struct placing *placing = calloc(1, sizeof *placing);
    struct symbols *symbols = symbols_open(path, NULL, 0);
    struct stores_target target = w->where;
    if (p && placing && symbols) {
        snprintf(p->path, sizeof p->path, "%s", path);
        p->start = w->where.start;
        *placing = (struct placing){.stores = l->stores, .symbols = symbols, .target = &target};
        stores_find(symbols, &target, 1, counts, place_probes, placing);
        p->stores = placing->found;
        if (placing->count && probes_put(l->stores->probes, l->stores->store_done, path, placing->offsets,
                                         placing->cookies, placing->count))
            p->placed = placing->placed;
        p->next = l->stores->probed;
        l->stores->probed = p;
    }
    free(placing);
    return p;
}

#endif
