/*
 * main.c: forktrace-watch: answers one question of the library (plan.h) and
 * ends. It runs beside the program, with none of its memory: what it reads are
 * the ELF files the program has loaded.
 *
 * It prints nothing: nobody listens. What went wrong is in the answer.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "finder.h"

#define OBJECTS 1024
#define WATCHES 64

/* --- lists ---------------------------------------------------------------------------------- */

void list_append(struct list *list, const void *items, size_t count)
{
    if (list->count + count > list->room) {
        while (list->count + count > list->room) list->room = list->room ? list->room * 2 : 64;
        list->items = realloc(list->items, list->room * list->each);
        if (!list->items) exit(1);
    }
    if (count) memcpy((char *)list->items + list->count * list->each, items, count * list->each);
    list->count += count;
}

uint32_t answer_text(struct answer *a, const char *bytes, size_t length)
{
    uint32_t at = (uint32_t)a->text.count;
    list_append(&a->text, bytes, length);
    list_add(&a->text, "");
    return at;
}

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

struct question {
    const struct plan_question *head;
    struct watch_object objects[OBJECTS];
    bool fresh[OBJECTS];
    bool first; /* the library asks for the first time */
    size_t object_count;
    struct watch watches[WATCHES];
    uint64_t addresses[WATCHES];
    struct plan_watch counts[WATCHES];
    size_t watch_count;
    uint32_t slots_left; /* of the hardware */
    bool go;             /* the Go runtime is among the objects */
};

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

/* --- hardware ------------------------------------------------------------------------------------ */

#define TOO_MANY 255

/* What the processor can watch: 1, 2, 4 or 8 bytes at a multiple of that. */
static unsigned piece_at(uint64_t address, uint64_t left)
{
    unsigned length = 8;
    while (length > left || address % length) length /= 2;
    return length;
}

static uint8_t slots_needed(uint64_t address, uint64_t size)
{
    unsigned count = 0;
    for (uint64_t done = 0; done < size && count < TOO_MANY; count++)
        done += piece_at(address + done, size - done);
    return (uint8_t)count;
}

/* It asks for hardware, and has it, or gets it now: nothing of it is patched. */
static bool hardware_only(const struct question *q, size_t i)
{
    const struct plan_watch *p = &q->counts[i];
    return p->asked && (p->slots || q->head->held >> i & 1);
}

/* Those that ask for it, before any store is looked for; and those of whose writes others are not seen,
 * after. */
static void share_out(struct question *q, bool asked)
{
    for (size_t i = 0; i < q->watch_count; i++) {
        struct plan_watch *p = &q->counts[i];
        const struct watch *w = &q->watches[i];
        bool misses = p->taken || p->pointers || p->patched < p->stores || !p->stores;
        if (p->outcome != FT_C_OUTCOME_watched || !q->fresh[w->object] || p->asked != asked) continue;
        if (!asked && !misses) continue;
        p->needed = slots_needed(q->addresses[i], w->where.size);
        p->refused = q->go ? FT_C_HW_GO : 0;
        if (q->go || p->needed > q->slots_left) continue;
        p->slots = p->needed;
        q->slots_left -= p->needed;
    }
}

/* `watch`: its index in the answer. Of an array the elements are told apart as they change. */
static void place_slots(struct question *q, struct answer *a, size_t i, uint32_t watch)
{
    const struct watch *w = &q->watches[i];
    struct job job = {.answer = a, .addresses = &q->addresses[i], .watches = &w};
    uint64_t address = q->addresses[i], size = w->where.size;
    bool whole = size <= 8, array = !whole && w->type.element && w->type.element <= 8;
    for (uint64_t done = 0; done < size;) {
        unsigned length = piece_at(address + done, size - done);
        struct plan_slot slot = {.at = address + done,
                                 .value_at = whole ? address : address + done,
                                 .watch = watch,
                                 .length = (uint8_t)length,
                                 .value_size = (uint8_t)(whole ? size : length),
                                 .offset = (uint8_t)(array ? done : 0),
                                 .element = (uint8_t)(array ? w->type.element : 0)};
        slot.global = whole || array ? job_global(&job, 0, 0, size) : job_global(&job, 0, done, length);
        list_add(&a->slots, &slot);
        done += length;
    }
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
        if (q->counts[i].outcome != FT_C_OUTCOME_watched || hardware_only(q, i)) continue;
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
    if (a->patches.count == first) return;
    struct plan_code code = {.start = job.object->start,
                             .end = job.object->end,
                             .code = (uint32_t)a->text.count,
                             .frames = unwinding_put(&job)};
    code.length = (uint32_t)job.bytes.count;
    list_append(&a->text, job.bytes.items, job.bytes.count);
    list_add(&a->codes, &code);
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
    if (found && !p->stores && !p->slots) p->outcome = FT_C_OUTCOME_no_store;
    if (!p->text && p->outcome != FT_C_OUTCOME_watched) p->text = text(a, outcome_texts[p->outcome]);
    list_add(&a->watches, p);
    if (!found) return;
    struct job job = {.answer = a, .addresses = &q->addresses[i], .watches = &w};
    job_global(&job, 0, 0, w->where.size);
    if (p->slots) place_slots(q, a, i, (uint32_t)a->watches.count - 1);
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

static FILE *out;

static uint32_t put_list(const struct list *list)
{
    while (ftell(out) % 8) fputc(0, out);
    uint32_t at = (uint32_t)ftell(out);
    if (list->count) fwrite(list->items, list->each, list->count, out);
    return at;
}

/* Offsets of text become offsets into the whole. */
static void move_text(struct answer *a, uint32_t by)
{
    struct plan_watch *w = a->watches.items;
    for (size_t i = 0; i < a->watches.count; i++) {
        w[i].watch += by;
        if (w[i].text) w[i].text += by;
        if (w[i].object) w[i].object += by;
    }
    struct plan_global *g = a->globals.items;
    for (size_t i = 0; i < a->globals.count; i++) {
        g[i].name += by;
        if (g[i].object) g[i].object += by;
        if (g[i].names) g[i].names += by;
    }
    struct plan_code *c = a->codes.items;
    for (size_t i = 0; i < a->codes.count; i++) c[i].code += by;
}

static bool write_answer(struct answer *a)
{
    struct plan_answer head = {.magic = PLAN_ANSWER};
    char *bytes;
    size_t size;
    if (!(out = open_memstream(&bytes, &size))) return false;
    fwrite(&head, sizeof head, 1, out);
    move_text(a, put_list(&a->text));
#define LIST(name, names) head.names = put_list(&a->names), head.name##_count = (uint32_t)a->names.count
    LIST(watch, watches);
    LIST(global, globals);
    LIST(site, sites);
    LIST(code, codes);
    LIST(patch, patches);
    LIST(fix, fixes);
    LIST(slot, slots);
    if (fclose(out)) return false;
    head.size = (uint32_t)size;
    memcpy(bytes, &head, sizeof head);
    return !ftruncate(PLAN_FD, 0) && pwrite(PLAN_FD, bytes, size, 0) == (ssize_t)size;
}

int main(void)
{
    static struct question q;
    struct answer a = {.watches = {.each = sizeof(struct plan_watch)},
                       .globals = {.each = sizeof(struct plan_global)},
                       .sites = {.each = sizeof(struct plan_site)},
                       .codes = {.each = sizeof(struct plan_code)},
                       .patches = {.each = sizeof(struct plan_patch)},
                       .fixes = {.each = sizeof(struct plan_fix)},
                       .slots = {.each = sizeof(struct plan_slot)},
                       .text = {.each = 1}};
    struct stat status;
    symbols_map_files();
    if (fstat(PLAN_FD, &status) || status.st_size < (off_t)sizeof(struct plan_question)) return 1;
    size_t size = (size_t)status.st_size;
    char *memory = malloc(size + 1); /* a copy: the answer overwrites it */
    if (!memory || pread(PLAN_FD, memory, size, 0) != (ssize_t)size) return 1;
    memory[size] = 0;
    if (!read_question(&q, memory, size)) return 1;
    a.question = q.head;
    answer_text(&a, "", 0); /* offset 0 is no text */
    add_watches(&q, &a, memory + sizeof *q.head);
    q.slots_left = q.head->slots;
    for (size_t i = 0; i < q.object_count; i++) {
        struct symbols *s = q.slots_left ? symbols_open(q.objects[i].path, NULL, 0) : NULL;
        q.go |= s && symbols_section(s, ".note.go.buildid");
    }
    share_out(&q, true);
    for (size_t i = 0; i < q.object_count; i++)
        if (q.fresh[i]) search(&q, &a, i);
    share_out(&q, false);
    for (size_t i = 0; i < q.watch_count; i++) describe(&q, &a, i);
    return !write_answer(&a);
}
