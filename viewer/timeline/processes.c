/*
 * processes.c: how processes begin: forks, first words of children, and the
 * birth certificates of images.
 */
#include <string.h>

#include "build.h"

void process_image(struct build *b, process_id p, struct image image)
{
    struct process *process = &b->t->processes[p];
    process->images = build_grow(b, process->images, process->image_count, sizeof image);
    process->images[process->image_count++] = image;
}

static unsigned generation(const struct process *p)
{
    return p->image_count ? (unsigned)p->image_count - 1 : 0;
}

static void inherit(struct build *b, process_id p, process_id parent, const struct birth *birth)
{
    const struct process *from = &b->t->processes[parent];
    if (birth->image && from->image_count) {
        struct image image = from->images[from->image_count - 1];
        image.start = birth->ns;
        image.blocked = image.ignored = 0;
        process_image(b, p, image);
        b->t->processes[p].image_inherited = true;
    }
    b->processes[p].copied = birth->image;
    if (birth->image)
        b->processes[p].family =
            from->image_count ? from->images[from->image_count - 1].family : b->processes[parent].family;
    signals_inherit(b, p, parent);
    struct timeline *t = b->t;
    thread_id main = t->processes[p].main, creator = birth->creator;
    b->threads[main].mask = t->processes[p].mask_at_birth = b->threads[creator].mask;
    if (!birth->image) return;
    coverage_inherit(b, p, parent);
    t->threads[main].name = t->threads[creator].name;
    if (b->threads[creator].pthread) thread_pthread(b, main, b->threads[creator].pthread);
}

process_id process_add(struct build *b, const struct birth *birth)
{
    struct timeline *t = b->t;
    process_id p = (process_id)t->process_count;
    thread_id creator = birth->creator;
    process_id parent = creator == NONE ? NONE : t->threads[creator].process;
    t->processes = build_grow(b, t->processes, p, sizeof *t->processes);
    b->processes = build_grow(b, b->processes, p, sizeof *b->processes);
    t->processes[p] = (struct process){
        .ppid = parent == NONE ? birth->ppid : t->processes[parent].pid,
        .parent = parent,
        .created_by = creator,
        .main = NONE,
        .fork = birth->fork,
        .origin = birth->origin,
        .borrows_memory = birth->image && !birth->memory,
        .start = birth->ns,
        .end = NEVER,
        .how = END_RUNNING,
        .status = -1,
        .signal = -1,
        .exit = NONE,
        .reaped_by = NONE,
        .reap = NONE,
        .killed_by = NONE,
    };
    b->processes[p] = (struct process_more){.family = b->family_count++,
                                            .first = NONE,
                                            .last = NONE,
                                            .alive = NONE,
                                            .greenlets = NONE,
                                            .hidden = NONE,
                                            .exec = NONE,
                                            .popen = NONE,
                                            .signal = NONE,
                                            .last_record = birth->ns,
                                            .looked = NEVER};
    t->process_count++;
    if (birth->pid) process_pid(b, p, birth->pid);
    thread_id main = thread_add(b, p, creator, birth->pid, birth->ns);
    t->processes[p].main = main;
    t->threads[main].is_main = true;
    b->threads[main].started = true;
    if (parent != NONE) inherit(b, p, parent, birth);
    if (birth->memory && parent != NONE) ghosts_at_fork(b, p, creator, birth->fork);
    if (birth->fork != NONE) event_about(b, birth->fork)->child = p;
    coverage_born(b, p);
    return p;
}

process_id process_latest(struct build *b, uint32_t pid)
{
    uint32_t *known = pid ? map_get(&b->by_pid, pid, 0) : NULL;
    return known ? *known : NONE;
}

process_id process_living(struct build *b, uint32_t pid)
{
    process_id p = process_latest(b, pid);
    if (p == NONE || b->processes[p].ended || b->processes[p].reaped) return NONE;
    return p;
}

/* The pid of a process has become known. If an older one had it, that one must have ended. */
void process_pid(struct build *b, process_id p, uint32_t pid)
{
    process_id before = process_latest(b, pid);
    if (before == p) return;
    if (before != NONE) b->processes[before].gone = true;
    b->t->processes[p].pid = pid;
    build_map_put(b, &b->by_pid, pid, 0, p);
}

/* --- forks ---------------------------------------------------------------------------------- */

/* clang-format off */
static const struct {
    enum origin origin;
    bool image, memory, hidden; /* see struct birth; hidden: libc does not tell us the child's pid */
} kinds[] = {
    [0]                  = {ORIGIN_UNKNOWN,     true,  true,  false},
    [FT_FORK_fork]       = {ORIGIN_FORK,        true,  true,  false},
    [FT_FORK_vfork]      = {ORIGIN_VFORK,       true,  false, false},
    [FT_FORK_clone]      = {ORIGIN_CLONE,       true,  true,  false},
    [FT_FORK_posix_spawn]= {ORIGIN_POSIX_SPAWN, false, false, false},
    [FT_FORK_system]     = {ORIGIN_SYSTEM,      false, false, true},
    [FT_FORK_popen]      = {ORIGIN_POPEN,       false, false, true},
    [FT_FORK_daemon]     = {ORIGIN_FORK,        true,  true,  false},
    [FT_FORK_forkpty]    = {ORIGIN_FORK,        true,  true,  false},
    [FT_FORK__Fork]      = {ORIGIN_FORK,        true,  true,  false},
    [FT_FORK_clone_vm]   = {ORIGIN_CLONE,       true,  false, false},
};
/* clang-format on */

struct birth process_kind(unsigned api, bool *hidden)
{
    if (api >= sizeof kinds / sizeof *kinds) api = 0;
    *hidden = kinds[api].hidden;
    return (struct birth){
        .origin = kinds[api].origin, .image = kinds[api].image, .memory = kinds[api].memory};
}

void processes_fork(struct build *b, const struct item *it)
{
    struct ft_fork fork = FT_GET(fork, it->record);
    event_id e = event_add(b, it, EVENT_FORK);
    if (fork.result < 0) return;
    b->threads[event_about(b, e)->thread].fork = e;
    bool hidden;
    struct birth birth = process_kind(fork.api, &hidden);
    struct task *child = task_find(b, it->ref);
    bool spoke = child && child->last != INT64_MIN;
    if (hidden) hidden_note(b, e, fork.api);
    if (!spoke && fork.result <= 1) { /* an image may appear for it, or nothing ever */
        hidden_add(b, e);
        return;
    }
    birth.pid = fork.result > 1 ? (uint32_t)fork.result : 0; /* 1: libc did not tell */
    birth.creator = event_about(b, e)->thread;
    birth.fork = e;
    birth.ns = it->ns;
    process_id p = process_add(b, &birth);
    task_is(b, it->ref, b->t->processes[p].main, 0);
    if (fork.api == FT_FORK_daemon) b->threads[birth.creator].daemon = e;
}

void processes_child(struct build *b, const struct item *it)
{
    struct ft_child child = FT_GET(child, it->record);
    struct task *task = task_of(b, it);
    thread_id t = task->thread;
    process_id p = b->t->threads[t].process;
    process_pid(b, p, child.pid);
    thread_tid(b, t, child.tid);
    thread_id forker = b->t->processes[p].created_by; /* whose descriptor is copied with the rest */
    if (forker != NONE) thread_pthread(b, t, b->threads[forker].pthread);
}

/* --- images --------------------------------------------------------------------------------- */

const char **process_arguments(struct build *b, ft_ref ref, size_t *count)
{
    size_t length;
    bool cut;
    static const char *none[] = {NULL};
    *count = 0;
    if (!ref || !ft_reader_find(b->t->reader, ref, FT_STRING)) return none;
    const char *bytes = ft_reader_string(b->t->reader, ref, &length, &cut);
    char *text = build_text(b, bytes, length);
    size_t n = 0;
    for (size_t i = 0; i < length; i += strlen(text + i) + 1) n++;
    const char **argv = build_alloc(b, (n + 1) * sizeof *argv);
    for (size_t i = 0; i < length; i += strlen(text + i) + 1) argv[(*count)++] = text + i;
    return argv;
}

static struct image image_of(struct build *b, const struct ft_process *record, int64_t ns)
{
    struct image image = {
        .start = ns, .family = b->family_count++, .blocked = record->blocked, .ignored = record->ignored};
    image.exe = build_string(b, record->exe);
    image.argv = process_arguments(b, record->argv, &image.argc);
    image.cwd = build_string(b, record->cwd);
    return image;
}

static process_id unseen_child(struct build *b, const struct item *it, const struct ft_process *record,
                               thread_id creator, bool memory)
{
    event_id fork = creator == NONE ? NONE : event_infer(b, it->ns, creator, EVENT_FORK);
    struct birth birth = {.pid = record->pid,
                          .ppid = record->ppid,
                          .creator = creator,
                          .fork = fork,
                          .origin = ORIGIN_UNKNOWN,
                          .ns = it->ns,
                          .image = memory,
                          .memory = memory};
    return process_add(b, &birth);
}

/* Whose image this is: known by its pid, or hidden in system(), or nobody saw it forked. */
static process_id whose(struct build *b, const struct item *it, const struct ft_process *record)
{
    struct timeline *t = b->t;
    process_id p = process_living(b, record->pid);
    if (record->birth == FT_BIRTH_UNSEEN_FORK) {
        if (p != NONE && !b->processes[p].spoke) return p;
        struct task *parent = record->parent_task ? task_find(b, record->parent_task) : NULL;
        return unseen_child(b, it, record, parent ? parent->thread : NONE, true);
    }
    if (p != NONE) return p;
    process_id parent = record->birth == FT_BIRTH_EXEC ? process_living(b, record->ppid) : NONE;
    if (parent == NONE) return unseen_child(b, it, record, NONE, false);
    p = hidden_take(b, parent, NONE, record->pid);
    return p != NONE ? p : unseen_child(b, it, record, t->processes[parent].main, false);
}

/* The kernel may have told of it already, by less than the library knows of it. */
static void begin_image(struct build *b, process_id p, struct image image)
{
    struct process *process = &b->t->processes[p];
    if (!b->processes[p].image_told) {
        process_image(b, p, image);
        return;
    }
    struct image *told = &process->images[process->image_count - 1];
    image.start = told->start;
    *told = image;
    b->processes[p].image_told = false;
}

void processes_process(struct build *b, const struct item *it)
{
    struct timeline *t = b->t;
    struct ft_process record = FT_GET(process, it->record);
    process_id p = whose(b, it, &record);
    struct process_more *more = &b->processes[p];
    struct process *process = &t->processes[p];
    thread_id main = process->main;
    if (record.birth == FT_BIRTH_ROOT && process->parent == NONE) process->origin = ORIGIN_ROOT;
    if (record.start_ticks) process->start_ticks = record.start_ticks;
    bool first = !process->image_count || (process->image_count == 1 && more->image_told);
    if (first) process->mask_at_birth = record.blocked;
    thread_tid(b, main, record.tid);
    thread_pthread(b, main, record.pthread);
    if (record.birth != FT_BIRTH_UNSEEN_FORK) {
        struct image image = image_of(b, &record, it->ns);
        threads_end_all(b, p, main, it->ns, THREAD_EXEC);
        coverage_image(b, p, image.exe);
        begin_image(b, p, image);
        signals_exec(b, p, record.ignored);
    } else if (!process->image_count) {
        process_image(b, p, image_of(b, &record, it->ns));
    }
    more->spoke = true, more->exec = NONE;
    b->threads[main].mask = record.blocked;
    b->threads[main].image = (uint16_t)generation(process);
    task_is(b, it->ref, main, generation(process));
}

/* --- exec ----------------------------------------------------------------------------------- */

void processes_exec(struct build *b, const struct item *it)
{
    event_id e = event_add(b, it, EVENT_EXEC);
    const struct event_about *event = event_about(b, e);
    b->threads[event->thread].exec = e;
    b->processes[event->process].exec = e;
}

/* The exec did not happen: its event says so, and keeps the record that knows where the call came from. */
void processes_exec_failed(struct build *b, const struct item *it)
{
    thread_id thread = task_of(b, it)->thread;
    event_id asked = b->threads[thread].exec;
    if (asked == NONE) asked = event_add(b, it, EVENT_EXEC_FAILED);
    struct event_about *e = event_about(b, asked);
    e->type = EVENT_EXEC_FAILED;
    e->child = (uint32_t)FT_GET(exec_failed, it->record).error;
    b->threads[thread].exec = NONE;
    if (b->processes[e->process].exec == asked) b->processes[e->process].exec = NONE;
    b->processes[e->process].blind.why = 0;
}

/* --- what a fork and a wait went wrong with ---------------------------------------------------- */

void processes_no_child(struct build *b, const struct item *it)
{
    event_id e = event_add(b, it, EVENT_NO_CHILD);
    event_about(b, e)->child = process_latest(b, (uint32_t)FT_GET(no_child, it->record).pid);
}

/* The main task of a forked child is named by the fork. */
void processes_stdio(struct build *b, const struct item *it)
{
    event_id e = event_add(b, it, EVENT_STDIO);
    struct task *child = task_find(b, FT_GET(stdio, it->record).fork);
    if (child && child->thread != NONE) event_about(b, e)->child = b->t->threads[child->thread].process;
}

void processes_fd_use(struct build *b, const struct item *it)
{
    event_id e = event_add(b, it, EVENT_FD_USE);
    struct task *before = task_find(b, FT_GET(fd_use, it->record).before);
    if (before) event_about(b, e)->child = before->thread;
}
