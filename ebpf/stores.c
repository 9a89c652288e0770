/* stores.c: see stores.h: which images are watched, and the records of what is written in them. */
#define _GNU_SOURCE
#include "stores.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stacks.h"
#include "symbols/unwind.h"
#include "watching.h"

#if defined __x86_64__

#define IMAGES 128
#define LOOKS  20 /* at an image that has not loaded a library yet */

/* --- images ------------------------------------------------------------------------------------- */

static uint64_t number_of(uint64_t image, uint32_t pid) { return image ? image : UINT64_MAX - pid; }

static void forget(struct watched_image *image)
{
    breakpoints_close(image);
    *image = (struct watched_image){0};
}

static struct watched_image *find_image(struct stores *s, uint64_t image, uint32_t pid)
{
    for (size_t i = 0; i < s->image_count; i++)
        if (s->images[i].number == number_of(image, pid)) return &s->images[i];
    return NULL;
}

/* Room for one more: another's, whose process is gone. */
static struct watched_image *new_image(struct stores *s, uint64_t image, uint32_t pid)
{
    struct watched_image *room = NULL;
    if (s->image_count < IMAGES) room = &s->images[s->image_count++];
    for (size_t i = 0; i < s->image_count && !room; i++)
        if (kill((pid_t)s->images[i].pid, 0) && errno == ESRCH) room = &s->images[i];
    if (!room) return NULL;
    forget(room);
    room->number = number_of(image, pid);
    room->pid = pid;
    return room;
}

/* --- finding ------------------------------------------------------------------------------------ */

/* Its files as we reach them: its root may be another. */
static void add_object(void *context, const struct unwind_object *object)
{
    struct looking *l = context;
    char *reached;
    if (l->count == OBJECTS || asprintf(&reached, "/proc/%u/root%s", l->pid, object->path) < 0) return;
    l->paths[l->count] = strdup(object->path);
    l->objects[l->count++] =
        (struct watch_object){.path = access(object->path, R_OK) ? reached : strdup(object->path),
                              .bias = object->bias,
                              .start = object->start,
                              .end = object->end,
                              .program = !strcmp(object->path, l->program)};
}

static uint64_t read_value(uint32_t pid, uint64_t address, uint64_t size)
{
    uint64_t value = 0;
    char path[64];
    snprintf(path, sizeof path, "/proc/%u/mem", pid);
    FILE *memory = fopen(path, "re");
    if (memory &&
        (fseeko(memory, (off_t)address, SEEK_SET) || !fread(&value, size < 8 ? size : 8, 1, memory)))
        value = 0;
    if (memory) fclose(memory);
    return value;
}

static ft_ref text(const struct looking *l, const char *string)
{
    return string && *string ? ft_string(&l->output->writer, string, strlen(string), l->task) : 0;
}

ft_ref stores_describe(struct looking *l, const char *name, const struct watch *w,
                       const struct watch_type *type, uint64_t address)
{
    struct output *o = l->output;
    ft_ref called = text(l, name), object = text(l, l->paths[w->object]);
    ft_ref names = type->names_length ? ft_string(&o->writer, type->names, type->names_length, l->task) : 0;
    struct ft_c_global *record = write_record(o, FT_C_GLOBAL, sizeof *record, l->task, o->now.ns);
    if (!record) return 0;
    record->name = called;
    record->object = object;
    record->names = names;
    record->address = address;
    record->value = read_value(l->pid, address, type->size);
    record->size = (uint32_t)type->size;
    record->element = type->element;
    record->kind = type->kind;
    record->flags = l->objects[w->object].program ? FT_C_PROGRAM : 0;
    ft_ref ref = ft_ref_of(record);
    ft_commit(record);
    return ref;
}

static void tell_watch(struct looking *l, size_t number, const struct watch *w, enum ft_c_outcome outcome,
                       const char *about, const struct stores_counts *counts, const struct probed *probed)
{
    ft_ref watch =
        ft_string(&l->output->writer, l->stores->watch[number], l->stores->length[number], l->task);
    ft_ref said = text(l, about), object = w->object == SIZE_MAX ? 0 : text(l, l->paths[w->object]);
    struct ft_c_watch *record =
        write_record(l->output, FT_C_WATCH, sizeof *record, l->task, l->output->now.ns);
    if (!record) return;
    record->watch = watch;
    record->text = said;
    record->object = outcome == FT_C_OUTCOME_watched ? object : 0;
    record->outcome = outcome;
    record->taken = counts->taken;
    record->pointers = counts->pointers;
    record->stores = probed ? probed->stores : 0;
    record->patched = probed ? probed->placed : 0;
    ft_commit(record);
}

static void tell_hardware(struct looking *l, size_t number, unsigned needed, unsigned taken, int error,
                          bool no_probes)
{
    ft_ref watch =
        ft_string(&l->output->writer, l->stores->watch[number], l->stores->length[number], l->task);
    struct ft_c_hardware *record =
        write_record(l->output, FT_C_HARDWARE, sizeof *record, l->task, l->output->now.ns);
    if (!record) return;
    record->watch = watch;
    record->error = error;
    record->slots = (uint8_t)taken;
    record->needed = (uint8_t)needed;
    record->flags = FT_C_HW_KERNEL | (no_probes ? FT_C_HW_NO_PROBES : 0);
    ft_commit(record);
}

/* --- an image ----------------------------------------------------------------------------------- */

static void watch_one(struct looking *l, size_t number)
{
    struct watch w;
    char about[2048];
    const char *expression = l->stores->watch[number];
    size_t length = l->stores->length[number], skip = length > 3 && !strncmp(expression, "hw:", 3) ? 3 : 0;
    struct stores_counts counts = {0};
    enum ft_c_outcome outcome =
        watch_find(l->objects, l->count, expression + skip, length - skip, true, &w, about, sizeof about);
    bool later = outcome == FT_C_OUTCOME_unknown || outcome == FT_C_OUTCOME_not_loaded; /* it may be loaded */
    if (later && l->image->looks > 1) return;                                           /* told */
    if (!later) l->image->found |= 1ull << number;
    if (outcome != FT_C_OUTCOME_watched) {
        tell_watch(l, number, &w, outcome, about, &counts, NULL);
        return;
    }
    uint64_t address = l->objects[w.object].bias + w.where.start;
    unsigned needed = watch_slots(address, w.where.size, WATCH_SLOTS + 1), taken = 0;
    int error = 0;
    stacks_object(&l->output->writer, l->number, l->pid, address, l->task);
    if (needed <= WATCH_SLOTS - l->image->place_count) taken = breakpoints_put(l, &w, address, &error);
    bool probe = !taken && l->objects[w.object].program && storeprobes_may(l->objects[w.object].path);
    const struct probed *probed = probe ? storeprobes_put(l, &w, &counts) : NULL;
    if (probe && w.where.size <= 8 && l->image->global_count < ASKED)
        l->image->globals[l->image->global_count++] =
            (struct known_global){address, stores_describe(l, w.name, &w, &w.type, address)};
    tell_watch(l, number, &w, outcome, "", &counts, probed);
    tell_hardware(l, number, needed, taken, error, !taken && !probe);
    free(w.type.names);
}

static void look(struct stores *s, struct output *o, struct watched_image *image, uint64_t number)
{
    struct looking *l = calloc(1, sizeof *l);
    struct unwind *objects = l ? unwind_open((pid_t)image->pid) : NULL;
    image->looks++;
    if (objects) {
        *l = (struct looking){.stores = s, .output = o, .image = image, .pid = image->pid, .number = number};
        char link[64];
        snprintf(link, sizeof link, "/proc/%u/exe", l->pid);
        ssize_t n = readlink(link, l->program, sizeof l->program - 1);
        l->program[n > 0 ? n : 0] = 0;
        l->task = write_task(o, l->pid);
        unwind_each(objects, add_object, l);
        for (size_t i = 0; i < s->watch_count && l->count; i++)
            if (!(image->found >> i & 1)) watch_one(l, i);
        symbols_close_all(); /* /proc/PID/root is another place next time */
        for (size_t i = 0; i < l->count; i++) free(l->paths[i]), free((char *)(uintptr_t)l->objects[i].path);
        unwind_close(objects);
    }
    free(l);
}

void stores_look_at(struct stores *s, struct output *o, uint64_t number, uint32_t pid)
{
    if (!s) return;
    struct watched_image *image = find_image(s, number, pid);
    if (!image) image = new_image(s, number, pid);
    if (image && !image->looks) look(s, o, image, number);
}

void stores_tick(struct stores *s, struct output *o)
{
    uint64_t all = s && s->watch_count ? ~0ull >> (64 - s->watch_count) : 0;
    for (size_t i = 0; s && i < s->image_count; i++) {
        struct watched_image *image = &s->images[i];
        if (image->number && image->found != all && image->looks < LOOKS) look(s, o, image, image->number);
    }
}

/* --- events ------------------------------------------------------------------------------------- */

static ft_ref global_at(const struct watched_image *image, uint64_t address, unsigned *size)
{
    for (unsigned i = 0; i < image->place_count; i++)
        if (image->places[i].address == address)
            return *size = image->places[i].size, image->places[i].global;
    for (unsigned i = 0; i < image->global_count; i++)
        if (image->globals[i].address == address) return *size = 8, image->globals[i].global;
    return 0;
}

/*
 * Of a process that was forked from one that ran already: neither has a number.
 * The only such image with that place it is; of several it could be either.
 */
static const struct watched_image *early_image(const struct stores *s, uint64_t address)
{
    const struct watched_image *found = NULL;
    unsigned size;
    for (size_t i = 0; i < s->image_count; i++) {
        if (s->images[i].number < UINT64_MAX - UINT32_MAX || !global_at(&s->images[i], address, &size))
            continue;
        if (found) return NULL;
        found = &s->images[i];
    }
    return found;
}

static const struct watched_image *image_of(struct stores *s, const struct event_store *e)
{
    const struct watched_image *image = s ? find_image(s, e->image, e->pid) : NULL;
    return image || !s || e->image ? image : early_image(s, e->address);
}

void stores_event(struct output *o, const struct event_store *e)
{
    const struct watched_image *image = image_of(o->stores, e);
    ft_ref task = write_task(o, e->head.tid);
    unsigned size = 0;
    ft_ref global = image ? global_at(image, e->address, &size) : 0;
    if (!global || !task) return;
    /* a round of the kernel's copying: the one that fills the place is told */
    if (e->kernel == 2 && e->di < e->address + size) return;
    stacks_object(&o->writer, e->image, e->pid, e->after, task);
    struct ft_c_trap *record = write_record(o, FT_C_TRAP, sizeof *record, task, e->head.ns);
    if (!record) return;
    record->value = e->value;
    record->after = e->after;
    record->global = global;
    record->size = (uint8_t)size;
    record->flags =
        (uint16_t)((e->number ? FT_C_BY_UPROBE : FT_C_BY_KERNEL) | (e->alone ? 0 : FT_C_READ_BACK));
    ft_commit(record);
}

/* --- beginning and end -------------------------------------------------------------------------- */

struct stores *stores_open(const char *list, struct bpf_program *stored, struct bpf_program *store_done,
                           struct probes *probes, int places)
{
    struct stores *s = list && *list ? calloc(1, sizeof *s) : NULL;
    if (!s) return NULL;
    *s = (struct stores){.list = strdup(list),
                         .images = calloc(IMAGES, sizeof *s->images),
                         .stored = stored,
                         .store_done = store_done,
                         .probes = probes,
                         .map = places};
    for (const char *at = s->list; at && s->images && *at && s->watch_count < ASKED;) {
        size_t length = strcspn(at, ";");
        if (length && strncmp(at, "py:", 3)) {
            s->watch[s->watch_count] = at;
            s->length[s->watch_count++] = length;
        }
        at += length + (at[length] == ';');
    }
    if (s->watch_count) return s;
    stores_close(s);
    return NULL;
}

void stores_close(struct stores *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->image_count; i++) forget(&s->images[i]);
    for (struct probed *p = s->probed, *next; p; p = next) {
        next = p->next;
        free(p);
    }
    free(s->images);
    free(s->list);
    free(s);
}

#else

struct stores *stores_open(const char *list, struct bpf_program *stored, struct bpf_program *store_done,
                           struct probes *probes, int places)
{
    return NULL;
}
void stores_close(struct stores *s) {}
void stores_look_at(struct stores *s, struct output *o, uint64_t image, uint32_t pid) {}
void stores_tick(struct stores *s, struct output *o) {}
void stores_event(struct output *o, const struct event_store *e) {}

#endif
