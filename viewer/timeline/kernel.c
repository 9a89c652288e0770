/*
 * kernel.c: the kernel's word, and how it and the library's are told to be
 * about the same task, birth, image, end: one event, two witnesses, no doubles.
 *
 * The library announces a birth before the call, the kernel tells it during
 * the call, the child speaks after it: by time, the kernel's record finds the
 * announcement of its creator (thread_more.fork, .made) and gives it a pid and
 * a tid. What finds none is the kernel's alone. The same for exec and kill.
 *
 * What only the kernel saw becomes an event with a record as the library would
 * have written it: nobody else needs to know the difference.
 */
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "kernel.h"

static void is_told(struct build *b, const struct item *it, thread_id t, const struct ft_kernel_task *r)
{
    thread_tid(b, t, r->tid);
    b->threads[t].kernel = true;
    task_is(b, it->ref, t, b->threads[t].image);
    task_find(b, it->ref)->kernel = true;
}

/* --- births: threads -------------------------------------------------------------------------- */

static thread_id announced_thread(struct build *b, process_id p, thread_id creator, uint32_t tid)
{
    thread_id t = thread_by_tid(b, p, tid);
    if (t != NONE && b->threads[t].alive && !b->threads[t].kernel) return t;
    if (creator == NONE) return NONE;
    event_id e = b->threads[creator].create;
    b->threads[creator].create = NONE;
    if (e == NONE) return NONE;
    t = event_about(b, e)->child;
    if (t == NONE) return thread_announced(b, e); /* it never returned, or failed when the thread was made */
    return b->threads[t].kernel ? NONE : t;
}

static void thread_born(struct build *b, const struct item *it, const struct ft_kernel_task *r,
                        thread_id creator)
{
    process_id p = creator == NONE ? process_living(b, r->pid) : b->t->threads[creator].process;
    if (p == NONE) return;
    thread_id t = announced_thread(b, p, creator, r->tid);
    if (t == NONE) {
        t = thread_add(b, p, r->how == FT_KERNEL_BORN ? creator : NONE, r->tid, it->ns);
        b->threads[t].image = b->threads[b->t->processes[p].main].image;
        b->threads[t].started = true;
        b->t->threads[t].birth_lost = r->how != FT_KERNEL_BORN;
        if (r->how == FT_KERNEL_BORN && creator != NONE) {
            event_id e = kernel_event(
                b, it->ns, creator, EVENT_THREAD_CREATE,
                AS_RECORDED(b, thread_create, .head.type = FT_THREAD_CREATE, .origin = r->origin,
                            .start = r->function,
                            .api = r->call >> 8 == FT_KERNEL_CALL_THREAD ? r->call & 0xff : FT_THREAD_clone));
            event_about(b, e)->child = t;
            b->t->threads[t].start_routine = r->function;
            b->t->threads[t].created_at = r->origin.stack ? r->origin.stack : NONE;
            b->t->threads[t].create = e;
            b->threads[t].mask = b->threads[creator].mask;
        }
    }
    is_told(b, it, t, r);
}

/* --- births: processes ------------------------------------------------------------------------ */

/* The child of the call its creator is in, as far as the library has told. */
static process_id announced_process(struct build *b, const struct ft_kernel_task *r, thread_id creator)
{
    event_id e = creator == NONE ? NONE : b->threads[creator].fork;
    if (e == NONE) return NONE;
    b->threads[creator].fork = NONE;
    process_id p = event_about(b, e)->child;
    if (p == NONE) return hidden_take(b, event_about(b, e)->process, creator, r->pid);
    uint32_t pid = b->t->processes[p].pid;
    bool same = !pid || pid == r->pid || pid == r->outer_pid;
    return same && !b->processes[p].kernel ? p : NONE;
}

static struct ft_fork *as_forked(struct build *b, const struct ft_kernel_task *r, enum origin *origin)
{
    enum ft_fork_api api = r->flags & CLONE_VFORK               ? FT_FORK_vfork
                           : r->flags & CLONE_VM                ? FT_FORK_clone_vm
                           : r->exit_signal == (uint8_t)SIGCHLD ? FT_FORK_fork
                                                                : FT_FORK_clone;
    if (r->call >> 8 == FT_KERNEL_CALL_FORK) api = r->call & 0xff;
    *origin = api == FT_FORK_vfork ? ORIGIN_VFORK : api == FT_FORK_fork ? ORIGIN_FORK : ORIGIN_CLONE;
    return AS_RECORDED(b, fork, .head.type = FT_FORK, .api = api, .result = (int32_t)r->outer_pid,
                       .origin = r->origin);
}

static process_id new_process(struct build *b, const struct item *it, const struct ft_kernel_task *r,
                              thread_id creator)
{
    struct birth birth = {
        .pid = r->pid, .creator = creator, .fork = NONE, .origin = ORIGIN_UNKNOWN, .ns = it->ns};
    if (r->how == FT_KERNEL_ROOT) birth.origin = ORIGIN_ROOT;
    if (r->how == FT_KERNEL_BORN && creator != NONE) {
        struct ft_fork *fork = as_forked(b, r, &birth.origin);
        birth.fork = kernel_event(b, it->ns, creator, EVENT_FORK, fork);
        birth.image = true;
        birth.memory = !(r->flags & CLONE_VM);
    }
    process_id p = process_add(b, &birth);
    struct process_more *more = &b->processes[p];
    more->unannounced = r->how == FT_KERNEL_BORN;
    if (birth.image) { /* a copy of its parent */
        const struct process_more *from = &b->processes[b->t->threads[creator].process];
        more->why = from->why;
        more->image_told = from->image_told;
    }
    if (r->how == FT_KERNEL_FOUND) { /* the library does not join a run that is only looked at */
        more->image_told = true;
        more->forked = r->forked;
        b->t->processes[p].found = b->t->processes[p].birth_lost =
            b->t->threads[b->t->processes[p].main].birth_lost = true;
    }
    return p;
}

static void process_born(struct build *b, const struct item *it, const struct ft_kernel_task *r,
                         thread_id creator)
{
    process_id p = NONE;
    if (r->how == FT_KERNEL_BORN)
        p = announced_process(b, r, creator);
    else if (r->how == FT_KERNEL_FOUND && (p = process_living(b, r->pid)) != NONE && b->processes[p].kernel)
        p = NONE;
    if (p == NONE) p = new_process(b, it, r, creator);
    struct process *process = &b->t->processes[p];
    b->processes[p].kernel = true;
    process_pid(b, p, r->pid);
    process->start_ticks = r->start_ticks;
    if (r->how == FT_KERNEL_ROOT) process->origin = ORIGIN_ROOT;
    is_told(b, it, process->main, r);
}

void kernel_task(struct build *b, const struct item *it)
{
    struct ft_kernel_task r = FT_GET(kernel_task, it->record);
    thread_id creator = kernel_thread(b, it->record->task);
    if (r.flags & CLONE_THREAD)
        thread_born(b, it, &r, creator);
    else
        process_born(b, it, &r, creator);
}

/* --- images ----------------------------------------------------------------------------------- */

static void tell_exec(struct build *b, const struct item *it, process_id p, const struct ft_kernel_exec *r)
{
    event_id announced = b->processes[p].exec;
    b->processes[p].exec = NONE;
    /* the first image of the command, or one that libc's own posix_spawn or system() began: no call of the
     * program's */
    if (announced != NONE || !b->t->processes[p].image_count) return;
    struct ft_exec *exec = AS_RECORDED(b, exec, .head.type = FT_EXEC, .path = r->path);
    kernel_event(b, it->ns, b->t->processes[p].main, EVENT_EXEC, exec);
}

/* An image goes in which the library never spoke. */
static void leave_image(struct build *b, process_id p)
{
    struct process_more *more = &b->processes[p];
    struct process *process = &b->t->processes[p];
    if (!more->image_told || !process->image_count) return;
    more->was_blind = true;
    process->coverage_reason =
        build_format(b, "%s: an image of it only the kernel saw, %s: %s", ft_blind_name(more->why),
                     process->images[process->image_count - 1].exe, ft_blind_text(more->why));
}

void kernel_exec(struct build *b, const struct item *it)
{
    struct ft_kernel_exec r = FT_GET(kernel_exec, it->record);
    thread_id t = kernel_thread(b, it->record->task);
    if (t == NONE) return;
    process_id p = b->t->threads[t].process;
    thread_id main = b->t->processes[p].main;
    tell_exec(b, it, p, &r);
    leave_image(b, p);
    thread_revive(b, main); /* it may have ended before another thread, which now takes its place */
    threads_end_all(b, p, main, it->ns, THREAD_EXEC);
    struct image image = {.start = it->ns, .family = b->family_count++};
    image.exe = build_string(b, r.exe ? r.exe : r.path);
    image.argv = process_arguments(b, r.argv, &image.argc);
    process_image(b, p, image);
    signals_exec_unseen(b, p);
    b->threads[main].image = (uint16_t)(b->t->processes[p].image_count - 1);
    task_is(b, it->record->task, main, b->threads[main].image);
    b->processes[p].image_told = true;
    struct process_more *more = &b->processes[p];
    more->partly = NULL;
    more->why = r.why ? r.why : more->blind.why; /* the library may have said so before */
    more->blind.why = 0;
}

/* Calls the library tells of itself: the kernel told of them before it was known that the library is in
 * there. */
bool kernel_may_tell(struct build *b, const struct item *it)
{
    const struct task *task = &b->tasks[it->task];
    if (!task->kernel || task->thread == NONE) return true;
    return b->processes[b->t->threads[task->thread].process].image_told;
}

/* --- ends ------------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path;
}

/* A thread the library is not in: what the kernel calls it, unless that is just the program's name. */
static void name_thread(struct build *b, thread_id t, const char name[16])
{
    struct thread *thread = &b->t->threads[t];
    const struct process *p = &b->t->processes[thread->process];
    if (thread->name || thread->is_main ||
        (b->processes[thread->process].spoke && !b->processes[thread->process].image_told))
        return;
    const char *program = p->image_count ? base_name(p->images[p->image_count - 1].exe) : NULL;
    size_t length = strnlen(name, 16);
    if (!length || (program && !strncmp(program, name, length))) return;
    thread->name = build_text(b, name, length);
}

static void end_thread(struct build *b, const struct item *it, thread_id t, const struct ft_kernel_exit *r)
{
    struct thread *thread = &b->t->threads[t];
    /* the scheduler counts by its ticks: what the thread itself said may be more, and nothing means not known
     */
    if (r->cpu_ns && r->cpu_ns <= INT64_MAX && (int64_t)r->cpu_ns > thread->cpu_ns)
        thread->cpu_ns = (int64_t)r->cpu_ns;
    if (r->how == FT_KERNEL_END_EXEC) return; /* the exec itself ends it */
    if (!b->threads[t].alive) {
        thread->end = it->ns; /* it had said so, a moment before */
        return;
    }
    bool alone = r->how == FT_KERNEL_END_ITSELF && !r->last;
    thread_end(b, t, it->ns, alone ? THREAD_EXITED : THREAD_PROCESS_ENDED);
    if (alone)
        kernel_event(b, it->ns, t, EVENT_THREAD_END,
                     AS_RECORDED(b, thread_end, .head.type = FT_THREAD_END, .cpu_ns = r->cpu_ns));
}

static void end_process(struct build *b, const struct item *it, process_id p, const struct ft_kernel_exit *r)
{
    struct process *process = &b->t->processes[p];
    bool exited = WIFEXITED(r->status);
    int value = exited ? WEXITSTATUS(r->status) : WTERMSIG(r->status);
    if (exited && process->exit == NONE) {
        struct ft_exit *exit =
            AS_RECORDED(b, exit, .head.type = FT_EXIT, .api = FT_EXIT__exit, .status = value);
        event_id e = kernel_event(b, it->ns, process->main, EVENT_EXIT, exit);
        b->t->processes[p].exit = e;
    }
    if (!exited) kernel_ended_by(b, it, p, value);
    process_end(b, p, it->ns, exited ? END_EXIT : END_SIGNAL, value);
    b->t->processes[p].end_inferred = false;
    b->processes[p].end_told = true;
}

void kernel_exit(struct build *b, const struct item *it)
{
    struct ft_kernel_exit r = FT_GET(kernel_exit, it->record);
    thread_id t = kernel_thread(b, it->record->task);
    if (t == NONE) return;
    name_thread(b, t, r.name);
    end_thread(b, it, t, &r);
    if (r.last) b->t->processes[b->t->threads[t].process].out_of_memory = r.out_of_memory;
    if (r.last) end_process(b, it, b->t->threads[t].process, &r);
}

/* --- the view itself -------------------------------------------------------------------------- */

void kernel_view(struct build *b, const struct item *it)
{
    struct ft_kernel_view r = FT_GET(kernel_view, it->record);
    b->t->kernel_view = r.what == FT_KERNEL_VIEW_END ? KERNEL_VIEW_WHOLE : KERNEL_VIEW_OPEN;
}

/* Whether the kernel answers for what the library did not see of a process; then it says why. */
bool kernel_covers(struct build *b, process_id p)
{
    struct process *process = &b->t->processes[p];
    struct process_more *more = &b->processes[p];
    if (!more->kernel) return false;
    bool silent = !more->spoke || more->image_told;
    if (!silent && !more->was_blind) return true;
    /* the library was in it, copied or lent, and would have told of anything it did: it did nothing */
    if (!more->image_told && !more->unannounced && !more->was_blind && more->end_told) return true;
    process->coverage = COVERAGE_KERNEL_ONLY;
    if (!silent) return true; /* an earlier image: its reason stands */
    unsigned why = more->why ? more->why : more->unannounced && !more->image_told ? FT_BLIND_RAW_CLONE : 0;
    process->coverage_reason = why ? build_format(b, "%s: %s", ft_blind_name(why), ft_blind_text(why))
                                   : "unknown: the library wrote nothing in it: it was just starting, ended "
                                     "while it was loading, or "
                                     "turned recording off";
    if (more->partly) /* what of the watches is not seen there */
        process->coverage_reason = build_format(b, "%s; %s", process->coverage_reason, more->partly);
    return true;
}
