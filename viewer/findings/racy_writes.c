/*
 * racy_writes.c: racy-writes: threads that write a watched global in turn, with
 * no lock in common. Here Python's; those of C: racy_stores.c.
 *
 * What is known: every write, in order (Python's are made under the GIL), and
 * the locks its thread held. Not known: what a thread had read before. So a
 * race is all that is said, as a note, unless the values tell more: where each
 * write of one line adds the same to a value the global had before, and the
 * sum falls short, updates were lost: a warning.
 *
 * A value handed on once (one thread sets it up, another goes on) is no race:
 * somebody must come back to it.
 */
#include <stdlib.h>
#include <string.h>

#include "racy_stores.h"

#define ENOUGH 10 /* writes, before their values are taken for a count */
#define SHOWN  12 /* of them as evidence */

/* A copy's writes by functions, so far. */
struct row {
    uint64_t writes, unlocked, back; /* back: unlocked ones of a thread that had written before */
    event_id before;                 /* the write before */
    thread_id setter;                /* the module itself gave it its first value there; NONE: not seen */
    bool known;                      /* `first` is */
    bool counts;                     /* so far each adds `step` to a value there had been */
    int64_t first, last, step, highest;
    ft_ref file;
    uint32_t line;
};

static bool share_lock(const struct ft_py_write *a, const struct ft_py_write *b)
{
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            if (a->held[i] && a->held[i] == b->held[k]) return true;
    return false;
}

/* One that may be added to and taken from others like it. */
static bool is_int(unsigned kind, uint64_t value)
{
    return kind == FT_PY_KIND_int && (int64_t)value > -(1ll << 53) && (int64_t)value < 1ll << 53;
}

/* What the values say. Beginning with `first`, all there were are first, first + step, ... highest. */
static void count(struct row *r, const struct ft_py_write *w)
{
    int64_t value = (int64_t)w->value;
    if (!r->writes) {
        r->file = w->file, r->line = w->line;
        r->counts = r->known && is_int(w->kind, w->value) && value != r->first;
        r->step = r->counts ? value - r->first : 0;
        r->highest = r->first;
    }
    r->counts &= is_int(w->kind, w->value) && w->file == r->file && w->line == r->line;
    if (!r->counts) return;
    int64_t from = value - r->step - r->first, most = r->highest - r->first;
    if (r->step < 0) from = -from, most = -most;
    int64_t step = r->step < 0 ? -r->step : r->step;
    r->counts = from >= 0 && from <= most && from % step == 0;
    if (from == most) r->highest = value;
    r->last = value;
}

static bool lost_updates(const struct row *r)
{
    return r->counts && r->writes >= ENOUGH && (r->last - r->first) / r->step < (int64_t)r->writes;
}

/* Did this thread write before? The copy's list of writers says when, no more: the last few writes are looked
 * at. */
static bool came_back(const struct timeline *t, const struct row *r, thread_id thread, const event_id *ring,
                      size_t room)
{
    for (size_t i = 0; i < room && i < r->writes; i++)
        if (EVENT_AT(t, ring[i])->thread == thread) return true;
    return false;
}

struct rows {
    struct row *row;
    event_id (*ring)[16]; /* the last writes of each copy */
};

static void write_of(const struct timeline *t, struct rows *rows, copy_id copy, event_id i)
{
    struct row *r = &rows->row[copy];
    const struct event *e = EVENT_AT(t, i);
    struct ft_py_write w, before;
    if (!timeline_python_write(t, e, &w)) return;
    if (w.flags & FT_PY_BY_MODULE && !r->writes) { /* its first value */
        r->known = is_int(w.kind, w.value);
        r->first = (int64_t)w.value;
        r->setter = e->thread;
        return;
    }
    if (r->writes && (w.flags & FT_PY_LOCKS) && EVENT_AT(t, r->before)->thread != e->thread) {
        if (timeline_python_write(t, EVENT_AT(t, r->before), &before) && !share_lock(&before, &w)) {
            r->unlocked++;
            r->back += came_back(t, r, e->thread, rows->ring[copy], 16);
        }
    }
    count(r, &w);
    rows->ring[copy][r->writes++ % 16] = i;
    r->before = i;
}

static bool look(const struct timeline *t, struct rows *rows)
{
    rows->row = calloc(t->copy_count + 1, sizeof *rows->row);
    rows->ring = calloc(t->copy_count + 1, sizeof *rows->ring);
    if (!rows->row || !rows->ring) return false;
    for (copy_id c = 0; c < t->copy_count; c++) {
        struct value v = t->copies[c].at_birth;
        rows->row[c].known = v.known && is_int(v.kind, v.bits);
        rows->row[c].first = (int64_t)v.bits;
        rows->row[c].setter = NONE;
    }
    size_t count = timeline_writes(t) ? t->event_count : 0;
    for (event_id i = 0; i < count; i++) {
        const struct event_about *e = timeline_about(t, i);
        if (e->type != EVENT_WRITE || e->child == NONE || t->globals[e->child].c) continue;
        copy_id copy = timeline_copy(t, e->child, e->process);
        if (copy != NONE) write_of(t, rows, copy, i);
    }
    return true;
}

void racy_keep(struct findings *f, struct finding *x, const struct racy *now)
{
    const struct copy *copies = f->timeline->copies;
    const struct racy *before = x->kept;
    bool other = before && copies[before->copy].global != copies[now->copy].global; /* of the same name */
    if (!before || (!other && now->unlocked > before->unlocked)) finding_keep(f, x, now, sizeof *now);
}

static void add(struct findings *f, copy_id id, const struct row *r, const event_id *ring)
{
    const struct timeline *t = f->timeline;
    const struct copy *c = &t->copies[id];
    const struct global *g = &t->globals[c->global];
    char name[512], subject[NAMES_TEXT];
    int n = snprintf(name, sizeof name, "%s.%s", g->module, g->name);
    text_escape(subject, sizeof subject, name, n < (int)sizeof name ? (size_t)n : sizeof name - 1);
    struct finding *x = finding_of(f, RULE_racy_writes, subject);
    struct racy now = {.copy = id, .writes = r->writes, .unlocked = r->unlocked};
    if (lost_updates(r)) {
        now.step = r->step, now.first = r->first, now.last = r->last;
        now.lost = (uint64_t)((int64_t)r->writes - (r->last - r->first) / r->step);
        finding_worse(x, SEVERITY_WARNING);
    }
    racy_keep(f, x, &now);
    finding_process(f, x, c->process);
    finding_global(f, x, c->global);
    for (size_t i = 0; i < c->writer_count; i++)
        if (c->writers[i].writes > (c->writers[i].thread == r->setter))
            finding_thread(f, x, c->writers[i].thread);
    for (size_t i = 0; i < SHOWN && i < r->writes; i++) finding_event(f, x, ring[i]);
}

void find_racy_writes(struct findings *f)
{
    struct rows rows = {0};
    if (!look(f->timeline, &rows)) f->failed = true;
    for (copy_id c = 0; !f->failed && c < f->timeline->copy_count; c++)
        if (rows.row[c].back) add(f, c, &rows.row[c], rows.ring[c]);
    free(rows.row), free(rows.ring);
    racy_stores_find(f);
}

void tell_racy_writes(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char name[NAMES_TEXT], file[NAMES_TEXT];
    const struct racy *r = x->kept;
    const struct copy *c = &t->copies[r->copy];
    if (t->globals[c->global].c) {
        racy_stores_tell(t, x, title, why);
        return;
    }
    say_threads(title, t, &x->threads);
    say(title,
        " of %s write `%s` in turn, with no lock in common: %llu of %llu writes followed one by another "
        "thread.",
        word_process(name, t, c->process), x->subject, (unsigned long long)r->unlocked,
        (unsigned long long)r->writes);
    const char *slash = c->file ? strrchr(c->file, '/') : NULL;
    if (c->file) {
        text_escape(file, sizeof file, slash ? slash + 1 : c->file, strlen(slash ? slash + 1 : c->file));
        say(why, "The last one at %s:%u. ", file, c->line);
    }
    if (r->lost)
        say(why,
            "Each of them adds %lld to a value it had before, and yet it went from %lld to %lld only: "
            "%lld "
            "updates were lost, each written over by a thread that had read an older value.",
            (long long)r->step, (long long)r->first, (long long)r->last, (long long)r->lost);
    else
        say(why, "What one thread writes between another one's reading and writing is lost. Whether that "
                 "happened the trace does not prove.");
}
