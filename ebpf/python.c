/* python.c: see python.h. Whose dict it is: pyjudge.h. */
#include "python.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "preload/python/plain.h"
#include "moment.h"
#include "probes.h"
#include "pyjudge.h"
#include "pylines.h"
#include "pyvalue.h"

#define BUCKETS 1024

struct name { /* of a watched module in one process */
    struct name *next;
    uint64_t image;
    uint32_t pid;
    char module[64], text[NAME_ROOM];
    ft_ref module_ref, text_ref;
    struct ft_py_global *slot;
    struct py_value last;
    uint64_t writes;
};

struct python {
    struct python_wishes wishes;
    struct pyjudge *judge;
    struct name *names[BUCKETS]; /* by pid */
};

/* --- what is asked for ------------------------------------------------------------------------ */

static bool fits(const char *name, size_t length)
{
    if (!length || length >= NAME_ROOM) return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] >= 0x80) return false;
    return true;
}

static void wish(struct python_wishes *w, const char *item, size_t length)
{
    if (length < 4 || memcmp(item, "py:", 3)) {
        w->c_globals = w->c_globals || length;
        return;
    }
    size_t size = 0;
    while (size < length && item[length - size - 1] != '.') size++;
    const char *name = item + length - size;
    bool any = size == 1 && *name == '*';
    if (w->count == WATCHES || !fits(name, size)) {
        size_t used = strlen(w->unserved);
        snprintf(w->unserved + used, sizeof w->unserved - used, "%s%.*s", used ? ", " : "", (int)length,
                 item);
        return;
    }
    memcpy(w->names[w->count].name, name, size);
    w->names[w->count++].any = any;
    w->lengths |= any ? ~0ull : 1ull << size;
}

void python_wish(struct python_wishes *w, const char *list)
{
    *w = (struct python_wishes){.list = list};
    for (const char *at = list; at && *at; at += strcspn(at, ";"), at += *at == ';')
        wish(w, at, strcspn(at, ";"));
}

struct python *python_open(const struct python_wishes *wishes, int dicts)
{
    struct python *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->wishes = *wishes;
    p->judge = pyjudge_open(wishes->list, dicts);
    if (p->judge) return p;
    free(p);
    return NULL;
}

void python_close(struct python *p)
{
    if (!p) return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct name *n = p->names[i], *next; n; n = next) next = n->next, free(n);
    pyjudge_close(p->judge);
    free(p);
    pylines_close();
}

/* --- its names -------------------------------------------------------------------------------- */

/* A page the process had not touched yet is not read by a probe, but by us. */
static void value_of(const struct event_bound *e, const struct object *object, const char *name,
                     struct py_value *value)
{
    struct object named = *object;
    if (object->address && !object->known && !*object->name)
        pymodule_type((pid_t)e->pid, object->type, named.name, sizeof named.name);
    if (object->address && !object->known && !*named.name) strcpy(named.name, "?"); /* it is gone */
    pyvalue_of(&named, value);
    if (value->kind > FT_PY_KIND_none && plain_secret(name, strlen(name)))
        *value = (struct py_value){.kind = FT_PY_KIND_secret};
}

static struct name *name_of(struct python *p, const struct event_bound *e, const struct py_watched *m)
{
    struct name **first = &p->names[e->pid % BUCKETS], *n = *first;
    while (n && (n->pid != e->pid || n->image != e->image || strcmp(n->text, e->name) ||
                 strcmp(n->module, m->text)))
        n = n->next;
    if (n) return n;
    n = calloc(1, sizeof *n);
    if (!n) return NULL;
    n->pid = e->pid;
    n->image = e->image;
    memcpy(n->module, m->text, sizeof n->module);
    memcpy(n->text, e->name, sizeof n->text);
    n->next = *first;
    return *first = n;
}

static bool make_slot(struct output *o, struct name *n, const struct event_bound *e, ft_ref task)
{
    struct py_value old;
    n->module_ref = ft_string(&o->writer, n->module, strlen(n->module), task);
    n->text_ref = ft_string(&o->writer, n->text, strlen(n->text), task);
    n->slot = ft_slot_new(&o->writer, task);
    if (!n->slot) return false;
    value_of(e, &e->old, n->text, &old);
    n->slot->module = n->module_ref;
    n->slot->name = n->text_ref;
    n->slot->old = pyvalue_bits(&o->writer, &old, task);
    n->slot->old_kind = old.kind;
    n->slot->flags = FT_PY_BY_MODULE;
    return true;
}

struct write {
    uint64_t bits, time;
    ft_ref task, file;
    uint32_t line;
    uint16_t flags;
};

static void tell_write(struct output *o, const struct name *n, const struct write *w)
{
    struct ft_py_write *record = ft_begin(&o->writer, FT_PY_WRITE, sizeof *record, w->task);
    if (!record) return;
    record->head.time = w->time;
    record->module = n->module_ref;
    record->name = n->text_ref;
    record->value = w->bits;
    record->kind = n->last.kind;
    record->flags = (uint8_t)w->flags;
    record->file = w->file;
    record->line = w->line;
    ft_commit(record);
}

static void set_slot(struct name *n, const struct write *w)
{
    struct ft_py_global *slot = n->slot;
    slot->kind = FT_PY_KIND_unset; /* killed in between: nothing, not nonsense */
    slot->value = w->bits;
    slot->kind = n->last.kind;
    slot->writer = w->task;
    slot->file = w->file;
    slot->line = w->line;
    slot->flags &= w->flags | (uint16_t)~FT_PY_BY_MODULE;
    slot->writes = ++n->writes;
    ft_slot_set(slot, FT_PY_GLOBAL, slot->head.task, w->time);
}

void python_bound(struct output *o, const struct event_bound *e, ft_ref task)
{
    struct python *p = o->python;
    const struct py_watched *m;
    enum py_judgement judgement = p ? pyjudge_bound(p->judge, e, &m) : PY_OTHER;
    if (judgement == PY_UNKNOWN) write_lost(o, FT_LOST_KERNEL_PYTHON, 1);
    if (judgement != PY_WATCHED) return;
    struct name *n = name_of(p, e, m);
    if (!n || (!n->slot && !make_slot(o, n, e, task))) {
        ft_count_lost(&o->writer, FT_LOST_PYTHON, 1);
        return;
    }
    value_of(e, &e->value, n->text, &n->last);
    struct write w = {.task = task, .time = moment_counter(o, e->head.ns)};
    const char *file = pylines_find(e, &w.line);
    w.file = file ? ft_string(&o->writer, file, strlen(file), task) : 0;
    w.bits = pyvalue_bits(&o->writer, &n->last, task);
    w.flags = e->flags & BOUND_AT_TOP ? FT_PY_BY_MODULE : 0;
    /* at its end an interpreter sets every global to None, from C: no write of the program's */
    bool teardown =
        n->last.kind == FT_PY_KIND_none && e->flags & BOUND_FINALIZING && !(e->flags & BOUND_FRAME);
    if (teardown) w.flags = FT_PY_TEARDOWN;
    tell_write(o, n, &w);
    if (teardown)
        n->slot->flags |= FT_PY_TEARDOWN;
    else
        set_slot(n, &w);
}

void python_code(const struct event_code *e) { pylines_keep(e); }

void python_module(struct output *o, const struct event_module *e)
{
    if (o->python) pyjudge_met(o->python->judge, e);
}

/* --- processes -------------------------------------------------------------------------------- */

/* What the child begins with. */
void python_forked(struct output *o, uint32_t parent, uint64_t ns, ft_ref task)
{
    struct python *p = o->python;
    for (const struct name *n = p ? p->names[parent % BUCKETS] : NULL; n; n = n->next) {
        if (n->pid != parent || !n->writes) continue;
        uint64_t bits = pyvalue_bits(&o->writer, &n->last, task);
        struct ft_py_value *record = ft_begin(&o->writer, FT_PY_VALUE, sizeof *record, task);
        if (!record) return;
        record->head.time = moment_counter(o, ns);
        record->module = n->module_ref;
        record->name = n->text_ref;
        record->kind = n->last.kind;
        record->value = bits;
        record->writes = n->writes;
        ft_commit(record);
    }
}

void python_over(struct output *o, uint32_t pid)
{
    struct python *p = o->python;
    if (!p) return;
    for (struct name **at = &p->names[pid % BUCKETS], *n; (n = *at);)
        if (n->pid == pid)
            *at = n->next, free(n);
        else
            at = &n->next;
    pyjudge_over(p->judge, pid);
}

/* --- what is not served ----------------------------------------------------------------------- */

struct looking {
    struct python *python;
    uint64_t image;
    uint32_t pid;
};

/* A module that is there already. */
static bool is_wanted(void *context, const struct py_module *found)
{
    const struct looking *looking = context;
    return pyjudge_found(looking->python->judge, looking->image, looking->pid, found);
}

void python_looked(struct output *o, uint32_t pid, ft_ref task, uint64_t ns, uint64_t image,
                   const struct probes_python *found, bool begins, bool runs)
{
    const struct python *p = o->python;
    char text[sizeof found->path + sizeof found->why + 8];
    if (!p) return;
    if (begins && p->wishes.c_globals && !o->stores) write_note(o, FT_NOTE_KERNEL_C_WATCH, NULL, task, ns);
    if (!found) return;
    if (*found->why) {
        snprintf(text, sizeof text, "%s: %s", found->path, found->why);
        write_note(o, FT_NOTE_KERNEL_PYTHON, text, task, ns);
        return;
    }
    if (*p->wishes.unserved) write_note(o, FT_NOTE_KERNEL_NAME, p->wishes.unserved, task, ns);
    struct looking looking = {o->python, image, pid};
    bool begun = found->late && pymodule_each((pid_t)pid, found->runtime, is_wanted, &looking) != PY_NO;
    if (begun && !runs) write_note(o, FT_NOTE_KERNEL_PYTHON_LATE, NULL, task, ns);
    write_note(o, FT_NOTE_KERNEL_PYTHON_SEEN, found->path, task, o->now.ns > ns ? o->now.ns : ns);
}
