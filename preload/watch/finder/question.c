/*
 * question.c: what the library asks (plan.h), and how the answer to it comes about:
 * the globals, the watches, then each object's code.
 */
#include <string.h>

#include "finder.h"

static uint32_t text(struct answer *a, const char *string) { return answer_text(a, string, strlen(string)); }

/* --- globals -------------------------------------------------------------------------------- */

static uint32_t add_global(struct job *job, uint64_t address, const char *name, const struct watch_type *type)
{
    struct answer *a = job->answer;
    struct plan_global *known = a->globals.items;
    for (size_t i = 0; i < a->globals.count; i++)
        if (known[i].address == address && known[i].size == type->size &&
            !strcmp((char *)a->text.items + known[i].name, name))
            return (uint32_t)i;
    struct plan_global g = {.address = address,
                            .size = type->size,
                            .name = text(a, name),
                            .element = type->element,
                            .kind = type->kind};
    if (type->names_length) g.names = answer_text(a, type->names, type->names_length);
    g.names_length = (uint32_t)type->names_length;
    list_add(&a->globals, &g);
    return (uint32_t)a->globals.count - 1;
}

uint32_t job_global(struct job *job, size_t watch, uint64_t offset, uint64_t size)
{
    const struct watch *w = job->watches[watch];
    if (!offset && size == w->where.size) return add_global(job, job->addresses[watch], w->name, &w->type);
    struct watch_type type = {0};
    char name[256];
    watch_piece(w, offset, size, name, sizeof name, &type);
    type.size = size;
    return add_global(job, job->addresses[watch] + offset, name, &type);
}

bool job_concerns(const struct job *job, const struct code *c, size_t watch)
{
    const struct stores_target *t = &job->targets[watch];
    if (c->store == STORE_FOLLOWED) return c->targets >> watch & 1;
    return t->here && c->writes < t->start + t->size && t->start < c->writes + c->size;
}

/* --- watches -------------------------------------------------------------------------------- */

static const char *const outcome_texts[] = {
#define X(n, name, text) [n] = text,
    FT_C_OUTCOMES(X)
#undef X
};

static void add_watch(struct question *q, struct answer *a, const char *expression, size_t length)
{
    char about[2048];
    if (q->watch_count == WATCHES || !length || !strncmp(expression, "py:", 3)) return;
    struct watch *w = &q->watches[q->watch_count];
    struct plan_watch *p = &q->counts[q->watch_count];
    *p = (struct plan_watch){.watch = answer_text(a, expression, length), .number = (uint32_t)q->watch_count};
    if (length > 3 && !strncmp(expression, "hw:", 3)) expression += 3, length -= 3, p->asked = 1;
    p->outcome =
        watch_find(q->objects, q->object_count, expression, length, q->first, w, about, sizeof about);
    if (p->outcome == FT_C_OUTCOME_watched) {
        const struct watch_object *o = &q->objects[w->object];
        w->where.exported = w->exported ? w->symbol : NULL;
        q->addresses[q->watch_count] = o->bias + w->where.start;
        p->object = text(a, o->path);
    } else if (*about)
        p->text = text(a, about);
    q->watch_count++;
}

static void add_watches(struct question *q, struct answer *a, const char *list)
{
    for (; *list; list += strcspn(list, ";"), list += *list == ';') add_watch(q, a, list, strcspn(list, ";"));
}

/* --- one object ----------------------------------------------------------------------------- */

static void search(struct question *q, struct answer *a, size_t index)
{
    const struct watch *watches[WATCHES];
    struct stores_target targets[WATCHES];
    struct plan_watch *counts[WATCHES];
    struct stores_counts found[WATCHES] = {0};
    uint64_t addresses[WATCHES];
    struct job job = {.answer = a,
                      .watches = watches,
                      .addresses = addresses,
                      .targets = targets,
                      .counts = counts,
                      .object = &q->objects[index],
                      .code = (uint32_t)a->codes.count,
                      .bytes = {.each = 1},
                      .regions = {.each = sizeof(struct region)}};
    unwinding_begin(&job);
    struct symbols *s = symbols_open(job.object->path, NULL, 0);
    for (size_t i = 0; i < q->watch_count; i++) {
        if (q->counts[i].outcome != FT_C_OUTCOME_watched || slots_only(q, i)) continue;
        watches[job.count] = &q->watches[i];
        counts[job.count] = &q->counts[i];
        addresses[job.count] = q->addresses[i];
        targets[job.count] = q->watches[i].where;
        targets[job.count].here = q->watches[i].object == index;
        job.count++;
    }
    if (!s || !job.count) return;
    /* first in it: where its calls lead */
    list_append(&job.bytes, &q->head->entry, sizeof q->head->entry);
    size_t first = a->patches.count;
    stores_find(s, targets, job.count, found, regions_of, &job);
    regions_place(&job, s);
    for (size_t i = 0; i < job.count; i++) {
        counts[i]->taken += found[i].taken;
        counts[i]->pointers += found[i].pointers;
    }
    if (a->patches.count == first) goto done;
    struct plan_code code = {.start = job.object->start,
                             .end = job.object->end,
                             .code = (uint32_t)a->text.count,
                             .frames = unwinding_put(&job)};
    code.length = (uint32_t)job.bytes.count;
    list_append(&a->text, job.bytes.items, job.bytes.count);
    list_add(&a->codes, &code);
done:
    list_free(&job.bytes);
    list_free(&job.rows);
    list_free(&job.stretches);
}

/*
 * A watched object that nothing was found to write is described all the same:
 * it has a value. But what was asked when nothing of it is new has been
 * answered before.
 */
static void describe(struct question *q, struct answer *a, size_t i)
{
    const struct watch *w = &q->watches[i];
    struct plan_watch *p = &q->counts[i];
    bool found = p->outcome == FT_C_OUTCOME_watched;
    if (found ? !p->stores && !q->fresh[w->object] : !q->first) return;
#if defined __x86_64__
    if (found && !p->stores && !p->slots) p->outcome = FT_C_OUTCOME_no_store;
#else
    if (found) p->outcome = FT_C_OUTCOME_compared;
#endif
    if (!p->text && p->outcome != FT_C_OUTCOME_watched) p->text = text(a, outcome_texts[p->outcome]);
    list_add(&a->watches, p);
    if (!found) return;
    struct job job = {.answer = a, .addresses = &q->addresses[i], .watches = &w};
    job_global(&job, 0, 0, w->where.size);
    if (p->slots) slots_place(q, a, i, (uint32_t)a->watches.count - 1);
    struct plan_global *g = a->globals.items;
    for (size_t k = 0; k < a->globals.count; k++) {
        if (g[k].object || g[k].address - q->addresses[i] >= w->where.size) continue;
        g[k].object = p->object;
        g[k].flags = q->objects[w->object].program ? FT_C_PROGRAM : 0;
    }
}

/* --- the question and the answer ------------------------------------------------------------ */

static bool read_question(struct question *q, const char *memory, size_t size)
{
    q->head = (const void *)memory;
    if (size < sizeof *q->head || q->head->magic != PLAN_ASK || q->head->objects > OBJECTS) return false;
    const char *at = memory + sizeof *q->head, *end = memory + size;
    at += strnlen(at, (size_t)(end - at)) + 1;
    for (uint32_t i = 0; i < q->head->objects; i++) {
        struct plan_loaded loaded;
        if ((size_t)(end - at) < sizeof loaded + 1) return false;
        memcpy(&loaded, at, sizeof loaded);
        at += sizeof loaded;
        q->objects[i] = (struct watch_object){at, loaded.bias, loaded.start, loaded.end, loaded.program};
        q->fresh[i] = loaded.fresh;
        q->first |= loaded.fresh && loaded.program;
        at += strnlen(at, (size_t)(end - at)) + 1;
    }
    q->object_count = q->head->objects;
    return true;
}

bool finder_answer(char *memory, size_t size)
{
    static struct question q;
    q = (struct question){0};
    struct answer a = {.watches = {.each = sizeof(struct plan_watch)},
                       .globals = {.each = sizeof(struct plan_global)},
                       .sites = {.each = sizeof(struct plan_site)},
                       .codes = {.each = sizeof(struct plan_code)},
                       .patches = {.each = sizeof(struct plan_patch)},
                       .fixes = {.each = sizeof(struct plan_fix)},
                       .slots = {.each = sizeof(struct plan_slot)},
                       .text = {.each = 1}};
    if (!read_question(&q, memory, size)) return false;
    a.question = q.head;
    answer_text(&a, "", 0); /* offset 0 is no text */
    add_watches(&q, &a, memory + sizeof *q.head);
    q.slots_left = q.head->slots;
    for (size_t i = 0; i < q.object_count; i++) {
        struct symbols *s = q.slots_left ? symbols_open(q.objects[i].path, NULL, 0) : NULL;
        q.go |= s && symbols_section(s, ".note.go.buildid");
    }
    slots_share(&q, true);
    for (size_t i = 0; i < q.object_count; i++)
        if (q.fresh[i]) search(&q, &a, i);
    slots_share(&q, false);
    for (size_t i = 0; i < q.watch_count; i++) describe(&q, &a, i);
    return answer_write(&a);
}
