/*
 * copies.c: the copies of globals, when all that was recorded has been seen:
 * what each was born with and from which other, who wrote it, which went their
 * own way, and the order in which they are shown.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "build.h"

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

void copies_inherit(struct build *b)
{
    struct timeline *t = b->t;
    if (b->told_count) qsort(b->told, b->told_count, sizeof *b->told, by_place);
    for (process_id p = 0; p < t->process_count; p++) { /* parents come first */
        const struct process *child = &t->processes[p];
        if (!child->image_inherited || child->parent == NONE || child->fork == NONE) continue;
        struct event fork = timeline_event(t, child->fork);
        for (global_id g = 0; g < t->global_count; g++) {
            uint64_t owner = globals_owner(t, g, child->parent, fork.image);
            uint32_t *from = map_get(&b->by_copy, g, owner);
            if (!from || globals_owner(t, g, p, 0) == owner)
                continue; /* in shared memory it has none of its own */
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
bool copies_went_apart(const struct build *b, const struct copy *copy)
{
    if (copy->birth != COPY_BY_FORK || copy->parent == NONE) return false;
    const struct copy *parent = &b->t->copies[copy->parent];
    bool wrote = copy->written > copy->born || parent->written > copy->born || /* NEVER is before all */
                 copy->changed > copy->born || parent->changed > copy->born;
    return wrote && copy->last.known && parent->last.known && !value_same(copy->last, parent->last);
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
void copies_arrange(struct build *b)
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
    for (size_t i = 0; t->copy_count && i < b->about_count; i++) {
        struct event_about *about = &t->abouts[i];
        if (about->type == EVENT_WRITE || about->type == EVENT_CHANGE || about->type == EVENT_TEARDOWN)
            about->child = moved[about->child];
    }
}

/* --- writers ---------------------------------------------------------------------------------- */

/* Of the writes that are alike. */
struct tally {
    uint32_t about;
    uint64_t writes;
    event_id first, last;
};

static int by_first(const void *x, const void *y)
{
    const struct tally *a = x, *b = y;
    return a->first < b->first ? -1 : a->first > b->first;
}

static int by_last(const void *x, const void *y)
{
    const struct tally *a = x, *b = y;
    return a->last < b->last ? -1 : a->last > b->last;
}

/* Those that wrote a copy we know; their number. */
static size_t tally_writes(struct build *b, struct tally *tallies)
{
    struct timeline *t = b->t;
    uint32_t *index = build_map(b, NULL, 0, (b->about_count + 1) * sizeof *index); /* of an about, less 1 */
    size_t count = 0;
    for (size_t i = 0; i < b->alike_count; i++)
        if (t->abouts[b->alike[i]].type != EVENT_SIGMASK && t->abouts[b->alike[i]].copy != NONE)
            tallies[count] = (struct tally){.about = b->alike[i]}, index[b->alike[i]] = (uint32_t)++count;
    for (event_id i = 0; count && i < t->event_count; i++) {
        uint32_t at = t->events[i].place ? index[t->events[i].about] : 0;
        if (!at) continue;
        struct tally *tally = &tallies[at - 1];
        if (!tally->writes++) tally->first = i;
        tally->last = i;
    }
    munmap(index, (b->about_count + 1) * sizeof *index);
    return count;
}

static struct writer *writer_of(struct build *b, copy_id id, thread_id thread)
{
    struct copy *copy = &b->t->copies[id];
    uint32_t *known = map_get(&b->by_writer, id, thread);
    if (known) return &copy->writers[*known];
    build_map_put(b, &b->by_writer, id, thread, (uint32_t)copy->writer_count);
    copy->writers = build_grow(b, copy->writers, copy->writer_count, sizeof *copy->writers);
    copy->writers[copy->writer_count] = (struct writer){.thread = thread};
    return &copy->writers[copy->writer_count++];
}

/* Where it wrote last. */
static void set_place(struct build *b, struct writer *w, event_id last)
{
    bool exact;
    struct ft_py_write record;
    const struct event *e = EVENT_AT(b->t, last);
    w->pc = timeline_store(b->t, e, &exact);
    if (w->pc || !timeline_python_write(b->t, e, &record)) return;
    w->file = build_string_once(b, record.file);
    w->line = record.line;
}

/* Who wrote a watched global how often, in each process; and a shutdown that a copy without a slot saw. */
void copies_count_writers(struct build *b)
{
    struct timeline *t = b->t;
    struct tally *tallies = build_alloc(b, (b->alike_count + 1) * sizeof *tallies);
    size_t count = tally_writes(b, tallies);
    qsort(tallies, count, sizeof *tallies, by_first);
    for (size_t i = 0; i < count; i++) {
        const struct event_about *about = &t->abouts[tallies[i].about];
        if (about->type == EVENT_TEARDOWN)
            t->copies[about->copy].torn_down = true;
        else
            writer_of(b, about->copy, about->thread)->writes += tallies[i].writes;
    }
    qsort(tallies, count, sizeof *tallies, by_last);
    for (size_t i = 0; i < count; i++) {
        const struct event_about *about = &t->abouts[tallies[i].about];
        if (about->type == EVENT_WRITE)
            set_place(b, writer_of(b, about->copy, about->thread), tallies[i].last);
    }
}
