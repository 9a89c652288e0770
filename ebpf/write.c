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

#include "calls.h"
#include "image.h"
#include "moment.h"
#include "preload/secret.h"
#include "probes.h"
#include "python.h"
#include "record.h"
#include "stacks.h"
#include "stores.h"

#define TIDS        (1u << 22)          /* PID_MAX_LIMIT */
#define FIRST_LINE  5000000             /* ns */
#define NS_PER_TICK (1000000000u / 100) /* USER_HZ */

/* --- records ---------------------------------------------------------------------------------- */

void *write_record(struct output *o, enum ft_type type, size_t size, ft_ref task, uint64_t ns)
{
    struct ft_head *head = ft_begin(&o->writer, type, size, task);
    if (head) head->time = moment_counter(o, ns);
    return head;
}

struct known *write_known(struct output *o, uint32_t tid) { return tid < TIDS ? &o->known[tid] : NULL; }

ft_ref write_task(struct output *o, uint32_t tid)
{
    const struct known *k = write_known(o, tid);
    return tid && k ? k->task : 0;
}

static uint32_t pid_by(struct output *o, uint32_t tid)
{
    const struct known *k = write_known(o, tid);
    return k ? k->pid : 0;
}

static ft_ref text(struct output *o, const char *string, size_t length, ft_ref task)
{
    return length ? ft_string(&o->writer, string, length, task) : 0;
}

/* --- tasks ------------------------------------------------------------------------------------ */

/* The library is not in it. What is mapped first: it may be gone when the probes are in. */
static void look_at(struct output *o, uint64_t image, uint32_t pid, const char *exe, uint64_t ns, bool runs)
{
    struct probes_python python;
    bool found = probes_look_for_python(o->probes, pid, exe, runs ? 0 : ns, &python);
    python_looked(o, pid, write_task(o, pid), ns + 1, image, found ? &python : NULL, true, runs);
    stacks_prepare(image, pid);
    stores_look_at(o->stores, o, image, pid);
    probes_look_at(o->probes, pid, exe);
}

static void mapped(struct output *o, const struct event_mapped *e)
{
    struct probes_python python;
    if (o->probes && probes_look_at_mapped(o->probes, e->pid, e->address, e->head.ns, &python))
        python_looked(o, e->pid, write_task(o, e->pid), e->head.ns, e->image, &python, false, false);
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
    struct ft_kernel_exec *record = write_record(o, FT_KERNEL_EXEC, sizeof *record, by, e->head.ns);
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
    struct known *k = write_known(o, e->tid);
    if (!k || (k->task && k->start == e->start && k->pid == e->pid)) return;
    enum ft_kernel_call kind = e->flags & CLONE_THREAD ? FT_KERNEL_CALL_THREAD : FT_KERNEL_CALL_FORK;
    struct pending call = calls_take(o, e->head.tid, kind, e->head.ns);
    struct ft_kernel_task *record =
        write_record(o, FT_KERNEL_TASK, sizeof *record, write_task(o, e->head.tid), e->head.ns);
    if (!record) return;
    record->pid = e->own_pid;
    record->tid = e->own_tid;
    record->outer_pid = e->pid;
    record->outer_tid = e->tid;
    record->start_ticks = e->start / NS_PER_TICK;
    record->flags = e->flags;
    record->exit_signal = e->exit_signal;
    record->how = e->how;
    record->forked = e->how == FT_KERNEL_FOUND && e->forked;
    record->origin = call.origin;
    record->function = call.function;
    record->call = call.call;
    *k = (struct known){.task = ft_ref_of(record), .pid = e->pid, .start = e->start};
    ft_commit(record);
    if (e->flags & CLONE_THREAD) return;
    if (e->how == FT_KERNEL_FOUND) found(o, e, k->task);
    if (e->how == FT_KERNEL_BORN && !(e->flags & CLONE_VM))
        python_forked(o, pid_by(o, e->head.tid), e->head.ns, write_task(o, e->head.tid));
    o->alive++;
    o->began = true;
}

static void exec(struct output *o, const struct event_exec *e)
{
    ft_ref by = write_task(o, e->head.tid);
    char argv[ARGV_ROOM], exe[IMAGE_PATH];
    size_t size = e->argv_size < sizeof argv ? e->argv_size : sizeof argv;
    memcpy(argv, e->argv, size);
    size = secret_mask(argv, size);
    uint32_t why = image_look(e, exe);
    ft_ref path = text(o, e->path, strnlen(e->path, sizeof e->path), by);
    ft_ref runs = text(o, exe, strlen(exe), by), arguments = text(o, argv, size, by);
    struct ft_kernel_exec *record = write_record(o, FT_KERNEL_EXEC, sizeof *record, by, e->head.ns);
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
    struct known *k = write_known(o, e->head.tid);
    struct ft_kernel_exit *record =
        write_record(o, FT_KERNEL_EXIT, sizeof *record, write_task(o, e->head.tid), e->head.ns);
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
    ft_ref sender = write_task(o, e->head.tid);
    uint32_t target = e->group ? e->target_pid : e->target_tid;
    struct ft_kernel_kill *record = write_record(o, FT_KERNEL_KILL, sizeof *record, sender, e->head.ns);
    if (!record) return;
    record->target = e->target_in_tree ? write_task(o, target) : 0;
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
        write_record(o, FT_KERNEL_SIGNAL, sizeof *record, write_task(o, e->head.tid), e->head.ns);
    if (!record) return;
    record->sender = write_task(o, e->sender_pid);
    record->sender_pid = e->sender_pid;
    record->code = e->code;
    record->signal = (uint8_t)e->signal;
    record->handler = e->handler;
    ft_commit(record);
}

/* --- the ring ----------------------------------------------------------------------------------- */

static void bound(struct output *o, const struct event_bound *e)
{
    python_bound(o, e, write_task(o, e->head.tid));
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
        CASE(EVENT_SIGACTION, calls_sigaction, event_sigaction)
        CASE(EVENT_SIGMASK, calls_sigmask, event_sigmask)
        CASE(EVENT_WAIT, calls_wait, event_wait)
        CASE(EVENT_CALL, calls_entered, event_call)
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
    struct ft_note *record = write_record(o, FT_NOTE, sizeof *record, task, ns);
    if (!record) return;
    record->what = what;
    record->text = name;
    ft_commit(record);
}

static void view(struct output *o, enum ft_kernel_view_what what)
{
    struct ft_kernel_view *record = write_record(o, FT_KERNEL_VIEW, sizeof *record, 0, moment_now(o).ns);
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
    o->before = moment_now(o);
    nanosleep(&(struct timespec){.tv_nsec = FIRST_LINE}, NULL); /* for a line through two points */
    o->middle = o->now = moment_now(o);
    view(o, FT_KERNEL_VIEW_BEGIN);
    return true;
}

void write_end(struct output *o) { view(o, FT_KERNEL_VIEW_END); }
