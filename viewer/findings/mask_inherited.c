/*
 * mask_inherited.c: mask-inherited: a program begins with signals blocked that
 * it never unblocks.
 */
#include <signal.h>

#include "find.h"

#define BIT(signal) (1ull << ((signal)-1))
/* Those a program counts on; others are blocked on purpose as often as not. */
#define COUNTED_ON                                                                                          \
    (BIT(SIGTERM) | BIT(SIGINT) | BIT(SIGHUP) | BIT(SIGQUIT) | BIT(SIGCHLD) | BIT(SIGALRM) | BIT(SIGUSR1) | \
     BIT(SIGUSR2))

/* It looks after its mask itself, or takes signals with sigwait: the mask is its own business. */
static bool touches_its_mask(const struct timeline *t, process_id p, size_t image)
{
    size_t count;
    const event_id *events = timeline_events_of(t, p, &count);
    for (size_t i = 0; i < count; i++)
        if (EVENT_AT(t, events[i])->type == EVENT_SIGMASK && EVENT_AT(t, events[i])->image == image)
            return true;
    return false;
}

void find_mask_inherited(struct findings *f)
{
    const struct timeline *t = f->timeline;
    char name[NAMES_TEXT];
    if (are_records_lost(t)) return; /* of what it did about its mask, perhaps */
    for (process_id p = 0; p < t->process_count; p++) {
        const struct process *process = &t->processes[p];
        if (process->origin == ORIGIN_ROOT || process->coverage != COVERAGE_FULL) continue;
        for (size_t i = process->image_inherited ? 1 : 0; i < process->image_count; i++) {
            int64_t end = i + 1 < process->image_count ? process->images[i + 1].start : process_end_ns(t, p);
            if (!(process->images[i].blocked & COUNTED_ON) || end - process->images[i].start < LIVES_ON)
                continue;
            if (touches_its_mask(t, p, i)) continue;
            struct finding *x = finding_of(f, RULE_mask_inherited, word_group(name, t, p));
            finding_process(f, x, p);
            finding_event(f, x, process->fork);
        }
    }
}

void tell_mask_inherited(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char signal[TEXT_SHORT], name[NAMES_TEXT];
    const struct process *p = &t->processes[x->processes.list[0]];
    uint64_t blocked = 0;
    for (size_t i = p->image_inherited ? 1 : 0; i < p->image_count && !blocked; i++)
        blocked = p->images[i].blocked & COUNTED_ON;
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title, " began with ");
    for (int s = 1, told = 0; s < 65; s++)
        if (blocked & BIT(s)) say(title, "%s%s", told++ ? ", " : "", text_signal(signal, s));
    say(title, " blocked and never unblocked %s.", blocked & (blocked - 1) ? "them" : "it");
    say(why, "The mask is that of the thread of %s that started it.", word_process(name, t, p->parent));
}
