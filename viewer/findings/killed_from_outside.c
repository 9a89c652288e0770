/*
 * killed_from_outside.c: killed-from-outside: a process ended by a SIGKILL that
 * nobody of the run sent: the kernel, for want of memory or of CPU time, a
 * supervisor, a person.
 *
 * The kernel's word (record --ebpf) tells who it was. Without it only the
 * absence of a sender is known, and that only if the library was everywhere.
 */
#include <signal.h>

#include "find.h"

static bool sent_kill(const struct timeline *t, const struct event *e, process_id p)
{
    struct ft_kill r = FT_GET(kill, e->record);
    if (r.signal != SIGKILL) return false;
    if (e->child == NONE)
        return r.api == FT_KILL_killpg || r.target <= 0 || (uint64_t)r.target == t->processes[p].pid;
    return (timeline_kill_thread(e) ? t->threads[e->child].process : e->child) == p;
}

static bool somebody_did(const struct timeline *t, process_id p)
{
    size_t count;
    const event_id *kills = timeline_events_of_type(t, EVENT_KILL, &count);
    for (size_t i = 0; i < count; i++)
        if (EVENT_AT(t, kills[i])->record && sent_kill(t, EVENT_AT(t, kills[i]), p)) return true;
    return false;
}

static bool library_everywhere(const struct timeline *t)
{
    for (process_id p = 0; p < t->process_count; p++)
        if (t->processes[p].coverage != COVERAGE_FULL) return false;
    return true;
}

static bool by_outside(const struct timeline *t, process_id p, bool everywhere)
{
    const struct process *process = &t->processes[p];
    if (process->how != END_SIGNAL || process->signal != SIGKILL) return false;
    if (process->killed_by != NONE)
        return timeline_sender(t, EVENT_AT(t, process->killed_by)).process == NONE || process->out_of_memory;
    return t->kernel_view == KERNEL_VIEW_NONE && everywhere && !somebody_did(t, p);
}

void find_killed_from_outside(struct findings *f)
{
    const struct timeline *t = f->timeline;
    bool everywhere = library_everywhere(t);
    char name[NAMES_TEXT];
    for (process_id p = 0; p < t->process_count; p++) {
        if (!by_outside(t, p, everywhere)) continue;
        const struct process *process = &t->processes[p];
        struct finding *x = finding_of(f, RULE_killed_from_outside, word_group(name, t, p));
        if (!x->processes.count) x->severity = SEVERITY_NOTE;
        finding_worse(x, process->out_of_memory       ? SEVERITY_ERROR
                         : process->killed_by != NONE ? SEVERITY_WARNING
                                                      : SEVERITY_NOTE);
        finding_process(f, x, p);
        finding_event(f, x, process->fork);
        finding_event(f, x, process->killed_by);
        finding_event(f, x, process->reap);
    }
}

void tell_killed_from_outside(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char name[NAMES_TEXT], time[TEXT_SHORT], place[NAMES_TEXT];
    process_id p = x->processes.list[0];
    for (size_t i = 0; i < x->processes.count && !t->processes[p].out_of_memory; i++)
        if (t->processes[x->processes.list[i]].out_of_memory) p = x->processes.list[i];
    const struct process *process = &t->processes[p];
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title, x->processes.count == 1 ? " was" : " were");
    if (process->out_of_memory)
        say(title, " killed by the kernel: out of memory.");
    else if (process->killed_by != NONE)
        say(title, " killed by SIGKILL from %s, not of this run.", word_sender(name, t, process->killed_by));
    else
        say(title, " killed by SIGKILL, which nobody in this run sent.");
    say(why, "%s ended at %s", word_process(name, t, p), text_time(time, process->end));
    if (process->fork != NONE && *word_place(place, t, process->fork)) say(why, "; it was made in %s", place);
    say(why, ".");
    if (process->killed_by == NONE)
        say(why, " The kernel (out of memory, a limit of CPU time) or somebody outside did it: record --ebpf "
                 "tells "
                 "who; without, the kernel's log may (dmesg, journalctl -k).");
    else if (!process->out_of_memory && timeline_sender(t, EVENT_AT(t, process->killed_by)).code > 0)
        say(why,
            " The kernel kills so for a limit of CPU time (RLIMIT_CPU), and all of a pid namespace when its "
            "first process ends.");
}
