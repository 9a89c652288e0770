/*
 * python_globals.c: what is recorded of Python globals: slots, pictures, looks
 * and writes. Their copies are globals.c's and copies.c's.
 *
 * A process that wrote a name has a slot for it (FT_PY_GLOBAL). One that only
 * inherited it has none: its copy is worked out from what its parent told at
 * the fork (FT_PY_VALUE), or inherited in its turn.
 */
#include <stddef.h>
#include <string.h>

#include "build.h"

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
    copy->at_birth = value_python(b, slot.old_kind, slot.old);
    copy->last = value_python(b, slot.kind, slot.value);
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
                        .value = value_python(b, v.kind, v.value),
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
    struct value now = value_python(b, c.kind, c.value), old = value_python(b, c.old_kind, c.old);
    now.print = c.print;
    copy_id id = globals_copy(b, global, process_of(b, it), task_of(b, it)->image);
    struct copy *copy = &b->t->copies[id];
    event_id e = event_add(b, it, EVENT_CHANGE);
    event_about(b, e)->child = global;
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
    event_add_alike(b, it, w.flags & FT_PY_TEARDOWN ? EVENT_TEARDOWN : EVENT_WRITE, global, 0, NONE);
}

bool timeline_python_write(const struct timeline *t, const struct event *e, struct ft_py_write *write)
{
    bool about = e->record && (e->type == EVENT_WRITE || e->type == EVENT_TEARDOWN);
    return about && python_write(t, e->record, ft_place_entry(e->place), write);
}

struct value timeline_changed_from(const struct timeline *t, const struct event *e)
{
    if (e->type != EVENT_CHANGE || !e->record || e->record->type != FT_PY_CHANGE) return (struct value){0};
    struct ft_py_change c = FT_GET(py_change, e->record);
    return value_python(build_of(t), c.old_kind, c.old);
}
