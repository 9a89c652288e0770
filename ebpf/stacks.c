/*
 * stacks.c: see stacks.h. The tables for unwinding are read once an image, and
 * kept for the images used last.
 */
#include "stacks.h"

#include <string.h>

#include "symbols/unwind.h"

#define IMAGES  32
#define OBJECTS 256 /* of an image that are described */
#define FRAMES  64

static struct image {
    uint64_t number; /* 0: free */
    uint64_t used;
    struct unwind *unwind;
    uint64_t told[OBJECTS]; /* where they start */
    size_t told_count;
} images[IMAGES];

static void forget(struct image *image)
{
    unwind_close(image->unwind);
    *image = (struct image){0};
}

/* An image that began before our eyes has no number: its process stands for it. */
static struct image *image_of(uint64_t number, uint32_t pid)
{
    static uint64_t now;
    struct image *oldest = images, *image = NULL;
    if (!number) number = UINT64_MAX - pid;
    for (size_t i = 0; i < IMAGES && !image; i++) {
        if (images[i].number == number) image = &images[i];
        if (images[i].used < oldest->used) oldest = &images[i];
    }
    if (!image) {
        image = oldest;
        forget(image);
        image->number = number;
    }
    image->used = ++now;
    if (!image->unwind) image->unwind = unwind_open((pid_t)pid);
    return image;
}

void stacks_prepare(uint64_t image, uint32_t pid) { image_of(image, pid); }

/* Loaded after we looked: look again, once for each such call. */
static const struct unwind_object *find(struct image *image, uint32_t pid, uint64_t address,
                                        struct unwind_object *found)
{
    const struct unwind_object *object = image->unwind ? unwind_object(image->unwind, address, found) : NULL;
    if (object) return object;
    struct unwind *again = unwind_open((pid_t)pid);
    if (!again) return NULL;
    unwind_close(image->unwind);
    image->unwind = again;
    return unwind_object(again, address, found);
}

static void tell(struct ft_writer *w, struct image *image, const struct unwind_object *object, ft_ref task)
{
    for (size_t i = 0; i < image->told_count; i++)
        if (image->told[i] == object->start) return;
    if (image->told_count == OBJECTS) return;
    ft_ref path = ft_string(w, object->path, strlen(object->path), task);
    struct ft_object *record = ft_begin(w, FT_OBJECT, sizeof *record, task);
    if (!record) return;
    record->start = object->start;
    record->end = object->end;
    record->bias = object->bias;
    record->path = path;
    record->build_id_size = object->build_id_size < sizeof record->build_id ? (uint32_t)object->build_id_size
                                                                            : sizeof record->build_id;
    memcpy(record->build_id, object->build_id, record->build_id_size);
    ft_commit(record);
    image->told[image->told_count++] = object->start;
}

static ft_ref stack_of(struct ft_writer *w, const uint64_t *pcs, size_t count, ft_ref task)
{
    uint64_t hash = ft_hash(pcs, count * sizeof *pcs) ^ 0x5bd1e995u;
    ft_ref known = ft_interned_find(w, hash);
    if (known) return known;
    struct ft_stack *record = ft_begin(w, FT_STACK, sizeof *record + count * sizeof *pcs, task);
    if (!record) return 0;
    record->count = (uint16_t)count;
    record->cut = count == FRAMES;
    memcpy(record->pc, pcs, count * sizeof *pcs);
    ft_ref ref = ft_ref_of(record);
    ft_commit(record);
    ft_interned_keep(w, hash, ref);
    return ref;
}

struct ft_origin stacks_origin(struct ft_writer *w, const struct event_call *e, ft_ref task)
{
    struct ft_origin origin = {.site = e->site};
    struct image *image = image_of(e->image, e->pid);
    struct unwind_object object;
    uint64_t pcs[FRAMES];
    if (!find(image, e->pid, e->site, &object)) return origin;
    const struct unwind_state state = {.ip = e->ip,
                                       .sp = e->sp,
                                       .bp = e->bp,
                                       .bx = e->bx,
                                       .r12 = e->r12,
                                       .r13 = e->r13,
                                       .r14 = e->r14,
                                       .r15 = e->r15,
                                       .stack = e->stack,
                                       .size = e->size < sizeof e->stack ? e->size : sizeof e->stack};
    size_t count = unwind_frames(image->unwind, &state, pcs, FRAMES);
    for (size_t i = 0; i < count; i++)
        if (find(image, e->pid, pcs[i], &object)) tell(w, image, &object, task);
    if (!count && find(image, e->pid, e->site, &object)) tell(w, image, &object, task);
    if (count && pcs[0] == e->site) origin.stack = stack_of(w, pcs, count, task);
    return origin;
}

void stacks_object(struct ft_writer *w, uint64_t number, uint32_t pid, uint64_t address, ft_ref task)
{
    struct image *image = image_of(number, pid);
    struct unwind_object object;
    if (address && find(image, pid, address, &object)) tell(w, image, &object, task);
}

void stacks_name(struct ft_writer *w, const struct event_call *e, uint64_t address, ft_ref task)
{
    stacks_object(w, e->image, e->pid, address, task);
}

void stacks_site(struct ft_writer *w, const struct ft_origin *origin, ft_ref task)
{
    uint64_t hash = ft_hash(origin, sizeof *origin) ^ task;
    if (!origin->stack || ft_interned_find(w, hash)) return;
    struct ft_site *record = ft_begin(w, FT_SITE, sizeof *record, task);
    if (!record) return;
    record->origin = *origin;
    ft_ref ref = ft_ref_of(record);
    ft_commit(record);
    ft_interned_keep(w, hash, ref);
}

void stacks_close(void)
{
    for (size_t i = 0; i < IMAGES; i++) forget(&images[i]);
}
