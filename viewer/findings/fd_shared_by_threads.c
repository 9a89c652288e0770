/*
 * fd_shared_by_threads.c: fd-shared-by-threads: one connection used by several
 * threads at once.
 *
 * A connection that goes from thread to thread, as in a pool, is healthy, and
 * so are one that reads and another that writes. At once it is used if
 *   - one is in the middle of reading when another begins to read (or writing),
 *   - or, on a connection the program opened: one sends, another sends, and then
 *     the first reads, having read nothing in between: its answer may have gone
 *     to the other. Not where an epoll instance decides who goes on next, nor if
 *     both held the same lock as they sent.
 */
#include <stdlib.h>
#include <string.h>

#include "fd_uses.h"

struct turn {
    thread_id thread;
    int64_t ns;
    uint16_t held[3];
    bool known; /* what it held */
};

struct seen {
    size_t overlaps, crossings;
    event_id overlap, crossing; /* the first */
};

static bool there(const struct timeline *t, thread_id thread, int64_t ns)
{
    return thread != NONE && t->threads[thread].start <= ns &&
           (t->threads[thread].end == NEVER || t->threads[thread].end > ns);
}

/* Another thread of the process is in the middle of the same. */
static bool overlaps(const struct timeline *t, event_id i)
{
    const struct event *e = EVENT_AT(t, i);
    thread_id inside = timeline_task(t, fd_use(t, i).inside);
    return there(t, inside, e->ns) && inside != e->thread && t->threads[inside].process == e->process;
}

static bool common_lock(const struct turn *a, const struct turn *b)
{
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            if (a->held[i] && a->held[i] == b->held[k]) return true;
    return false;
}

/*
 * The turns of one connection so far, by direction: only as many as threads can
 * be in between.
 */
enum { KEPT = 32 };
struct turns {
    struct turn last[2][KEPT]; /* newest first */
};

static void add(struct turns *turns, unsigned direction, struct turn turn)
{
    memmove(&turns->last[direction][1], &turns->last[direction][0], (KEPT - 1) * sizeof turn);
    turns->last[direction][0] = turn;
}

/*
 * X begins to read now. Its last turn as a writer, then one of another writer
 * without a lock in common, and since the former X did not read.
 */
static bool crosses(const struct turns *turns, thread_id x)
{
    const struct turn *writer = turns->last[FT_FD_WRITES], *reader = turns->last[FT_FD_READS];
    size_t own = 0;
    while (own < KEPT && writer[own].ns != NEVER && writer[own].thread != x) own++;
    if (!own || own == KEPT || writer[own].ns == NEVER) return false;
    for (size_t i = 0; i < KEPT && reader[i].ns != NEVER; i++) {
        if (reader[i].thread == x) return false;
        if (reader[i].ns < writer[own].ns) break; /* who was the reader as X wrote */
    }
    for (size_t i = 0; i < own; i++)
        if (writer[i].known && writer[own].known && !common_lock(&writer[i], &writer[own])) return true;
    return false;
}

static struct seen look(const struct timeline *t, const event_id *events, size_t count)
{
    struct turns turns;
    struct seen seen = {.overlap = NONE, .crossing = NONE};
    uint32_t next_turn[2] = {0};
    for (size_t i = 0; i < 2 * KEPT; i++) turns.last[i / KEPT][i % KEPT] = (struct turn){.ns = NEVER};
    for (size_t i = 0; i < count; i++) {
        const struct event *e = EVENT_AT(t, events[i]);
        struct ft_fd_use r = fd_use(t, events[i]);
        unsigned direction = r.direction == FT_FD_WRITES;
        if (r.turn != next_turn[direction] + 1) /* turns in between were not told: begin anew */
            for (size_t k = 0; k < 2 * KEPT; k++) turns.last[k / KEPT][k % KEPT] = (struct turn){.ns = NEVER};
        next_turn[direction] = r.turn;
        if (turns.last[direction][0].ns == NEVER &&
            e->child != NONE) /* whose turn it was before: what he held we don't know */
            add(&turns, direction, (struct turn){.thread = e->child, .ns = t->threads[e->child].start});
        if (overlaps(t, events[i]) && !seen.overlaps++) seen.overlap = events[i];
        bool client = (r.flags & FT_FD_CONNECTED) && !(r.flags & FT_FD_POLLED);
        if (client && direction == FT_FD_READS && crosses(&turns, e->thread) && !seen.crossings++)
            seen.crossing = events[i];
        struct turn turn = {.thread = e->thread, .ns = e->ns, .known = true};
        memcpy(turn.held, r.held, sizeof turn.held);
        add(&turns, direction, turn);
    }
    return seen;
}

void find_fd_shared_by_threads(struct findings *f)
{
    const struct timeline *t = f->timeline;
    struct fd_uses u = fd_uses_of(f);
    char name[NAMES_TEXT], subject[NAMES_TEXT + 32];
    for (size_t i = 0, end; i < u.count; i = end) {
        end = fd_uses_end(t, &u, i);
        if (fd_use(t, u.list[i]).flags & FT_FD_EPOLL) continue;
        struct seen seen = look(t, u.list + i, end - i);
        if (!seen.overlaps && !seen.crossings) continue;
        const struct event *e = EVENT_AT(t, seen.overlaps ? seen.overlap : seen.crossing);
        if (*word_connection(name, t, u.list + i, end - i))
            snprintf(subject, sizeof subject, "%s", name);
        else
            snprintf(subject, sizeof subject, "a connection of %s", word_group(name, t, e->process));
        struct finding *x = finding_of(f, RULE_fd_shared_by_threads, subject);
        for (size_t k = i; k < end; k++) {
            const struct event *use = EVENT_AT(t, u.list[k]);
            if (use->process != e->process) continue;
            finding_process(f, x, use->process);
            finding_thread(f, x, use->thread);
            if (k < i + 16) finding_event(f, x, u.list[k]);
        }
        finding_event(f, x, seen.overlap);
        finding_event(f, x, seen.crossing);
    }
    fd_uses_free(&u);
}

/* An event that shows it; they are few, so it is found anew. */
static event_id overlap_in(const struct timeline *t, const struct finding *x)
{
    for (size_t i = 0; i < x->evidence.count; i++)
        if (EVENT_AT(t, x->evidence.list[i])->type == EVENT_FD_USE && overlaps(t, x->evidence.list[i]))
            return x->evidence.list[i];
    return NONE;
}

static void say_use(struct say *s, const struct timeline *t, event_id i)
{
    char name[NAMES_TEXT], place[NAMES_TEXT];
    const struct event *e = EVENT_AT(t, i);
    say(s, "`%s` began to %s", word_thread(name, t, e->thread),
        fd_use(t, i).direction == FT_FD_WRITES ? "write" : "read");
    if (*word_place(place, t, i)) say(s, " in %s", place);
}

void tell_fd_shared_by_threads(const struct timeline *t, struct finding *x, struct say *title,
                               struct say *why)
{
    char name[NAMES_TEXT];
    if (!x->processes.count || !x->evidence.count) return;
    event_id overlap = overlap_in(t, x), use = overlap;
    for (size_t i = 0; i < x->evidence.count && use == NONE; i++)
        if (fd_use(t, x->evidence.list[i]).direction == FT_FD_READS) use = x->evidence.list[i];
    if (use == NONE) use = x->evidence.list[0];
    say_threads(title, t, &x->threads);
    say(title, " of %s use one connection", word_process(name, t, x->processes.list[0]));
    if (strncmp(x->subject, "a connection", 12)) say(title, " to %s", x->subject);
    say(title, " at once, with no lock in common.");
    if (overlap != NONE) {
        say_use(why, t, overlap);
        say(why, " while `%s` was in the middle of the same.",
            word_thread(name, t, timeline_task(t, fd_use(t, overlap).inside)));
    } else {
        say(why, "One sent, another sent, and the first went on to read: ");
        say_use(why, t, use);
        say(why, ".");
    }
    say(why, " Who reads first gets the other's answer, or a part of it.");
}
