/*
 * wholes.c: looks at watched C objects of more than 8 bytes (FT_C_VALUE and
 * FT_C_SAMPLE with a print). Writes to them are events of their parts, each a
 * global of its own; that the whole is not what it was becomes one too if no
 * write to any part explains it: then somebody wrote whom nobody saw.
 *
 * Which bytes changed a print does not tell. So any write to the object since
 * the look before explains this one: better silent than wrong.
 */
#include <stdlib.h>

#include "build.h"

#define OBJECTS 64       /* as many watches as the library takes */
#define SOON    20000000 /* ns: so late may a stamp come after its store */
#define EARLY   2000     /* ns: and so much before it, as the clocks of two processors go */
#define NEAR    512      /* looks that are held against one write */

struct look {
    struct whole *whole;
    uint32_t object;
    uint64_t owner;
    int64_t from; /* writes since then count */
};

struct wholes {
    struct build *b;
    uint64_t key[OBJECTS]; /* struct global.whole of the objects */
    size_t objects;
    struct look *looks;
    size_t count;
    uint64_t *concerned; /* of each global: bit n, it is in object n */
};

struct value wholes_value(uint8_t kind, uint64_t bits, uint32_t print)
{
    return (struct value){.kind = kind == FT_C_KIND_chars ? kind : FT_C_KIND_raw,
                          .known = true,
                          .size = 8,
                          .bits = bits,
                          .print = print};
}

/* --- which object ----------------------------------------------------------------------------- */

static uint32_t object_of(struct wholes *w, uint64_t key)
{
    for (uint32_t i = 0; i < w->objects; i++)
        if (w->key[i] == key) return i;
    if (w->objects == OBJECTS) return NONE;
    w->key[w->objects] = key;
    return (uint32_t)w->objects++;
}

static bool contains(const struct defined *whole, const struct defined *d)
{
    return d->image == whole->image && d->process == whole->process &&
           d->record.address - whole->record.address < whole->record.size;
}

/* Parts that are described for themselves lie in it by their addresses, others have its name. */
static void find_concerned(struct wholes *w)
{
    struct build *b = w->b;
    w->concerned = build_alloc(b, (b->t->global_count + 1) * sizeof *w->concerned);
    for (uint32_t object = 0; object < w->objects; object++) {
        for (global_id g = 0; g < b->t->global_count; g++)
            if (b->t->globals[g].c && b->t->globals[g].whole == w->key[object])
                w->concerned[g] |= 1ull << object;
        for (size_t i = 0; i < b->defined_count; i++) {
            const struct defined *whole = &b->defined[i];
            if (whole->whole != w->key[object]) continue;
            for (size_t k = 0; k < b->defined_count; k++)
                if (b->defined[k].global != NONE && contains(whole, &b->defined[k]))
                    w->concerned[b->defined[k].global] |= 1ull << object;
            break; /* other images have the same parts */
        }
    }
}

/* --- looks and writes ------------------------------------------------------------------------- */

static int by_owner_and_time(const void *x, const void *y)
{
    const struct look *a = x, *b = y;
    if (a->object != b->object) return a->object < b->object ? -1 : 1;
    if (a->owner != b->owner) return a->owner < b->owner ? -1 : 1;
    int64_t p = a->whole->told.ns, q = b->whole->told.ns;
    return p < q ? -1 : p > q;
}

static void collect(struct wholes *w)
{
    struct build *b = w->b;
    struct timeline *t = b->t;
    w->looks = build_alloc(b, b->whole_count * sizeof *w->looks);
    for (size_t i = 0; i < b->whole_count; i++) {
        struct whole *whole = &b->wholes[i];
        const struct defined *d = &b->defined[whole->definition];
        uint32_t object = object_of(w, d->whole);
        if (object == NONE) continue;
        uint64_t owner = globals_owner_of(t, d->whole, whole->told.process, whole->told.image);
        w->looks[w->count++] = (struct look){whole, object, owner, INT64_MIN};
    }
    qsort(w->looks, w->count, sizeof *w->looks, by_owner_and_time);
    for (size_t i = 1; i < w->count; i++) {
        const struct look *before = &w->looks[i - 1];
        if (before->object == w->looks[i].object && before->owner == w->looks[i].owner)
            w->looks[i].from = before->whole->told.ns - EARLY;
    }
}

/* The first look of this owner at the object that a write at `ns` may explain. */
static size_t first_look(const struct wholes *w, uint32_t object, uint64_t owner, int64_t ns)
{
    size_t low = 0, high = w->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct look *l = &w->looks[middle];
        bool before = l->object != object ? l->object < object
                      : l->owner != owner ? l->owner < owner
                                          : l->whole->told.until + SOON < ns;
        if (before)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void hold_against(struct wholes *w, const struct event_about *e, int64_t ns)
{
    uint64_t objects = w->concerned[e->child];
    if (!objects) return;
    uint64_t owner = globals_owner(w->b->t, e->child, e->process, e->image);
    for (; objects; objects &= objects - 1) {
        uint32_t object = (uint32_t)__builtin_ctzll(objects);
        size_t i = first_look(w, object, owner, ns), end = i + NEAR;
        for (; i < w->count && i < end && w->looks[i].object == object && w->looks[i].owner == owner &&
               w->looks[i].from <= ns;
             i++)
            w->looks[i].whole->told.explained = true;
    }
}

/* --- what remains ----------------------------------------------------------------------------- */

static uint64_t find_unexplained(const struct wholes *w)
{
    uint64_t objects = 0;
    for (size_t i = 0; i < w->count; i++)
        if (!w->looks[i].whole->told.explained) objects |= 1ull << w->looks[i].object;
    return objects;
}

void wholes_finish(struct build *b)
{
    struct wholes w = {.b = b};
    struct timeline *t = b->t;
    if (!b->whole_count) return;
    collect(&w);
    find_concerned(&w);
    for (event_id i = 0; i < t->event_count; i++)
        if (timeline_about(t, i)->type == EVENT_WRITE && t->globals[timeline_about(t, i)->child].c)
            hold_against(&w, timeline_about(t, i), t->events[i].ns);
    uint64_t objects = find_unexplained(&w);
    for (size_t i = 0; i < w.count; i++) {
        if (!(objects >> w.looks[i].object & 1)) continue;
        struct told *told = &w.looks[i].whole->told;
        struct defined *d = &b->defined[w.looks[i].whole->definition];
        d->global = told->global = watched_part(b, d, d->name);
        watched_copy(b, d, wholes_value(d->record.kind, d->record.value, d->record.print));
        b->told = build_grow(b, b->told, b->told_count, sizeof *b->told);
        b->told[b->told_count++] = *told;
    }
}
