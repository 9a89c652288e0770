/*
 * watched.c: C globals: what was watched, the values they hold, and the looks
 * at them. The writes are writes.c's, their copies globals.c's.
 *
 * Definitions are those of a family: what one process described (a global, a
 * store), all that were forked from its image know too.
 */
#include <stdlib.h>
#include <string.h>

#include "build.h"

/* --- definitions ------------------------------------------------------------------------------ */

static const char *last_part(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path ? path : "?";
}

static uint64_t key_of(const char *path, const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (const char *c = path; *c; c++) h = (h ^ (uint8_t)*c) * 0x100000001b3u;
    h *= 0x100000001b3u; /* a Python module's names have no such byte between them */
    for (const char *c = name; *c; c++) h = (h ^ (uint8_t)*c) * 0x100000001b3u;
    return h;
}

global_id watched_named(struct build *b, const char *path, bool library, const char *name)
{
    uint64_t h = key_of(path, name);
    uint32_t *known = map_get(&b->by_name, h, 1);
    if (known) return *known;
    struct timeline *t = b->t;
    t->globals = build_grow(b, t->globals, t->global_count, sizeof *t->globals);
    t->globals[t->global_count] = (struct global){
        .c = true, .library = library, .path = path, .module = last_part(path), .name = name, .first = NONE};
    build_map_put(b, &b->by_name, h, 1, (uint32_t)t->global_count);
    return (global_id)t->global_count++;
}

/* The watched one of this name in that object. */
global_id watched_part(struct build *b, const struct defined *d, const char *name)
{
    global_id id = watched_named(b, d->path, !(d->record.flags & FT_C_PROGRAM), name);
    b->t->globals[id].watched = true;
    b->t->globals[id].whole = d->whole;
    return id;
}

static bool is_piecemeal(const struct defined *d) { return d->record.size > 8; }

void watched_copy(struct build *b, const struct defined *d, struct value value)
{
    copy_id id = globals_copy(b, d->global, d->process, d->image);
    struct copy *copy = &b->t->copies[id];
    if (copy->born != NEVER) return;
    copy->birth = d->image ? COPY_BY_EXEC : COPY_BY_LOAD;
    copy->born = d->ns;
    copy->at_birth = value;
    if (!copy->writes) copy->last = value;
}

void watched_global(struct build *b, const struct item *it)
{
    struct defined d = {.record = FT_GET(c_global, it->record), .global = NONE};
    const struct task *task = task_of(b, it);
    d.path = build_string_once(b, d.record.object) ?: "?";
    d.name = build_string_once(b, d.record.name) ?: "?";
    d.whole = key_of(d.path, d.name);
    d.process = b->t->threads[task->thread].process;
    d.image = task->image;
    d.ns = it->ns;
    if (!is_piecemeal(&d)) {
        d.global = watched_part(b, &d, d.name);
        watched_copy(b, &d, watched_value(b, &d, 0, d.record.size, d.record.value));
    }
    b->defined = build_grow(b, b->defined, b->defined_count, sizeof d);
    build_map_put(b, &b->by_definition, it->ref, 0, (uint32_t)b->defined_count);
    b->defined[b->defined_count++] = d;
}

void watched_sites(struct build *b, const struct item *it)
{
    size_t length;
    uint32_t count = FT_GET(c_sites, it->record).count;
    const struct ft_c_site *site = ft_tail(it->record, sizeof(struct ft_c_sites), &length);
    const struct task *task = task_of(b, it);
    uint32_t family = build_family(b, b->t->threads[task->thread].process, task->image);
    if (count > length / sizeof *site) count = (uint32_t)(length / sizeof *site);
    for (uint32_t i = 0; i < count; i++) {
        struct ft_c_site copy;
        memcpy(&copy, &site[i], sizeof copy);
        copy.pc++; /* in the instruction, as a return address would be behind it */
        b->sites = build_grow(b, b->sites, b->site_count, sizeof copy);
        build_map_put(b, &b->by_site_id, family, copy.id, (uint32_t)b->site_count);
        b->sites[b->site_count++] = copy;
    }
}

void watched_watch(struct build *b, const struct item *it)
{
    struct ft_c_watch w = FT_GET(c_watch, it->record);
    struct timeline *t = b->t;
    t->watches = build_grow(b, t->watches, t->watch_count, sizeof *t->watches);
    t->watches[t->watch_count++] = (struct watch_result){.process = process_of(b, it),
                                                         .watch = build_string_once(b, w.watch),
                                                         .text = build_string_once(b, w.text),
                                                         .object = build_string_once(b, w.object),
                                                         .outcome = (enum ft_c_outcome)w.outcome,
                                                         .counts = w};
}

/* What hardware there is for a watch is told right after it, in the same process. */
void watched_hardware(struct build *b, const struct item *it)
{
    struct ft_c_hardware h = FT_GET(c_hardware, it->record);
    const char *watch = build_string_once(b, h.watch);
    process_id process = process_of(b, it);
    struct timeline *t = b->t;
    for (size_t i = t->watch_count; watch && i--;) {
        struct watch_result *w = &t->watches[i];
        bool same_run = w->process == process || h.flags & FT_C_HW_ENDED;
        if (!same_run || !w->watch || strcmp(w->watch, watch)) continue;
        if (h.flags & FT_C_HW_ENDED)
            w->hardware.flags |= FT_C_HW_ENDED;
        else
            w->hardware = h;
        return;
    }
}

/* --- values ----------------------------------------------------------------------------------- */

static uint64_t extended(uint64_t bits, unsigned size, bool sign)
{
    unsigned spare = size && size < 8 ? 64 - 8 * size : 0;
    return sign ? (uint64_t)((int64_t)(bits << spare) >> spare) : bits << spare >> spare;
}

/* The enumerator's "NAME=number", or NULL. */
static const char *enumerator(const struct build *b, ft_ref names, int64_t number)
{
    size_t length;
    bool cut;
    const char *at = ft_reader_string(b->t->reader, names, &length, &cut), *end = at + length;
    while (at < end) {
        size_t one = strnlen(at, (size_t)(end - at));
        const char *equals = memchr(at, '=', one);
        if (one == (size_t)(end - at)) return NULL; /* not ended by a NUL: cut */
        if (equals && strtoll(equals + 1, NULL, 10) == number) return at;
        at += one + 1;
    }
    return NULL;
}

struct value watched_value(struct build *b, const struct defined *d, uint64_t offset, uint64_t size,
                           uint64_t bits)
{
    bool element = d->record.element && size == d->record.element && offset % size == 0;
    bool typed = size == d->record.size || element;
    unsigned kind = typed && d->record.kind >= FT_C_KIND_signed && d->record.kind <= FT_C_KIND_raw
                        ? d->record.kind
                        : FT_C_KIND_signed;
    struct value v = {.kind = (uint8_t)kind, .known = true, .size = (uint8_t)(size < 8 ? size : 8)};
    v.bits = extended(bits, v.size, kind == FT_C_KIND_signed || kind == FT_C_KIND_enumeration);
    float single;
    if (kind == FT_C_KIND_real && size == sizeof single) {
        memcpy(&single, &bits, sizeof single);
        double number = single;
        memcpy(&v.bits, &number, sizeof v.bits);
    }
    if (kind == FT_C_KIND_enumeration) v.text = enumerator(b, d->record.names, (int64_t)v.bits);
    return v;
}

/* --- looked at -------------------------------------------------------------------------------- */

static struct value looked(struct build *b, const struct defined *d, const struct ft_c_value *v)
{
    return is_piecemeal(d) ? wholes_value(d->record.kind, v->value, v->print)
                           : watched_value(b, d, 0, d->record.size, v->value);
}

void watched_told(struct build *b, const struct item *it)
{
    struct ft_c_value v = FT_GET(c_value, it->record);
    uint32_t *index = map_get(&b->by_definition, v.global, 0);
    if (!index) return;
    const struct defined *d = &b->defined[*index];
    const struct task *task = task_of(b, it);
    struct told told = {.global = d->global,
                        .process = b->t->threads[task->thread].process,
                        .thread = task->thread,
                        .image = task->image,
                        .record = it->record,
                        .fork = ft_reader_find(b->t->reader, v.fork, FT_FORK),
                        .ns = it->ns,
                        .until = it->ns,
                        .value = looked(b, d, &v)};
    int64_t until =
        v.until ? ft_reader_ns(b->t->reader, v.until) - ft_reader_ns(b->t->reader, it->record->time) : 0;
    if (until > 0) told.until += until;
    if (d->global == NONE) {
        b->wholes = build_grow(b, b->wholes, b->whole_count, sizeof *b->wholes);
        b->wholes[b->whole_count++] = (struct whole){told, *index};
        return;
    }
    b->told = build_grow(b, b->told, b->told_count, sizeof told);
    b->told[b->told_count++] = told;
}

/* From that fork on it is one copy: of the parent and all that are forked then. */
void watched_common(struct build *b, const struct item *it)
{
    struct ft_c_common c = FT_GET(c_common, it->record);
    uint32_t *index = map_get(&b->by_definition, c.global, 0);
    if (!index) return;
    const struct defined *d = &b->defined[*index];
    const struct task *task = task_of(b, it);
    uint64_t whose = (uint64_t)task->image << 32 | b->t->threads[task->thread].process;
    if (map_get(&b->by_common, d->whole, whose)) return;
    b->commons = build_grow(b, b->commons, b->common_count, sizeof *b->commons);
    build_map_put(b, &b->by_common, d->whole, whose, (uint32_t)b->common_count);
    build_map_put(b, &b->by_common, d->whole, UINT64_MAX, 0);
    b->commons[b->common_count++] = (struct common){ft_reader_find(b->t->reader, c.fork, FT_FORK), it->ns};
}

struct value watched_looked(const struct timeline *t, const struct event *e)
{
    struct build *b = build_of(t);
    struct ft_c_value v = FT_GET(c_value, e->record);
    uint32_t *index = map_get(&b->by_definition, v.global, 0);
    return index ? looked(b, &b->defined[*index], &v) : (struct value){0};
}

void watched_free(struct build *b)
{
    free(b->defined), free(b->sites), free(b->t->watches), free(b->commons), free(b->wholes);
    map_free(&b->by_common);
    map_free(&b->by_definition), map_free(&b->by_site_id), map_free(&b->by_trap);
}
