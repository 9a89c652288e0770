/*
 * stores.c: see stores.h.
 */
#define _GNU_SOURCE
#include "stores.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probes.h"
#include "stacks.h"
#include "symbols/target.h"
#include "symbols/unwind.h"
#include "symbols/watch.h"

#if defined __x86_64__

#define ASKED   64
#define OBJECTS 512
#define IMAGES  128
#define SLOTS   4
#define FDS     64 /* of an image: slots times the threads it had */
#define LOOKS   20 /* at an image that has not loaded a library yet */

struct place { /* that a breakpoint, or a probe, is for */
    uint64_t address;
    ft_ref global;
    uint8_t offset, size;
};

struct watched_image {
    uint64_t number; /* member.image; of one that began before our eyes: made of its pid */
    uint32_t pid;    /* in which it began */
    unsigned looks;
    uint64_t found; /* watches that it is not to be looked at again for; bit n: number n */
    struct place places[SLOTS];
    unsigned place_count;
    int fds[FDS];
    unsigned fd_count;
    struct known_global {
        uint64_t address;
        ft_ref global;
    } globals[ASKED];
    unsigned global_count;
};

struct stores {
    char *list;
    const char *watch[ASKED];
    size_t length[ASKED], watch_count;
    struct bpf_program *stored, *store_done;
    struct probes *probes;
    int map; /* of struct store_place */
    uint32_t probe_count;
    struct probed { /* a watched object in a file that has its probes */
        char path[PATH_MAX];
        uint64_t start;
        uint32_t stores, placed;
        struct probed *next;
    } * probed;
    struct watched_image *images;
    size_t image_count;
};

/* --- events ------------------------------------------------------------------------------------- */

#define REMOVE_ON_EXEC (1ull << 36) /* Linux 5.13; the headers here may be older */

static int open_event(uint32_t tid, uint64_t address, unsigned length)
{
    struct perf_event_attr a = {.type = PERF_TYPE_BREAKPOINT,
                                .size = sizeof a,
                                .sample_period = 1,
                                .inherit = 1,
                                .exclude_kernel = 1,
                                .exclude_hv = 1,
                                .bp_type = HW_BREAKPOINT_W,
                                .bp_addr = address,
                                .bp_len = length};
    uint64_t *flags = (void *)((char *)&a + 40);
    *flags |= REMOVE_ON_EXEC;
    int fd = (int)syscall(SYS_perf_event_open, &a, (pid_t)tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* 0 or -errno. */
static int watch_thread(struct stores *s, struct watched_image *image, uint32_t tid, uint64_t address,
                        unsigned length)
{
    if (image->fd_count == FDS) return -EMFILE;
    int fd = open_event(tid, address, length);
    if (fd < 0) return fd;
    if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(s->stored))) {
        int error = errno;
        close(fd);
        return -error;
    }
    image->fds[image->fd_count++] = fd;
    return 0;
}

static int watch_process(struct stores *s, struct watched_image *image, uint32_t pid, uint64_t address,
                         unsigned length)
{
    char path[64];
    int error = -ESRCH;
    bool some = false;
    snprintf(path, sizeof path, "/proc/%u/task", pid);
    DIR *tasks = opendir(path);
    for (const struct dirent *entry; tasks && (entry = readdir(tasks));) {
        uint32_t tid = (uint32_t)strtoul(entry->d_name, NULL, 10);
        int result = tid ? watch_thread(s, image, tid, address, length) : -ESRCH;
        some |= !result;
        if (tid) error = result;
    }
    if (tasks) closedir(tasks);
    return some ? 0 : error;
}

/* --- images ------------------------------------------------------------------------------------- */

static uint64_t number_of(uint64_t image, uint32_t pid) { return image ? image : UINT64_MAX - pid; }

static void forget(struct watched_image *image)
{
    for (unsigned i = 0; i < image->fd_count; i++) close(image->fds[i]);
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

struct looking {
    struct stores *stores;
    struct output *output;
    struct watched_image *image;
    uint32_t pid;
    ft_ref task;
    char program[PATH_MAX];
    struct watch_object objects[OBJECTS];
    char *paths[OBJECTS]; /* as the process says them */
    size_t count;
    uint64_t number;
};

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

static ft_ref describe(struct looking *l, const char *name, const struct watch *w,
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

/* --- breakpoints -------------------------------------------------------------------------------- */

/* How many places were taken; *error: why the next one could not be. */
static unsigned put_breakpoints(struct looking *l, const struct watch *w, uint64_t address, int *error)
{
    struct watched_image *image = l->image;
    uint64_t size = w->where.size;
    bool one = watch_slots(address, size, 2) == 1;
    unsigned taken = 0;
    *error = 0;
    for (uint64_t done = 0; done < size;) {
        unsigned length = watch_slot(address + done, size - done);
        struct watch_type type = w->type;
        char name[sizeof w->name];
        snprintf(name, sizeof name, "%s", w->name);
        if (!one) watch_piece(w, done, length, name, sizeof name, &type), type.size = length;
        *error = -watch_process(l->stores, image, l->pid, address + done, length);
        if (*error) break;
        image->places[image->place_count++] =
            (struct place){address + done, describe(l, name, w, &type, address + done), 0, (uint8_t)length};
        taken++;
        done += length;
    }
    return taken;
}

/* --- probes ------------------------------------------------------------------------------------- */

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
static bool may_probe(const char *path)
{
    struct target target;
    target_look(path, &target);
    return target.kind == TARGET_ELF && !*target.interpreter;
}

/* Once a file: they hold for all processes that run it. */
static const struct probed *put_probes(struct looking *l, const struct watch *w, struct stores_counts *counts)
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
    unsigned needed = watch_slots(address, w.where.size, SLOTS + 1), taken = 0;
    int error = 0;
    stacks_object(&l->output->writer, l->number, l->pid, address, l->task);
    if (needed <= SLOTS - l->image->place_count) taken = put_breakpoints(l, &w, address, &error);
    bool probe = !taken && l->objects[w.object].program && may_probe(l->objects[w.object].path);
    const struct probed *probed = probe ? put_probes(l, &w, &counts) : NULL;
    if (probe && w.where.size <= 8 && l->image->global_count < ASKED)
        l->image->globals[l->image->global_count++] =
            (struct known_global){address, describe(l, w.name, &w, &w.type, address)};
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
