/*
 * children.c: what becomes of children: zombie, orphan, unseen-child.
 */
#include <signal.h>
#include <string.h>

#include "find.h"

#define DEAD_LONG    (50 * MS)
#define OUTLIVED     (1000 * MS)
#define MANY_ZOMBIES 3
#define ROTTEN       (10000 * MS)

/* --- zombie ----------------------------------------------------------------------------------- */

static bool reaps_by_itself(const struct timeline *t, process_id parent, int64_t ns)
{
    struct disposition d = timeline_disposition(t, parent, SIGCHLD, ns);
    if (d.kind == DISPOSITION_IGNORE) return true;
    return d.event != NONE && EVENT_AT(t, d.event)->record &&
           (FT_GET(sigaction, EVENT_AT(t, d.event)->record).flags & SA_NOCLDWAIT);
}

void find_zombie(struct findings *f)
{
    const struct timeline *t = f->timeline;
    char name[NAMES_TEXT];
    if (are_records_lost(t)) return; /* of a wait, or of SIGCHLD being ignored, perhaps */
    for (process_id p = 0; p < t->process_count; p++) {
        const struct process *child = &t->processes[p];
        if (child->parent == NONE || child->reap != NONE || child->reaped_by != NONE) continue;
        if (child->how != END_EXIT || child->end_inferred) continue; /* dead by its own word */
        const struct process *parent = &t->processes[child->parent];
        int64_t waited = process_end_ns(t, child->parent) - child->end;
        if (parent->coverage != COVERAGE_FULL || parent->how == END_VANISHED || waited < DEAD_LONG) continue;
        if (reaps_by_itself(t, child->parent, child->end)) continue;
        struct finding *x = finding_of(f, RULE_zombie, word_group(name, t, child->parent));
        finding_process(f, x, child->parent);
        finding_process(f, x, p);
        finding_event(f, x, child->fork);
        finding_event(f, x, child->exit);
        if (waited >= ROTTEN || x->processes.count > MANY_ZOMBIES) finding_worse(x, SEVERITY_WARNING);
    }
}

void tell_zombie(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char place[NAMES_TEXT];
    uint32_t children[64];
    size_t count = 0;
    process_id parent = NONE;
    for (size_t i = 0; i < x->processes.count; i++) {
        const struct process *dead = &t->processes[x->processes.list[i]];
        process_id up = dead->parent;
        if (up != NONE && dead->reap == NONE && dead->how == END_EXIT &&
            !strcmp(word_group(place, t, up), x->subject)) {
            if (count < 64) children[count++] = x->processes.list[i];
            parent = up;
        }
    }
    if (!count || parent == NONE) return;
    say(title, "%s did not wait for ", x->subject);
    say_processes(title, t, children, count);
    say(title, ", which %s ended: %s.", count == 1 ? "has" : "have", count == 1 ? "a zombie" : "zombies");
    const struct process *child = &t->processes[children[0]];
    say(why, "It had been dead for ");
    say_duration(why, process_end_ns(t, parent) - child->end);
    say(why, t->processes[parent].end == NEVER ? " at the end of the trace" : " when its parent ended");
    if (child->fork != NONE && *word_place(place, t, child->fork)) say(why, "; it was made in %s", place);
    say(why, ".");
}

/* --- orphan ----------------------------------------------------------------------------------- */

static bool has_own_session(const struct timeline *t, process_id p)
{
    size_t count;
    const event_id *events = timeline_events_of(t, p, &count);
    for (size_t i = 0; i < count; i++) {
        const struct event *e = EVENT_AT(t, events[i]);
        if (e->type == EVENT_SESSION && e->record && FT_GET(session, e->record).api == FT_SESSION_setsid)
            return true;
    }
    return false;
}

void find_orphan(struct findings *f)
{
    const struct timeline *t = f->timeline;
    char name[NAMES_TEXT];
    for (process_id p = 0; p < t->process_count; p++) {
        const struct process *child = &t->processes[p];
        if (child->parent == NONE || child->coverage != COVERAGE_FULL || child->how == END_VANISHED) continue;
        const struct process *parent = &t->processes[child->parent];
        if (parent->end == NEVER || child->start > parent->end) continue;
        if (process_end_ns(t, p) - parent->end < OUTLIVED) continue;
        struct finding *x = finding_of(f, RULE_orphan, word_group(name, t, p));
        /* A worker whose master was killed works on, and nobody supervises it. */
        if (parent->how == END_SIGNAL && child->image_inherited && child->image_count < 2 &&
            !has_own_session(t, p))
            finding_worse(x, SEVERITY_WARNING);
        finding_process(f, x, p);
        finding_event(f, x, child->fork);
        finding_event(f, x, parent->exit);
    }
}

void tell_orphan(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char name[NAMES_TEXT], end[TEXT_SHORT], place[NAMES_TEXT];
    process_id p = x->processes.list[0];
    const struct process *parent = &t->processes[t->processes[p].parent];
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title, " outlived %s, which %s%s", word_process(name, t, t->processes[p].parent),
        parent->how == END_SIGNAL ? "was " : "", text_end(end, parent));
    if (parent->killed_by != NONE) say(title, " from %s", word_sender(name, t, parent->killed_by));
    say(title, has_own_session(t, p) ? "; it made itself a daemon (setsid)." : ".");
    say(why, "It went on for ");
    say_duration(why, process_end_ns(t, p) - parent->end);
    if (t->processes[p].fork != NONE && *word_place(place, t, t->processes[p].fork))
        say(why, "; it was made in %s", place);
    say(why, ".");
}

/* --- unseen-child ----------------------------------------------------------------------------- */

static const char *program(const struct process *p)
{
    const char *exe = p->image_count ? p->images[p->image_count - 1].exe : NULL;
    const char *slash = exe ? strrchr(exe, '/') : NULL;
    return slash && slash[1] ? slash + 1 : exe ? exe : "an unknown program";
}

void find_unseen_child(struct findings *f)
{
    const struct timeline *t = f->timeline;
    char name[NAMES_TEXT];
    for (process_id p = 0; p < t->process_count; p++) {
        const struct process *child = &t->processes[p];
        if (child->coverage == COVERAGE_FULL) continue;
        text_escape(name, sizeof name, program(child), strlen(program(child)));
        struct finding *x = finding_of(f, RULE_unseen_child, name);
        finding_process(f, x, p);
        finding_event(f, x, child->fork);
    }
}

void tell_unseen_child(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char name[NAMES_TEXT];
    const struct process *p = &t->processes[x->processes.list[0]];
    const char *reason = p->coverage_reason ? p->coverage_reason : "unknown";
    say(title, "%zu process%s could not be watched (%.*s): %s, started by %s.", x->processes.count,
        x->processes.count == 1 ? "" : "es", (int)strcspn(reason, ":"), reason, x->subject,
        word_process(name, t, p->parent));
    text_escape(name, sizeof name, reason, strlen(reason));
    say(why, "%s.", name);
}
