/*
 * racy_stores.c: racy-writes in C: threads that store to a watched global in
 * turn, with no lock in common.
 *
 * What is known: each thread's writes in its own order, and the locks it held
 * as far as the library sees them (pthread mutexes, rwlocks, spin locks,
 * semaphores). The order of two threads' writes is known to some 10 ns only:
 * nothing is concluded from it but that they take turns. Stores that always
 * write the same are flags, and what reads and writes in one go (lock add,
 * xchg) is atomic: neither is reported.
 *
 * Proof of a lost update does not need the order. If every write adds one, the
 * value at the end is that at birth plus their number. Instructions that add one
 * to memory do so by definition; stores of a value somebody computed are taken
 * for it if together they wrote each number once or more, without a gap, and
 * no thread on its own ever wrote less than before.
 */
#include <stdlib.h>
#include <string.h>

#include "racy_stores.h"

#define ENOUGH  10 /* writes, before their values are taken for a count */
#define SHOWN   12 /* of them as evidence */
#define RING    16
#define THREADS 64
#define PLACES  8      /* stores whose values are told apart */
#define SKEW    2000   /* ns: so much may a stamp be off against another thread's */
#define TRAPPED 100000 /* the same of a trap, which the kernel told of first */

struct row {
    uint64_t writes, unlocked, back, up;
    event_id ring[RING];
    uint16_t held[3]; /* of the last write */
    bool known, atomic;
    bool exact;    /* all values are */
    bool fell;     /* a thread wrote less than before, with nobody in between or near: it does not count up */
    int64_t lower; /* ns: it did so, and nobody was near before; 0: it did not */
    int64_t other; /* ns of the last write of another thread than the last one's */
    uint64_t last;
    bool varied; /* a store wrote another value than before */
    size_t threads, places;
    thread_id thread[THREADS];
    struct {
        uint64_t pc, value;
    } place[PLACES];
};

static bool share_lock(const uint16_t a[3], const uint16_t b[3])
{
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            if (a[i] && a[i] == b[k]) return true;
    return false;
}

/* Did this thread write before? Of many threads: yes. */
static bool came_back(struct row *r, thread_id thread)
{
    for (size_t i = 0; i < r->threads; i++)
        if (r->thread[i] == thread) return true;
    if (r->threads < THREADS) r->thread[r->threads++] = thread;
    return r->threads == THREADS;
}

static bool varies(struct row *r, uint64_t pc, uint64_t value)
{
    for (size_t i = 0; i < r->places; i++) {
        if (r->place[i].pc != pc) continue;
        bool other = r->place[i].value != value;
        r->place[i].value = value;
        return other;
    }
    if (r->places < PLACES) r->place[r->places].pc = pc, r->place[r->places++].value = value;
    return false;
}

/* A thread that reads what another one wrote from an older value writes less than before, and is right. */
static void falls(struct row *r, const struct event *before, const struct event *e, bool lower)
{
    int64_t skew = e->record->type == FT_C_TRAP ? TRAPPED : SKEW;
    if (before->thread != e->thread) {
        r->fell |= r->lower && e->ns - r->lower > skew;
        r->lower = 0;
        r->other = before->ns;
    } else if (lower && (!r->other || before->ns - r->other > skew)) {
        r->fell |= r->lower != 0;
        r->lower = e->ns;
    }
}

static void write_of(const struct timeline *t, struct row *r, event_id i)
{
    const struct event *e = EVENT_AT(t, i);
    uint16_t held[3];
    bool exact, known = timeline_held(t, e, held);
    unsigned flags = timeline_store_flags(t, e);
    uint64_t pc = timeline_store(t, e, &exact);
    bool atomic = flags & FT_C_ATOMIC, back = came_back(r, e->thread);
    if (r->writes && known && r->known && !(atomic && r->atomic) && !share_lock(held, r->held) &&
        EVENT_AT(t, r->ring[(r->writes - 1) % RING])->thread != e->thread) {
        r->unlocked++;
        r->back += back;
    }
    uint64_t value = timeline_written(t, e).bits;
    if (r->writes) falls(r, EVENT_AT(t, r->ring[(r->writes - 1) % RING]), e, value < r->last);
    r->last = value;
    r->exact = (!r->writes || r->exact) && exact;
    r->varied |= varies(r, pc, value);
    r->up += (flags & FT_C_UP) != 0;
    memcpy(r->held, held, sizeof held);
    r->known = known;
    r->atomic = atomic;
    r->ring[r->writes++ % RING] = i;
}

/* The copy of a C global that was written, or NONE. */
static copy_id stored(const struct timeline *t, event_id i)
{
    const struct event_about *e = timeline_about(t, i);
    bool store = e->type == EVENT_WRITE && e->child < t->global_count && t->globals[e->child].c;
    return store ? timeline_copy_written(t, i) : NONE;
}

static struct row *look(const struct timeline *t)
{
    struct row *rows = calloc(t->copy_count + 1, sizeof *rows);
    size_t count = timeline_writes(t) ? t->event_count : 0;
    for (event_id i = 0; rows && i < count; i++) {
        copy_id copy = stored(t, i);
        if (copy != NONE) write_of(t, &rows[copy], i);
    }
    return rows;
}

static bool is_racy(const struct row *r) { return r->back && r->varied; }

/* --- lost updates ----------------------------------------------------------------------------- */

/* The processor tells of every store, through whatever pointer. */
static bool by_processor(const struct ft_c_hardware *h)
{
    return h->slots && h->slots >= h->needed && !(h->flags & (FT_C_HW_ENDED | FT_C_HW_KERNEL));
}

/* It does, or every store was found and patched and nobody has the address: what was written, was seen. */
static bool all_seen(const struct timeline *t, const struct copy *c)
{
    const struct global *g = &t->globals[c->global];
    if (c->changes) return false;
    for (size_t i = 0; i < t->watch_count; i++) {
        const struct ft_c_watch *w = &t->watches[i].counts;
        const char *name = t->watches[i].watch ? strrchr(t->watches[i].watch, ':') : NULL;
        name = name ? name + 1 : t->watches[i].watch;
        if (!name || strcmp(name, g->name)) continue;
        if (by_processor(&t->watches[i].hardware)) continue;
        if (w->patched < w->stores || w->taken || w->pointers) return false;
    }
    return true;
}

/* Did the stores write every number from birth to the highest? */
static bool without_gap(const struct timeline *t, copy_id copy, uint64_t first, uint64_t writes,
                        uint64_t *highest)
{
    bool *seen = calloc(writes + 1, sizeof *seen), good = seen;
    uint64_t different = 0;
    *highest = 0;
    for (event_id i = 0; good && i < t->event_count; i++) {
        if (stored(t, i) != copy) continue;
        uint64_t above = timeline_written(t, EVENT_AT(t, i)).bits - first;
        good = above && above <= writes;
        if (!good) break;
        different += !seen[above];
        seen[above] = true;
        if (above > *highest) *highest = above;
    }
    free(seen);
    return good && different == *highest && different >= ENOUGH;
}

/* So many updates were certainly written over. */
static uint64_t lost(const struct timeline *t, copy_id copy, const struct row *r)
{
    const struct copy *c = &t->copies[copy];
    uint64_t highest, first = c->at_birth.bits;
    if (r->writes < ENOUGH || !c->at_birth.known || !all_seen(t, c)) return 0;
    if (r->up == r->writes && c->sampled > c->written) {
        uint64_t above = c->last.bits - first;
        return above < r->writes ? r->writes - above : 0;
    }
    return r->exact && !r->fell && !r->lower && without_gap(t, copy, first, r->writes, &highest) &&
                   highest < r->writes
               ? r->writes - highest
               : 0;
}

/* --- telling ---------------------------------------------------------------------------------- */

static void add(struct findings *f, copy_id id, const struct row *r)
{
    const struct timeline *t = f->timeline;
    const struct copy *c = &t->copies[id];
    char name[512], subject[NAMES_TEXT];
    int n = global_format(&t->globals[c->global], name, sizeof name);
    text_escape(subject, sizeof subject, name, n < (int)sizeof name ? (size_t)n : sizeof name - 1);
    struct finding *x = finding_of(f, RULE_racy_writes, subject);
    const struct racy now = {
        .copy = id, .writes = r->writes, .unlocked = r->unlocked, .lost = lost(t, id, r)};
    racy_keep(f, x, &now);
    if (now.lost) finding_worse(x, SEVERITY_WARNING);
    finding_process(f, x, c->process);
    finding_global(f, x, c->global);
    for (size_t i = 0; i < c->writer_count; i++) finding_thread(f, x, c->writers[i].thread);
    for (size_t i = 0; i < SHOWN && i < r->writes; i++) finding_event(f, x, r->ring[i]);
}

void racy_stores_find(struct findings *f)
{
    struct row *rows = look(f->timeline);
    if (!rows) f->failed = true;
    for (copy_id c = 0; !f->failed && c < f->timeline->copy_count; c++)
        if (is_racy(&rows[c])) add(f, c, &rows[c]);
    free(rows);
}

void racy_stores_tell(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char text[NAMES_TEXT];
    const struct racy *kept = x->kept;
    const struct copy *c = &t->copies[kept->copy];
    say_threads(title, t, &x->threads);
    say(title,
        " of %s write `%s` in turn, with no lock in common: %llu of %llu writes followed one by another "
        "thread.",
        t->globals[c->global].shared ? "several processes" : word_process(text, t, c->process), x->subject,
        (unsigned long long)kept->unlocked, (unsigned long long)kept->writes);
    if (*names_written(text, sizeof text, t, c)) say(why, "The last one at %s. ", text);
    if (kept->lost)
        say(why,
            "Each of the %llu writes adds one, and yet it was not so much higher in the end: %llu "
            "updates were "
            "lost, each written over by a thread that had read an older value.",
            (unsigned long long)kept->writes, (unsigned long long)kept->lost);
    else
        say(why, "What one thread writes between another one's reading and writing is lost. Whether that "
                 "happened the trace does not prove. Locks made without pthread functions are not seen.");
}
