/*
 * write.c: the kernel's events as records of the trace.
 */
#define _GNU_SOURCE
#include "write.h"

#include <bpf/bpf.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "image.h"
#include "preload/secret.h"
#include "probes.h"
#include "python.h"
#include "record.h"
#include "stacks.h"
#include "stores.h"

#define TIDS        (1u << 22)          /* PID_MAX_LIMIT */
#define CLOCK_EVERY 100000000u          /* ns: the reader keeps one pair for so long */
#define NS_PER_TICK (1000000000u / 100) /* USER_HZ */

/* --- time ------------------------------------------------------------------------------------- */

#define TRIES      5
#define FIRST_LINE 5000000    /* ns */
#define BASE_LINE  200000000u /* ns: a line through two points is as good as they are far apart */

/* The closest of a few: we may be interrupted in between. */
static struct pair pair_now(const struct output *o)
{
    struct pair best = {0};
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        struct timespec ts;
        uint64_t first = ft_now(&o->writer);
        clock_gettime(CLOCK_MONOTONIC, &ts);
        uint64_t last = ft_now(&o->writer);
        if (last - first >= least) continue;
        least = last - first;
        best = (struct pair){first + least / 2, (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec};
    }
    return best;
}

/* The line through a look some time ago and the last one; the same line before and after. */
uint64_t write_counter(const struct output *o, uint64_t ns)
{
    const struct pair *a = &o->before, *b = &o->now;
    if (b->ns == a->ns) return b->counter;
    __int128 part = (__int128)((int64_t)(ns - a->ns)) * (int64_t)(b->counter - a->counter);
    return a->counter + (uint64_t)(int64_t)(part / (int64_t)(b->ns - a->ns));
}

void write_tick(struct output *o)
{
    struct pair pair = pair_now(o);
    if (pair.ns <= o->now.ns) return;
    if (pair.ns - o->middle.ns >= BASE_LINE) {
        o->before = o->middle;
        o->middle = pair;
    }
    o->now = pair;
    if (pair.ns - o->clock_told < CLOCK_EVERY) return;
    struct ft_clock *record = ft_begin(&o->writer, FT_CLOCK, sizeof *record, 0);
    if (!record) return;
    record->head.time = pair.counter;
    record->monotonic = pair.ns;
    ft_commit(record);
    o->clock_told = pair.ns;
}

/* --- records ---------------------------------------------------------------------------------- */

static void *begin(struct output *o, enum ft_type type, size_t size, ft_ref task, uint64_t ns)
{
    struct ft_head *head = ft_begin(&o->writer, type, size, task);
    if (head) head->time = write_counter(o, ns);
    return head;
}

static struct known *known(struct output *o, uint32_t tid) { return tid < TIDS ? &o->known[tid] : NULL; }

static ft_ref task_of(struct output *o, uint32_t tid)
{
    const struct known *k = known(o, tid);
    return tid && k ? k->task : 0;
}

static uint32_t pid_by(struct output *o, uint32_t tid)
{
    const struct known *k = known(o, tid);
    return k ? k->pid : 0;
}

void *write_record(struct output *o, enum ft_type type, size_t size, ft_ref task, uint64_t ns)
{
    return begin(o, type, size, task, ns);
}

ft_ref write_task(struct output *o, uint32_t tid) { return task_of(o, tid); }

static ft_ref text(struct output *o, const char *string, size_t length, ft_ref task)
{
    return length ? ft_string(&o->writer, string, length, task) : 0;
}

/* --- calls ------------------------------------------------------------------------------------ */

#define CALL_LASTS 10000000000u /* ns: a call that has become nothing by then never will */

static struct pending *pending(struct output *o, uint32_t tid) { return &o->pending[tid % PENDING]; }

/* posix_spawn() in popen(): what the program called is the outer one, whose frame lies above. */
static bool is_inner(const struct pending *p, const struct event_call *e)
{
    return p->tid == e->head.tid && e->sp < p->sp && e->head.ns - p->ns < CALL_LASTS &&
           p->call >> 8 == e->what >> 8;
}

static void called(struct output *o, const struct event_call *e)
{
    struct known *k = known(o, e->head.tid);
    struct pending *p = pending(o, e->head.tid);
    if (!k || !k->task || is_inner(p, e)) return;
    *p = (struct pending){.tid = e->head.tid, .call = (uint32_t)e->what, .ns = e->head.ns, .sp = e->sp};
    p->origin = stacks_origin(&o->writer, e, k->task);
    if (call_kind(e->what) == FT_KERNEL_CALL_THREAD) p->function = e->third;
    if (e->what == (FT_KERNEL_CALL_FORK << 8 | FT_FORK_clone)) p->function = e->first;
    if (call_kind(e->what) == FT_KERNEL_CALL_SIGNAL) stacks_site(&o->writer, &p->origin, k->task);
    if (p->function) stacks_name(&o->writer, e, p->function, k->task);
}

/* What has just happened: who asked for it? */
static struct pending take(struct output *o, uint32_t tid, enum ft_kernel_call kind, uint64_t ns)
{
    struct pending *p = pending(o, tid), found = *p;
    bool any = found.call == (FT_KERNEL_CALL_FORK << 8 | FT_FORK_clone) && kind == FT_KERNEL_CALL_THREAD;
    if (found.tid != tid || (found.call >> 8 != kind && !any) || ns - found.ns > CALL_LASTS)
        return (struct pending){0};
    p->tid = 0;
    return found;
}

/* --- tasks ------------------------------------------------------------------------------------ */

/* The library is not in it. What is mapped first: it may be gone when the probes are in. */
static void look_at(struct output *o, uint64_t image, uint32_t pid, const char *exe, uint64_t ns, bool runs)
{
    struct probes_python python;
    bool found = probes_look_for_python(o->probes, pid, exe, runs ? 0 : ns, &python);
    python_looked(o, pid, task_of(o, pid), ns + 1, image, found ? &python : NULL, true, runs);
    stacks_prepare(image, pid);
    stores_look_at(o->stores, o, image, pid);
    probes_look_at(o->probes, pid, exe);
}

static void mapped(struct output *o, const struct event_mapped *e)
{
    struct probes_python python;
    if (o->probes && probes_look_at_mapped(o->probes, e->pid, e->address, e->head.ns, &python))
        python_looked(o, e->pid, task_of(o, e->pid), e->head.ns, e->image, &python, false, false);
}

/* A process that runs already: what it runs, from /proc, as if it began now. */
static void found(struct output *o, const struct event_task *e, ft_ref by)
{
    char exe[IMAGE_PATH], argv[ARGV_ROOM];
    size_t size = sizeof argv;
    uint32_t why = image_found(e->pid, exe, argv, &size);
    if (!*exe) return; /* a kernel thread, or gone */
    size = secret_mask(argv, size);
    ft_ref runs = text(o, exe, strlen(exe), by), arguments = text(o, argv, size, by);
    struct ft_kernel_exec *record = begin(o, FT_KERNEL_EXEC, sizeof *record, by, e->head.ns);
    if (!record) return;
    record->exe = record->path = runs;
    record->argv = arguments;
    record->why = why;
    ft_commit(record);
    if (why && o->probes) look_at(o, 0, e->pid, exe, e->head.ns, true);
}

/* A look around and a birth may tell of the same task: once is enough. */
static void task(struct output *o, const struct event_task *e)
{
    struct known *k = known(o, e->tid);
    if (!k || (k->task && k->start == e->start && k->pid == e->pid)) return;
    enum ft_kernel_call kind = e->flags & CLONE_THREAD ? FT_KERNEL_CALL_THREAD : FT_KERNEL_CALL_FORK;
    struct pending call = take(o, e->head.tid, kind, e->head.ns);
    struct ft_kernel_task *record =
        begin(o, FT_KERNEL_TASK, sizeof *record, task_of(o, e->head.tid), e->head.ns);
    if (!record) return;
    record->pid = e->own_pid;
    record->tid = e->own_tid;
    record->outer_pid = e->pid;
    record->outer_tid = e->tid;
    record->start_ticks = e->start / NS_PER_TICK;
    record->flags = e->flags;
    record->exit_signal = e->exit_signal;
    record->how = e->how;
    record->origin = call.origin;
    record->function = call.function;
    record->call = call.call;
    *k = (struct known){.task = ft_ref_of(record), .pid = e->pid, .start = e->start};
    ft_commit(record);
    if (e->flags & CLONE_THREAD) return;
    if (e->how == FT_KERNEL_FOUND) found(o, e, k->task);
    if (e->how == FT_KERNEL_BORN && !(e->flags & CLONE_VM))
        python_forked(o, pid_by(o, e->head.tid), e->head.ns, task_of(o, e->head.tid));
    o->alive++;
    o->began = true;
}

static void exec(struct output *o, const struct event_exec *e)
{
    ft_ref by = task_of(o, e->head.tid);
    char argv[ARGV_ROOM], exe[IMAGE_PATH];
    size_t size = e->argv_size < sizeof argv ? e->argv_size : sizeof argv;
    memcpy(argv, e->argv, size);
    size = secret_mask(argv, size);
    uint32_t why = image_look(e, exe);
    ft_ref path = text(o, e->path, strnlen(e->path, sizeof e->path), by);
    ft_ref runs = text(o, exe, strlen(exe), by), arguments = text(o, argv, size, by);
    struct ft_kernel_exec *record = begin(o, FT_KERNEL_EXEC, sizeof *record, by, e->head.ns);
    if (!record) return;
    record->path = path;
    record->exe = runs;
    record->argv = arguments;
    record->why = why;
    ft_commit(record);
    uint8_t yes = 1;
    uint64_t image = e->image; /* the event lies in the ring, which the kernel maps for reading */
    if (!why && o->covered >= 0) bpf_map_update_elem(o->covered, &image, &yes, BPF_ANY);
    if (why && o->probes) look_at(o, e->image, e->head.tid, *exe ? exe : e->path, e->head.ns, false);
}

static void ended(struct output *o, const struct event_exit *e)
{
    struct known *k = known(o, e->head.tid);
    struct ft_kernel_exit *record =
        begin(o, FT_KERNEL_EXIT, sizeof *record, task_of(o, e->head.tid), e->head.ns);
    if (record) {
        record->status = e->status;
        record->last = e->last;
        record->how = e->how;
        record->out_of_memory = e->out_of_memory;
        record->cpu_ns = e->cpu_ns;
        memcpy(record->name, e->name, sizeof record->name);
        ft_commit(record);
    }
    if (e->last && o->alive) o->alive--;
    if (e->last && k) python_over(o, k->pid);
    /* The first thread may go before the last: its name is the process's, to which signals are sent. */
    if (k && k->pid != e->head.tid) k->task = 0;
}

static void killed(struct output *o, const struct event_kill *e)
{
    ft_ref sender = task_of(o, e->head.tid);
    uint32_t target = e->group ? e->target_pid : e->target_tid;
    struct ft_kernel_kill *record = begin(o, FT_KERNEL_KILL, sizeof *record, sender, e->head.ns);
    if (!record) return;
    record->target = e->target_in_tree ? task_of(o, target) : 0;
    record->target_pid = target;
    record->sender_pid = e->sender_pid;
    record->code = e->code;
    record->signal = e->signal;
    record->group = e->group;
    record->result = e->result;
    if (!sender) memcpy(record->name, e->name, strnlen(e->name, sizeof e->name));
    ft_commit(record);
}

static void taken(struct output *o, const struct event_signal *e)
{
    struct ft_kernel_signal *record =
        begin(o, FT_KERNEL_SIGNAL, sizeof *record, task_of(o, e->head.tid), e->head.ns);
    if (!record) return;
    record->sender = task_of(o, e->sender_pid);
    record->sender_pid = e->sender_pid;
    record->code = e->code;
    record->signal = (uint8_t)e->signal;
    record->handler = e->handler;
    ft_commit(record);
}

/* --- calls of those the library is not in ------------------------------------------------------- */

static void installed(struct output *o, const struct event_sigaction *e)
{
    struct pending call = take(o, e->head.tid, FT_KERNEL_CALL_SIGNAL, e->head.ns);
    struct ft_sigaction *record = begin(o, FT_SIGACTION, sizeof *record, task_of(o, e->head.tid), e->head.ns);
    if (!record) return;
    record->site = call.origin.site;
    record->old_handler = e->old_handler;
    record->new_handler = e->new_handler;
    record->flags = e->flags;
    record->signal = (uint8_t)e->signal;
    record->api = call.call ? (uint8_t)call_api(call.call) : FT_SIGACTION_sigaction;
    record->mask = e->mask;
    ft_commit(record);
}

static void blocked(struct output *o, const struct event_sigmask *e)
{
    struct ft_sigmask *record = begin(o, FT_SIGMASK, sizeof *record, task_of(o, e->head.tid), e->head.ns);
    if (!record) return;
    record->old_mask = e->old_mask;
    record->new_mask = e->new_mask;
    record->how = (uint8_t)e->how;
    record->api = FT_SIGMASK_sigprocmask;
    ft_commit(record);
}

/* Shown while it lasts; if its thread ends in it, for ever. */
void write_waiting(struct output *o, const struct system_call *call)
{
    struct known *k = known(o, call->tid);
    uint64_t since = write_counter(o, call->since);
    if (!k || !k->task ||
        (k->waiting && k->waiting->address == call->address && k->waiting_since == call->since))
        return;
    if (!k->waiting) k->waiting = ft_slot_new(&o->writer, k->task);
    if (!k->waiting) return;
    ft_slot_clear(k->waiting);
    k->waiting->address = call->address;
    k->waiting->kind = FT_WAIT_futex;
    k->waiting->timed = call->timed ? FT_TIMED : FT_UNTIMED;
    k->waiting_since = call->since;
    ft_slot_set(k->waiting, FT_WAIT_SLOT, k->task, since);
}

static void waited(struct output *o, const struct event_wait *e)
{
    struct known *k = known(o, e->head.tid);
    if (e->unfinished) {
        write_waiting(o,
                      &(struct system_call){
                          .since = e->since, .address = e->address, .tid = e->head.tid, .timed = e->timed});
        if (k) k->waiting = NULL;
        return;
    }
    if (k && k->waiting) {
        ft_slot_free(k->waiting);
        k->waiting = NULL;
    }
    struct ft_wait *record = begin(o, FT_WAIT, sizeof *record, task_of(o, e->head.tid), e->head.ns);
    if (!record) return;
    record->since = write_counter(o, e->since);
    record->address = e->address;
    record->kind = FT_WAIT_futex;
    record->timed = e->timed ? FT_TIMED : FT_UNTIMED;
    ft_commit(record);
}

static void bound(struct output *o, const struct event_bound *e)
{
    python_bound(o, e, task_of(o, e->head.tid));
}

static void code(struct output *o, const struct event_code *e) { python_code(e); }

static void met(struct output *o, const struct event_module *e) { python_module(o, e); }

void write_event(struct output *o, const void *event, size_t size)
{
    const struct event *head = event;
    if (size < sizeof *head) return;
    switch (head->kind) {
#define CASE(KIND, function, type)                           \
    case KIND:                                               \
        if (size >= sizeof(struct type)) function(o, event); \
        break;
        CASE(EVENT_TASK, task, event_task)
        CASE(EVENT_EXEC, exec, event_exec)
        CASE(EVENT_EXIT, ended, event_exit)
        CASE(EVENT_KILL, killed, event_kill)
        CASE(EVENT_SIGNAL, taken, event_signal)
        CASE(EVENT_SIGACTION, installed, event_sigaction)
        CASE(EVENT_SIGMASK, blocked, event_sigmask)
        CASE(EVENT_WAIT, waited, event_wait)
        CASE(EVENT_CALL, called, event_call)
        CASE(EVENT_MAPPED, mapped, event_mapped)
        CASE(EVENT_CODE, code, event_code)
        CASE(EVENT_MODULE, met, event_module)
        CASE(EVENT_BOUND, bound, event_bound)
        CASE(EVENT_STORE, stores_event, event_store)
#undef CASE
    default: break;
    }
}

/* --- around it -------------------------------------------------------------------------------- */

void write_lost(struct output *o, enum ft_lost reason, uint64_t count)
{
    if (!count) return;
    ft_count_lost(&o->writer, reason, count);
    o->lost += count;
}

void write_note(struct output *o, enum ft_note_what what, const char *about, ft_ref task, uint64_t ns)
{
    ft_ref name = about ? text(o, about, strlen(about), task) : 0;
    struct ft_note *record = begin(o, FT_NOTE, sizeof *record, task, ns);
    if (!record) return;
    record->what = what;
    record->text = name;
    ft_commit(record);
}

static void view(struct output *o, enum ft_kernel_view_what what)
{
    struct ft_kernel_view *record = begin(o, FT_KERNEL_VIEW, sizeof *record, 0, pair_now(o).ns);
    if (!record) return;
    record->what = what;
    record->pid = (uint32_t)getpid();
    record->lost = o->lost;
    ft_commit(record);
}

bool write_begin(struct output *o)
{
    o->known = mmap(NULL, TIDS * sizeof *o->known, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (o->known == MAP_FAILED) return false;
    o->writer.interned = o->interned;
    o->before = pair_now(o);
    nanosleep(&(struct timespec){.tv_nsec = FIRST_LINE}, NULL); /* for a line through two points */
    o->middle = o->now = pair_now(o);
    view(o, FT_KERNEL_VIEW_BEGIN);
    return true;
}

void write_end(struct output *o) { view(o, FT_KERNEL_VIEW_END); }
