/*
 * map.c: open addressing, linear probing, at most half full.
 */
#include <stdlib.h>

#include "map.h"

/* Mixed with the address of the table, so that no file can be made to collide on purpose. */
static uint32_t place(const struct map *m, uint64_t a, uint64_t b)
{
    uint64_t h = (a * 0x9e3779b97f4a7c15u) ^ (b + (uintptr_t)m->entries) * 0xc2b2ae3d27d4eb4fu;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    h ^= h >> 32;
    return (uint32_t)h & (m->size - 1);
}

static struct map_entry *find(const struct map *m, uint64_t a, uint64_t b)
{
    struct map_entry *last = &m->entries[m->last];
    if (last->used && last->a == a && last->b == b) return last;
    uint32_t i = place(m, a, b);
    while (m->entries[i].used && (m->entries[i].a != a || m->entries[i].b != b)) i = (i + 1) & (m->size - 1);
    ((struct map *)(uintptr_t)m)->last = i;
    return &m->entries[i];
}

uint32_t *map_get(const struct map *m, uint64_t a, uint64_t b)
{
    if (!m->size) return NULL;
    struct map_entry *e = find(m, a, b);
    return e->used ? &e->value : NULL;
}

static bool grow(struct map *m)
{
    struct map bigger = {.size = m->size ? m->size * 2 : 64, .count = m->count};
    bigger.entries = calloc(bigger.size, sizeof *bigger.entries);
    if (!bigger.entries) return false;
    for (uint32_t i = 0; i < m->size; i++) {
        if (!m->entries[i].used) continue;
        *find(&bigger, m->entries[i].a, m->entries[i].b) = m->entries[i];
    }
    free(m->entries);
    *m = bigger;
    return true;
}

bool map_put(struct map *m, uint64_t a, uint64_t b, uint32_t value)
{
    if (m->count >= m->size / 2 && !grow(m)) return false;
    struct map_entry *e = find(m, a, b);
    if (!e->used) m->count++;
    *e = (struct map_entry){.a = a, .b = b, .value = value, .used = true};
    return true;
}

void map_free(struct map *m)
{
    free(m->entries);
    *m = (struct map){0};
}
