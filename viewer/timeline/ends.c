/*
 * ends.c: how processes end: by their own word, by the word of who reaped
 * them, or unseen.
 */
#include <signal.h>
#include <sys/wait.h>

#include "build.h"

void process_end(struct build *b, process_id p, int64_t ns, enum process_end how, int value)
{
    struct process *process = &b->t->processes[p];
    process->end = ns;
    process->how = how;
    process->status = how == END_EXIT ? value : -1;
    process->signal = how == END_SIGNAL ? value : -1;
    b->processes[p].ended = true;
}

/* exit() has come to its end: the event of its call gets its duration. */
static void finish_exit(struct build *b, process_id p, int64_t ns)
{
    event_id asked = b->t->processes[p].exit;
    if (asked == NONE) return;
    struct event_about *e = event_about(b, asked);
    *event_more(b, asked) = (uint64_t)(ns - b->t->events[asked].ns);
    e->flags &= (uint8_t)~EVENT_UNFINISHED;
}

void ends_exit(struct build *b, const struct item *it)
{
    struct ft_exit record = FT_GET(exit, it->record);
    process_id p = process_of(b, it);
    bool very_end = record.api != FT_EXIT_exit;
    if (b->processes[p].end_told) return; /* the kernel's clock and ours differ by that much */
    if (very_end) finish_exit(b, p, it->ns);
    if (record.api != FT_EXIT_end || b->t->processes[p].exit == NONE) { /* "end" alone: main() returned */
        event_id e = event_add(b, it, EVENT_EXIT);
        if (!very_end) event_about(b, e)->flags |= EVENT_UNFINISHED;
        b->t->processes[p].exit = e;
    }
    if (very_end) process_end(b, p, it->ns, END_EXIT, record.status & 0xff);
}

/* A child nobody saw born is waited for: at least that is known of it. */
static process_id unseen(struct build *b, const struct item *it, uint32_t pid)
{
    thread_id reaper = task_of(b, it)->thread;
    struct birth birth = {.pid = pid, .creator = reaper, .ns = it->ns, .origin = ORIGIN_UNKNOWN};
    birth.fork = event_infer(b, it->ns, reaper, EVENT_FORK);
    return process_add(b, &birth);
}

static process_id reaped_child(struct build *b, const struct item *it, const struct ft_reap *record)
{
    thread_id reaper = task_of(b, it)->thread;
    if (record->api == FT_REAP_system || record->api == FT_REAP_pclose) {
        process_id p = hidden_reaped(b, reaper, record->api);
        if (p != NONE && record->pid > 0 && !b->t->processes[p].pid) process_pid(b, p, (uint32_t)record->pid);
        if (p != NONE) return p;
    }
    if (record->pid <= 0) return NONE;
    process_id p = process_latest(b, (uint32_t)record->pid);
    if (p != NONE && !b->processes[p].reaped) return p;
    p = hidden_take(b, b->t->threads[reaper].process, NONE, (uint32_t)record->pid);
    return p != NONE ? p : unseen(b, it, (uint32_t)record->pid);
}

/* Whoever started the run waited for its first process: `forktrace record` is no part of it. */
static process_id reaped_outside(struct build *b, const struct ft_reap *record)
{
    process_id p = record->pid > 0 ? process_latest(b, (uint32_t)record->pid) : NONE;
    return p != NONE && !b->processes[p].reaped ? p : NONE;
}

/* The status of a wait is the last word on how a process ended; when, it may have said itself. */
static void end_by_wait(struct build *b, process_id p, int64_t ns, int status)
{
    struct process *process = &b->t->processes[p];
    bool own_word = b->processes[p].ended;
    b->processes[p].reaped = true;
    if (own_word) ns = process->end;
    if (WIFEXITED(status))
        process_end(b, p, ns, END_EXIT, WEXITSTATUS(status));
    else
        process_end(b, p, ns, END_SIGNAL, WTERMSIG(status));
    process->end_inferred = !own_word;
}

void ends_reap(struct build *b, const struct item *it)
{
    struct ft_reap record = FT_GET(reap, it->record);
    bool outside = !it->record->task;
    process_id p = outside ? reaped_outside(b, &record) : reaped_child(b, it, &record);
    event_id e = outside ? NONE : event_add(b, it, EVENT_WAIT);
    if (!outside) event_about(b, e)->child = p;
    if (p == NONE || (!WIFEXITED(record.status) && !WIFSIGNALED(record.status))) return;
    b->t->processes[p].reap = e;
    b->t->processes[p].reaped_by = outside ? NONE : event_about(b, e)->process;
    end_by_wait(b, p, it->ns, record.status);
}

/* --- when everything has been read ------------------------------------------------------------ */

static void find_last_records(struct build *b)
{
    for (size_t i = 0; i < b->task_count; i++) {
        const struct task *task = &b->tasks[i];
        if (task->thread == NONE) continue;
        struct process_more *p = &b->processes[b->t->threads[task->thread].process];
        if (task->last > p->last_record) p->last_record = task->last;
    }
}

/* glibc's daemon() ends the parent by an inner _exit(0) that nobody sees. */
static void end_by_daemon(struct build *b, thread_id t)
{
    event_id fork = b->threads[t].daemon;
    process_id p = b->t->threads[t].process;
    if (fork == NONE || b->t->processes[p].how == END_SIGNAL || b->processes[p].end_told) return;
    int64_t ns = b->t->events[fork].ns;
    process_end(b, p, ns, END_EXIT, 0);
    b->t->processes[p].end_inferred = true;
    b->t->processes[p].exit = event_infer(b, ns, t, EVENT_EXIT);
}

/* SIGKILL cannot be caught: who was sent one, and whose end nobody saw, ended by it. */
static void end_by_sigkill(struct build *b)
{
    for (size_t i = 0; i < b->rare_count; i++) {
        const struct event *e = EVENT_AT(b->t, b->rare[i]);
        if (e->type != EVENT_KILL || !e->record || e->child == NONE || timeline_kill_thread(e)) continue;
        struct ft_kill record = FT_GET(kill, e->record);
        struct process *process = &b->t->processes[e->child];
        if (record.signal != SIGKILL || record.error || process->end != NEVER) continue;
        process_end(b, e->child, e->ns, END_SIGNAL, SIGKILL);
        process->end_inferred = true;
    }
}

static void end_unseen(struct build *b, process_id p)
{
    struct process *process = &b->t->processes[p];
    struct process_more *more = &b->processes[p];
    bool alive = !more->gone && process->pid && b->is_alive &&
                 b->is_alive(b->context, process->pid, process->start_ticks);
    if (alive) return;
    process_end(b, p, more->last_record, END_VANISHED, -1);
    process->end_inferred = true;
}

static void end_of_threads(struct build *b, process_id p)
{
    const struct process *process = &b->t->processes[p];
    if (process->end != NEVER) threads_end_all(b, p, NONE, process->end, THREAD_PROCESS_ENDED);
}

void ends_finish(struct build *b)
{
    struct timeline *t = b->t;
    find_last_records(b);
    for (thread_id i = 0; i < t->thread_count; i++) end_by_daemon(b, i);
    end_by_sigkill(b);
    for (process_id p = 0; p < t->process_count; p++) {
        struct process *process = &t->processes[p];
        coverage_decide(b, p);
        if (process->end == NEVER) end_unseen(b, p);
        /* Other threads may still have written while the process was leaving. */
        if (process->end != NEVER && process->end < b->processes[p].last_record && !b->processes[p].end_told)
            process->end = b->processes[p].last_record;
        end_of_threads(b, p);
    }
}
