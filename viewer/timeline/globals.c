/*
 * globals.c: globals and their copies, one a process (and image): what each
 * was born with, who wrote it, what it is now, and which went their own way.
 * What the records of C globals say is watched.c's.
 *
 * A process that wrote a name has a slot for it (FT_PY_GLOBAL). One that only
 * inherited it has none: its copy is worked out from what its parent told at
 * the fork (FT_PY_VALUE), or inherited in its turn.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"

/* --- values ----------------------------------------------------------------------------------- */

static bool in_words(unsigned kind)
{
    return kind == FT_PY_KIND_text || kind == FT_PY_KIND_bytes || kind == FT_PY_KIND_long_int ||
           kind == FT_PY_KIND_object || kind == FT_PY_KIND_type || kind == FT_PY_KIND_sized;
}

static struct value value(struct build *b, unsigned kind, uint64_t bits)
{
    struct value v = {.kind = (uint8_t)kind, .known = true, .bits = bits};
    if (in_words(kind)) {
        v.text = build_string_once(b, (ft_ref)(kind == FT_PY_KIND_sized ? bits >> 32 : bits));
        if (kind == FT_PY_KIND_sized) v.bits = (uint32_t)bits;
        if (!v.text) v.text = "";
    }
    return v;
}

static bool same(struct value x, struct value y)
{
    if (x.kind != y.kind || x.known != y.known) return false;
    if (in_words(x.kind) && strcmp(x.text, y.text)) return false;
    if (x.print && y.print && x.print != y.print) return false;
    if (x.kind == FT_PY_KIND_lock) return true; /* made anew after a fork it is still what it was */
    return x.kind == FT_PY_KIND_sized || !in_words(x.kind) ? x.bits == y.bits : true;
}

bool value_is_container(struct value v)
{
    return v.kind == FT_PY_KIND_list || v.kind == FT_PY_KIND_dict || v.kind == FT_PY_KIND_set ||
           v.kind == FT_PY_KIND_sized;
}

/* "collections.deque": what people call a deque. */
static const char *last_word(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

/* Up to 8 characters, in the order of memory. */
static int format_chars(struct value v, char *buffer, size_t size)
{
    char bytes[9] = "";
    memcpy(bytes, &v.bits, v.size < 8 ? v.size : 8);
    return snprintf(buffer, size, "\"%s\"", bytes);
}

int value_format(struct value v, char *buffer, size_t size)
{
    double number;
    if (!v.known) return snprintf(buffer, size, "?");
    switch (v.kind) {
    case FT_PY_KIND_unset: return snprintf(buffer, size, "unset");
    case FT_PY_KIND_none: return snprintf(buffer, size, "None");
    case FT_PY_KIND_bool: return snprintf(buffer, size, v.bits ? "True" : "False");
    case FT_PY_KIND_int: return snprintf(buffer, size, "%" PRId64, (int64_t)v.bits);
    case FT_PY_KIND_float:
        memcpy(&number, &v.bits, sizeof number);
        return snprintf(buffer, size, "%.17g", number);
    case FT_PY_KIND_text: return snprintf(buffer, size, "'%s'", v.text);
    case FT_PY_KIND_bytes: return snprintf(buffer, size, "b'%s'", v.text);
    case FT_PY_KIND_long_int: return snprintf(buffer, size, "%s", v.text);
    case FT_PY_KIND_list: return snprintf(buffer, size, "list of %" PRIu64, v.bits);
    case FT_PY_KIND_tuple: return snprintf(buffer, size, "tuple of %" PRIu64, v.bits);
    case FT_PY_KIND_dict: return snprintf(buffer, size, "dict of %" PRIu64, v.bits);
    case FT_PY_KIND_set: return snprintf(buffer, size, "set of %" PRIu64, v.bits);
    case FT_PY_KIND_sized: return snprintf(buffer, size, "%s of %" PRIu64, last_word(v.text), v.bits);
    case FT_PY_KIND_object: return snprintf(buffer, size, "<%s object>", v.text);
    case FT_PY_KIND_type: return snprintf(buffer, size, "<class %s>", v.text);
    case FT_PY_KIND_function: return snprintf(buffer, size, "<function>");
    case FT_PY_KIND_module: return snprintf(buffer, size, "<module>");
    case FT_PY_KIND_lock: return snprintf(buffer, size, "<lock>");
    case FT_PY_KIND_secret: return snprintf(buffer, size, "***");
    case FT_C_KIND_signed: return snprintf(buffer, size, "%" PRId64, (int64_t)v.bits);
    case FT_C_KIND_unsigned: return snprintf(buffer, size, "%" PRIu64, v.bits);
    case FT_C_KIND_boolean: return snprintf(buffer, size, v.bits ? "true" : "false");
    case FT_C_KIND_real:
        memcpy(&number, &v.bits, sizeof number);
        return snprintf(buffer, size, v.size == sizeof(float) ? "%.9g" : "%.17g", number);
    case FT_C_KIND_pointer: return snprintf(buffer, size, v.bits ? "0x%" PRIx64 : "NULL", v.bits);
    case FT_C_KIND_enumeration:
        return v.text ? snprintf(buffer, size, "%.*s", (int)strcspn(v.text, "="), v.text)
                      : snprintf(buffer, size, "%" PRId64, (int64_t)v.bits);
    case FT_C_KIND_chars: return format_chars(v, buffer, size);
    case FT_C_KIND_raw: return snprintf(buffer, size, "0x%0*" PRIx64, v.size * 2, v.bits);
    default: return snprintf(buffer, size, "?");
    }
}

/* --- globals and copies ----------------------------------------------------------------------- */

static global_id global_of(struct build *b, ft_ref module, ft_ref name)
{
    char *text =
        build_format(b, "%s.%s", build_string_once(b, module) ?: "?", build_string_once(b, name) ?: "?");
    uint64_t h = 0xcbf29ce484222325u; /* two different names in 2^64 */
    for (const char *c = text; *c; c++) h = (h ^ (uint8_t)*c) * 0x100000001b3u;
    uint32_t *known = map_get(&b->by_name, h, 0);
    if (known) return *known;
    struct timeline *t = b->t;
    t->globals = build_grow(b, t->globals, t->global_count, sizeof *t->globals);
    char *dot = strrchr(text, '.');
    *dot = 0;
    t->globals[t->global_count] = (struct global){.module = text, .name = dot + 1, .first = NONE};
    build_map_put(b, &b->by_name, h, 0, (uint32_t)t->global_count);
    return (global_id)t->global_count++;
}

/*
 * Each image of a process has its own copy; of a shared global all have the
 * same; a vfork child writes to its parent's until it executes.
 */
uint64_t globals_owner(const struct timeline *t, global_id global, process_id process, unsigned image)
{
    if (t->globals[global].shared) return NONE;
    while (process < t->process_count && !image && t->processes[process].origin == ORIGIN_VFORK &&
           t->processes[process].parent < process && t->processes[process].fork < t->event_count) {
        image = t->events[t->processes[process].fork].image;
        process = t->processes[process].parent;
    }
    return (uint64_t)image << 32 | process;
}

copy_id globals_copy(struct build *b, global_id global, process_id process, unsigned image)
{
    struct timeline *t = b->t;
    uint64_t owner = globals_owner(t, global, process, image);
    uint32_t *known = map_get(&b->by_copy, global, owner);
    if (known) return *known;
    if (!t->globals[global].shared) process = (process_id)owner, image = (unsigned)(owner >> 32);
    t->copies = build_grow(b, t->copies, t->copy_count, sizeof *t->copies);
    t->copies[t->copy_count] = (struct copy){.global = global,
                                             .process = process,
                                             .image = (uint16_t)image,
                                             .parent = NONE,
                                             .born = NEVER,
                                             .end = NEVER,
                                             .written = NEVER,
                                             .changed = NEVER,
                                             .sampled = NEVER,
                                             .writer = NONE};
    build_map_put(b, &b->by_copy, global, owner, (uint32_t)t->copy_count);
    return (copy_id)t->copy_count++;
}

void globals_slot(struct build *b, const struct item *it)
{
    struct ft_py_global slot = FT_GET(py_global, it->record);
    global_id global = global_of(b, slot.module, slot.name);
    copy_id id = globals_copy(b, global, process_of(b, it), task_of(b, it)->image);
    struct task *writer = task_find(b, slot.writer);
    struct copy *copy = &b->t->copies[id];
    if (copy->writes && copy->written > it->ns) return; /* the same name under two keys: the later one */
    copy->writes += slot.writes;
    copy->written = it->ns;
    copy->at_birth = value(b, slot.old_kind, slot.old);
    copy->last = value(b, slot.kind, slot.value);
    copy->writer = writer ? writer->thread : NONE;
    copy->file = build_string_once(b, slot.file);
    copy->line = slot.line;
    copy->by_module = slot.flags & FT_PY_BY_MODULE;
    copy->torn_down = slot.flags & FT_PY_TEARDOWN;
}

void globals_value(struct build *b, const struct item *it)
{
    struct ft_py_value v = FT_GET(py_value, it->record);
    struct told told = {.global = global_of(b, v.module, v.name),
                        .process = process_of(b, it),
                        .image = task_of(b, it)->image,
                        .fork = ft_reader_find(b->t->reader, v.fork, FT_FORK),
                        .ns = it->ns,
                        .value = value(b, v.kind, v.value),
                        .writes = v.writes};
    told.value.print = v.print;
    b->told = build_grow(b, b->told, b->told_count, sizeof told);
    b->told[b->told_count++] = told;
}

/*
 * Found by a look, not seen when it happened. The first of a copy that nobody
 * bound here tells what it was before, which in a child is what it was born with.
 */
void globals_change(struct build *b, const struct item *it)
{
    struct ft_py_change c = FT_GET(py_change, it->record);
    global_id global = global_of(b, c.module, c.name);
    struct value now = value(b, c.kind, c.value), old = value(b, c.old_kind, c.old);
    now.print = c.print;
    copy_id id = globals_copy(b, global, process_of(b, it), task_of(b, it)->image);
    struct copy *copy = &b->t->copies[id];
    event_id e = event_add(b, it, EVENT_CHANGE);
    b->t->events[e].child = global;
    if (!copy->changes && copy->written == NEVER) copy->at_birth = old;
    copy->last = now;
    copy->changed = it->ns;
    copy->changes++;
}

void globals_picture(struct build *b, const struct item *it) { more_of(b, it)->looked = it->ns; }

void globals_note(struct build *b, const struct item *it)
{
    if (FT_GET(note, it->record).what == FT_NOTE_PYTHON_UNREAD) more_of(b, it)->unread = true;
}

/* The write itself, or one of a page of them. */
static bool python_write(const struct timeline *t, const struct ft_head *record, uint64_t which,
                         struct ft_py_write *write)
{
    if (record->type == FT_PY_WRITE) {
        *write = FT_GET(py_write, record);
        return true;
    }
    size_t length;
    const struct ft_c_entry *entry = ft_tail(record, offsetof(struct ft_py_writes, entry), &length);
    if (record->type != FT_PY_WRITES || which >= length / sizeof *entry) return false;
    uint64_t index = FT_C_STAMP_SITE(entry[which].stamp);
    const struct ft_py_writes *page = (const void *)record; /* it has an entry: and all that is before */
    const struct ft_head *found =
        index < FT_PY_SITES ? ft_reader_find(t->reader, page->site[index], FT_PY_SITE) : NULL;
    if (!found) return false;
    struct ft_py_site site = FT_GET(py_site, found);
    *write = (struct ft_py_write){.head = *record,
                                  .module = site.module,
                                  .name = site.name,
                                  .value = entry[which].value,
                                  .file = site.file,
                                  .line = site.line,
                                  .kind = site.kind,
                                  .flags = site.flags};
    memcpy(write->held, site.held, sizeof write->held);
    return true;
}

void globals_write(struct build *b, const struct item *it)
{
    struct ft_py_write w;
    if (!python_write(b->t, it->record, it->entry, &w)) return;
    global_id global = global_of(b, w.module, w.name);
    b->t->globals[global].watched = true;
    event_id e = event_add(b, it, w.flags & FT_PY_TEARDOWN ? EVENT_TEARDOWN : EVENT_WRITE);
    struct event *event = &b->t->events[e];
    event->child = global;
    event->entry = it->entry;
    event->flags &= (uint8_t)~EVENT_UNFINISHED;
}

bool timeline_python_write(const struct timeline *t, const struct event *e, struct ft_py_write *write)
{
    bool about = e->record && (e->type == EVENT_WRITE || e->type == EVENT_TEARDOWN);
    return about && python_write(t, e->record, e->entry, write);
}

/* --- at the end ------------------------------------------------------------------------------- */

static int by_place(const void *x, const void *y)
{
    const struct told *a = x, *b = y;
    if (a->process != b->process) return a->process < b->process ? -1 : 1;
    if (a->image != b->image) return a->image < b->image ? -1 : 1;
    if (a->global != b->global) return a->global < b->global ? -1 : 1;
    return a->ns < b->ns ? -1 : a->ns > b->ns;
}

/* What an image of a process told last of this global before or at the fork; NULL: nothing. */
static const struct told *told_at(const struct build *b, global_id global, process_id process, unsigned image,
                                  const struct event *fork)
{
    size_t low = 0, high = b->told_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct told *told = &b->told[middle];
        bool before = told->process != process ? told->process < process
                      : told->image != image   ? told->image < image
                      : told->global != global ? told->global < global
                                               : told->ns <= fork->ns || told->fork == fork->record;
        if (before)
            low = middle + 1;
        else
            high = middle;
    }
    const struct told *last = low ? &b->told[low - 1] : NULL;
    return last && last->process == process && last->image == image && last->global == global ? last : NULL;
}

/* When the process's memory went away: at its first exec after being forked, or its end. */
static int64_t memory_end(const struct timeline *t, const struct process *p, int64_t from)
{
    for (size_t i = p->image_inherited ? 1 : 0; i < p->image_count; i++)
        if (p->images[i].start > from) return p->images[i].start;
    return p->end;
}

/*
 * A copy made by fork. Its value at birth is the parent's then: as told by the
 * parent before or by the child after, or as the parent had inherited it. What
 * a container held may have changed unseen, if neither could look.
 */
static void inherit(struct build *b, copy_id from, process_id child, const struct event *fork)
{
    struct timeline *t = b->t;
    struct copy parent = t->copies[from];
    copy_id id = globals_copy(b, parent.global, child, 0);
    struct copy *copy = &t->copies[id];
    const struct told *own = told_at(b, parent.global, child, 0, fork);
    const struct told *told = own ? own : told_at(b, parent.global, parent.process, fork->image, fork);
    struct value born = told                                              ? told->value
                        : parent.writes && parent.birth == COPY_BY_IMPORT ? (struct value){0}
                                                                          : parent.at_birth;
    copy->birth = COPY_BY_FORK;
    copy->parent = from;
    copy->born = fork->ns;
    if (value_is_container(born) && b->processes[child].unread) born.known = false;
    bool touched = copy->writes || copy->changes;
    if (!touched || own || !copy->at_birth.known || (told && copy->at_birth.kind == FT_PY_KIND_unset))
        copy->at_birth = born;
    if (!touched) copy->last = copy->at_birth;
    /* the parent's copy was the same then, though nobody may have looked at it before */
    if (told && parent.written <= fork->ns && parent.changed <= fork->ns) t->copies[from].last = born;
}

static void inherit_all(struct build *b)
{
    struct timeline *t = b->t;
    for (process_id p = 0; p < t->process_count; p++) { /* parents come first */
        const struct process *child = &t->processes[p];
        if (!child->image_inherited || child->parent == NONE || child->fork == NONE) continue;
        struct event fork = t->events[child->fork];
        for (global_id g = 0; g < t->global_count; g++) {
            uint32_t *from = t->globals[g].shared
                                 ? NULL
                                 : map_get(&b->by_copy, g, globals_owner(t, g, child->parent, fork.image));
            if (!from) continue;
            const struct copy *parent = &t->copies[*from];
            bool there = parent->birth == COPY_BY_FORK || told_at(b, g, child->parent, fork.image, &fork) ||
                         (parent->birth != COPY_BY_IMPORT && parent->born <= fork.ns) ||
                         (parent->written != NEVER && parent->written <= fork.ns) ||
                         (parent->changed != NEVER && parent->changed <= fork.ns);
            if (there) inherit(b, *from, p, &fork);
        }
    }
}

/* The copies' last values differ although one was forked from the other and somebody wrote since. */
static bool went_apart(const struct build *b, const struct copy *copy)
{
    if (copy->birth != COPY_BY_FORK || copy->parent == NONE) return false;
    const struct copy *parent = &b->t->copies[copy->parent];
    bool wrote = copy->written > copy->born || parent->written > copy->born || /* NEVER is before all */
                 copy->changed > copy->born || parent->changed > copy->born;
    return wrote && copy->last.known && parent->last.known && !same(copy->last, parent->last);
}

static int by_interest(const void *x, const void *y)
{
    const struct global *a = x, *b = y;
    if (a->found != b->found) return a->found ? 1 : -1;
    if (a->diverged != b->diverged) return a->diverged ? -1 : 1;
    int order = strcmp(a->module, b->module);
    return order ? order : strcmp(a->name, b->name);
}

static int by_global(const void *x, const void *y)
{
    const struct copy *a = x, *b = y;
    if (a->global != b->global) return a->global < b->global ? -1 : 1;
    if (a->process != b->process) return a->process < b->process ? -1 : 1;
    return a->image < b->image ? -1 : a->image > b->image;
}

/* Put globals and copies into the order that is shown, and correct every id. */
static void arrange(struct build *b)
{
    struct timeline *t = b->t;
    global_id *moved = build_alloc(b, (t->global_count + 1) * sizeof *moved);
    for (global_id g = 0; g < t->global_count; g++) t->globals[g].first = g; /* its old id, for a moment */
    if (t->global_count) qsort(t->globals, t->global_count, sizeof *t->globals, by_interest);
    for (global_id g = 0; g < t->global_count; g++) moved[t->globals[g].first] = g;
    copy_id *now = build_alloc(b, (t->copy_count + 1) * sizeof *now);
    for (copy_id c = 0; c < t->copy_count; c++) {
        t->copies[c].id = c; /* its old one, for a moment */
        t->copies[c].global = moved[t->copies[c].global];
    }
    if (t->copy_count) qsort(t->copies, t->copy_count, sizeof *t->copies, by_global);
    for (global_id g = 0; g < t->global_count; g++) t->globals[g].first = NONE;
    map_free(&b->by_copy);
    b->by_copy = (struct map){0};
    for (copy_id c = 0; c < t->copy_count; c++) {
        struct global *global = &t->globals[t->copies[c].global];
        if (global->first == NONE) global->first = c;
        global->count++;
        now[t->copies[c].id] = c;
        const struct copy *copy = &t->copies[c];
        build_map_put(b, &b->by_copy, copy->global,
                      globals_owner(t, copy->global, copy->process, copy->image), c);
    }
    for (copy_id c = 0; c < t->copy_count; c++)
        if (t->copies[c].parent != NONE) t->copies[c].parent = now[t->copies[c].parent];
    for (size_t i = 0; i < t->event_count; i++)
        if (t->events[i].type == EVENT_WRITE || t->events[i].type == EVENT_CHANGE ||
            t->events[i].type == EVENT_TEARDOWN)
            t->events[i].child = moved[t->events[i].child];
}

/* Who wrote a watched global how often, in each process; and a shutdown that a copy without a slot saw. */
static void count_writers(struct build *b)
{
    struct timeline *t = b->t;
    for (size_t i = 0; i < t->event_count; i++) {
        const struct event *e = &t->events[i];
        copy_id id = e->type == EVENT_CHANGE ? NONE : timeline_copy_written(t, e);
        if (id == NONE) continue;
        struct copy *copy = &t->copies[id];
        if (e->type == EVENT_TEARDOWN) {
            copy->torn_down = true;
            continue;
        }
        uint32_t *known = map_get(&b->by_writer, id, e->thread);
        size_t index = known ? *known : copy->writer_count;
        if (!known) {
            build_map_put(b, &b->by_writer, id, e->thread, (uint32_t)index);
            copy->writers = build_grow(b, copy->writers, index, sizeof *copy->writers);
            copy->writers[copy->writer_count++] = (struct writer){.thread = e->thread};
        }
        struct writer *w = &copy->writers[index];
        bool exact;
        w->writes++;
        w->pc = timeline_store(t, e, &exact);
        if (w->pc) continue;
        struct ft_py_write record;
        if (!timeline_python_write(t, e, &record)) continue;
        w->file = build_string_once(b, record.file);
        w->line = record.line;
    }
}

void globals_finish(struct build *b)
{
    struct timeline *t = b->t;
    if (b->told_count) qsort(b->told, b->told_count, sizeof *b->told, by_place);
    inherit_all(b);
    samples_finish(b);
    for (copy_id c = 0; c < t->copy_count; c++) {
        struct copy *copy = &t->copies[c];
        if (copy->born == NEVER) copy->born = copy->written == NEVER ? 0 : t->processes[copy->process].start;
        int64_t looked = b->processes[copy->process].looked;
        if (looked > copy->sampled) copy->sampled = looked;
        if (copy->written > copy->sampled) copy->sampled = copy->written;
        copy->end = memory_end(t, &t->processes[copy->process], copy->born);
        if (went_apart(b, copy)) t->globals[copy->global].diverged = true;
    }
    discovered_finish(b);
    arrange(b);
    count_writers(b);
}

copy_id timeline_copy(const struct timeline *t, global_id global, process_id process)
{
    uint32_t *known = NULL;
    unsigned images = process < t->process_count ? (unsigned)t->processes[process].image_count : 0;
    for (unsigned image = 0; !known && image <= images; image++)
        known = map_get(&build_of(t)->by_copy, global, globals_owner(t, global, process, image));
    return known ? *known : NONE;
}

copy_id timeline_copy_written(const struct timeline *t, const struct event *e)
{
    bool about = e->type == EVENT_WRITE || e->type == EVENT_CHANGE || e->type == EVENT_TEARDOWN;
    if (!about || e->child >= t->global_count) return NONE;
    uint32_t *known =
        map_get(&build_of(t)->by_copy, e->child, globals_owner(t, e->child, e->process, e->image));
    return known ? *known : NONE;
}

struct value timeline_written(const struct timeline *t, const struct event *e)
{
    if (e->record && e->type == EVENT_CHANGE) {
        if (e->record->type == FT_C_VALUE || e->record->type == FT_C_SAMPLE) return watched_looked(t, e);
        struct ft_py_change c = FT_GET(py_change, e->record);
        return value(build_of(t), c.kind, c.value);
    }
    if ((e->type != EVENT_WRITE && e->type != EVENT_TEARDOWN) || !e->record) return (struct value){0};
    struct ft_py_write w;
    if (!timeline_python_write(t, e, &w)) return watched_written(t, e);
    return value(build_of(t), w.kind, w.value);
}

struct value timeline_changed_from(const struct timeline *t, const struct event *e)
{
    if (e->type != EVENT_CHANGE || !e->record || e->record->type != FT_PY_CHANGE) return (struct value){0};
    struct ft_py_change c = FT_GET(py_change, e->record);
    return value(build_of(t), c.old_kind, c.old);
}

int global_format(const struct global *g, char *buffer, size_t size)
{
    if (!g->c) return snprintf(buffer, size, "%s.%s", g->module, g->name);
    return g->library ? snprintf(buffer, size, "%s:%s", g->module, g->name)
                      : snprintf(buffer, size, "%s", g->name);
}

void globals_free(struct build *b)
{
    for (copy_id c = 0; c < b->t->copy_count; c++) free(b->t->copies[c].writers);
    free(b->t->globals), free(b->t->copies), free(b->told), free(b->pictured);
    map_free(&b->by_name), map_free(&b->by_copy), map_free(&b->by_writer);
    watched_free(b);
}
