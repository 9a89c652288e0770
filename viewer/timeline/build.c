/*
 * build.c: from records to the model: collect them, order them by time, show
 * each to the file of its family, and draw conclusions when all have been seen.
 */
#include <stdlib.h>

#include "build.h"

/* --- collecting ------------------------------------------------------------------------------- */

static bool is_definition(unsigned type)
{
    return type == FT_STRING || type == FT_STACK || type == FT_CLOCK || type == FT_PY_FUNCTION ||
           type == FT_PY_STACK;
}

static void task_spoke(struct build *b, ft_ref ref, uint64_t counter)
{
    uint32_t index = task_index(b, ref); /* may move the tasks */
    struct task *task = &b->tasks[index];
    task->spoke = true;
    if (counter > task->counter) task->counter = counter;
}

static int collect(void *context, const struct ft_head *record, ft_ref ref)
{
    struct build *b = context;
    task_spoke(b, record->task, record->time);
    if (record->type == FT_THREAD_START && record->task != ref) { /* for ghosts.c */
        struct ft_thread_start start = FT_GET(thread_start, record);
        build_map_put(b, &b->starts, start.pid, start.tid, 1);
    }
    if (!is_definition(record->type)) order_add(b, record, ref);
    return 0;
}

/* A page of events, by what is known of it. */
static int collect_page(void *context, const struct ft_page *page, ft_ref first, const struct ft_summary *s)
{
    order_add_page(context, page, first, s);
    return 0;
}

static void collect_all(struct build *b)
{
    size_t count;
    ft_reader_each_page(b->t->reader, collect, collect_page, b);
    const struct ft_voice *voices = ft_reader_voices(b->t->reader, &count);
    for (size_t i = 0; i < count; i++) task_spoke(b, voices[i].task, voices[i].latest);
}

static int64_t since(int64_t ns, int64_t origin)
{
    int64_t difference;
    return __builtin_sub_overflow(ns, origin, &difference) ? INT64_MAX : difference;
}

static void set_clock(struct build *b)
{
    struct timeline *t = b->t;
    int64_t first = t->origin = order_start(b);
    for (size_t i = 0; i < b->task_count; i++) {
        struct task *task = &b->tasks[i];
        if (!task->spoke) continue;
        int64_t written = ft_reader_ns(t->reader, task->counter);
        task->last = written < first ? 0 : since(written, first);
        if (task->last > t->end) t->end = task->last;
    }
    const struct ft_header *header = t->reader->header;
    t->realtime = (int64_t)(header->realtime0 + ((uint64_t)first - header->monotonic0));
}

/* --- showing ---------------------------------------------------------------------------------- */

#define EVENT_ONLY(name, type) \
    static void name(struct build *b, const struct item *it) { event_add(b, it, EVENT_##type); }
EVENT_ONLY(session, SESSION)
EVENT_ONLY(cred, CREDENTIALS)
EVENT_ONLY(atfork, ATFORK)
EVENT_ONLY(bind, BIND)
EVENT_ONLY(unsafe_call, UNSAFE_CALL)

/* A record of an unknown type (a newer writer's) is left alone. */
static void (*const families[])(struct build *, const struct item *) = {
    [FT_OBJECT] = objects_object,
    [FT_SITE] = objects_site,
    [FT_NOTE] = coverage_note,
    [FT_PROCESS] = processes_process,
    [FT_FORK] = processes_fork,
    [FT_CHILD] = processes_child,
    [FT_EXEC] = processes_exec,
    [FT_EXEC_FAILED] = processes_exec_failed,
    [FT_EXIT] = ends_exit,
    [FT_REAP] = ends_reap,
    [FT_SESSION] = session,
    [FT_CRED] = cred,
    [FT_THREAD_CREATE] = threads_create,
    [FT_THREAD_START] = threads_start,
    [FT_THREAD_END] = threads_finish,
    [FT_THREAD_OP] = threads_op,
    [FT_THREAD_NAME] = threads_name,
    [FT_UNSEEN_THREADS] = ghosts_unseen,
    [FT_ATFORK] = atfork,
    [FT_HELD] = waits_held,
    [FT_SIGACTION] = signals_sigaction,
    [FT_SIGMASK] = signals_sigmask,
    [FT_KILL] = signals_kill,
    [FT_WAIT] = waits_wait,
    [FT_WAIT_SLOT] = waits_slot,
    [FT_BIND] = bind,
    [FT_PY_THREAD] = python_thread,
    [FT_PY_GLOBAL] = globals_slot,
    [FT_PY_VALUE] = globals_value,
    [FT_PY_WRITE] = globals_write,
    [FT_PY_WRITES] = globals_write,
    [FT_PY_THREADS] = ghosts_believed,
    [FT_C_GLOBAL] = watched_global,
    [FT_C_SITES] = watched_sites,
    [FT_C_WRITE] = watched_write,
    [FT_C_WRITES] = watched_writes,
    [FT_C_VALUE] = watched_told,
    [FT_C_WATCH] = watched_watch,
    [FT_C_TRAP] = watched_trap,
    [FT_C_HARDWARE] = watched_hardware,
    [FT_C_PICTURE] = discovered_picture,
    [FT_C_SAMPLE] = watched_told,
    [FT_C_COMMON] = watched_common,
    [FT_BLIND] = coverage_blind,
    [FT_STDIO] = processes_stdio,
    [FT_UNSAFE_CALL] = unsafe_call,
    [FT_NO_CHILD] = processes_no_child,
    [FT_KERNEL_TASK] = kernel_task,
    [FT_KERNEL_EXEC] = kernel_exec,
    [FT_KERNEL_EXIT] = kernel_exit,
    [FT_KERNEL_KILL] = kernel_kill,
    [FT_KERNEL_SIGNAL] = kernel_signal,
    [FT_KERNEL_VIEW] = kernel_view,
    [FT_GREENLET] = greenlets_seen,
    [FT_GREENLETS] = greenlets_picture,
    [FT_GREENLET_RUN] = greenlets_run,
    [FT_GREENLET_SLOT] = greenlets_slot,
    [FT_FD_USE] = processes_fd_use,
    [FT_PY_CHANGE] = globals_change,
    [FT_PY_PICTURE] = globals_picture,
};

static bool is_kernels(const struct build *b, const struct item *it)
{
    unsigned type = it->record->type;
    return (type >= FT_KERNEL_TASK && type <= FT_KERNEL_VIEW) || b->tasks[it->task].kernel;
}

static void show(struct build *b, const struct item *it)
{
    unsigned type = it->record->type;
    if (type >= sizeof families / sizeof *families || !families[type]) return;
    if (type < FT_KERNEL_TASK && !kernel_may_tell(b, it)) return;
    families[type](b, it);
    if (is_kernels(b, it)) return;
    thread_id thread = b->tasks[it->task].thread;
    b->t->by_library |= thread != NONE;
    if (thread != NONE) b->processes[b->t->threads[thread].process].spoke = true;
}

/* --- concluding ------------------------------------------------------------------------------- */

static bool still_runs(const struct build *b)
{
    for (size_t i = 0; i < b->t->process_count; i++)
        if (b->t->processes[i].end == NEVER) return true;
    return false;
}

static bool is_complete(const struct build *b)
{
    const struct ft_reader *r = b->t->reader;
    for (unsigned reason = 0; reason < FT_LOST_COUNT; reason++)
        if (ft_reader_lost(r, (enum ft_lost)reason)) return false;
    for (size_t i = 0; i < b->t->process_count; i++)
        if (b->t->processes[i].coverage != COVERAGE_FULL || b->t->processes[i].birth_lost) return false;
    if (b->t->kernel_view == KERNEL_VIEW_OPEN && !still_runs(b)) return false; /* that witness was killed */
    return !r->truncated && !r->torn && !b->left_out;
}

static void conclude(struct build *b)
{
    hidden_finish(b);
    b->in_order = b->t->event_count;
    ends_finish(b);
    kernel_finish(b);
    objects_finish(b);
    globals_finish(b);
    locks_finish(b);
    events_finish(b);
    binds_finish(b);
    roles_assign(b);
    b->t->complete = is_complete(b);
    order_free(b);
}

static bool build(struct build *b)
{
    if (setjmp(b->no_memory)) return false;
    collect_all(b); /* the reader holds nothing that a jump out of it could lose */
    set_clock(b);
    for (const struct item *it; (it = order_next(b));) show(b, it);
    conclude(b);
    ft_reader_forget(b->t->reader);
    return true;
}

struct timeline *timeline_build(struct ft_reader *reader, timeline_alive *alive, void *context,
                                const struct timeline_files *files)
{
    struct build *b = calloc(1, sizeof *b);
    struct timeline *t = calloc(1, sizeof *t);
    if (!b || !t) {
        free(b), free(t);
        return NULL;
    }
    *t = (struct timeline){.reader = reader, .private = b};
    b->t = t;
    b->is_alive = alive;
    b->context = context;
    b->files = files;
    if (build(b)) return t;
    build_free(b);
    return NULL;
}

void timeline_free(struct timeline *t)
{
    if (t) build_free(build_of(t));
}

uint64_t timeline_left_out(const struct timeline *t) { return build_of(t)->left_out; }
