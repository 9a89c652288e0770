/* build_trace.c: see build_trace.h. */
#include "build_trace.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ft_writer w;
static struct ft_interned interned[FT_INTERNED];
static char directory[64], path[96];
static struct ft_reader reader;
static struct timeline *timeline;

static char before[96]; /* of trace_another */

const char *trace_another(void)
{
    cr_assert(!*before);
    snprintf(before, sizeof before, "%s/before", directory);
    cr_assert_eq(rename(path, before), 0);
    memset(&w, 0, sizeof w);
    memset(interned, 0, sizeof interned);
    cr_assert_eq(ft_writer_create(&w, path, 64 << 20, 100), 0);
    w.interned = interned;
    return before;
}

void trace_begin(void)
{
    strcpy(directory, "/tmp/forktrace-unit-XXXXXX");
    cr_assert(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/trace", directory);
    cr_assert_eq(ft_writer_create(&w, path, 64 << 20, 100), 0);
    w.interned = interned;
}

void trace_end(void)
{
    if (timeline) {
        timeline_free(timeline);
        ft_reader_close(&reader);
        timeline = NULL;
    }
    unlink(path);
    if (*before) unlink(before);
    rmdir(directory);
}

const char *trace_path(void) { return path; }
uint64_t trace_now(void) { return ft_now(&w); }

/* A claimed record and its reference; every kind begins like this. */
#define RECORD(type, NAME, task)                                      \
    struct ft_##type *r = ft_begin(&w, FT_##NAME, sizeof *r, (task)); \
    cr_assert(r);                                                     \
    ft_ref ref = ft_ref_of(r);                                        \
    (void)ref

static ft_ref text(const char *string, ft_ref task) { return ft_string(&w, string, strlen(string), task); }

static ft_ref arguments(const char *argv, ft_ref task)
{
    char block[256];
    size_t length = strlen(argv) + 1;
    cr_assert(length <= sizeof block);
    memcpy(block, argv, length);
    for (size_t i = 0; i < length; i++)
        if (block[i] == ' ') block[i] = 0;
    return ft_string(&w, block, length, task);
}

ft_ref trace_image_masks(uint32_t pid, uint32_t ppid, enum ft_birth birth, const char *argv, uint64_t blocked,
                         uint64_t ignored, ft_ref parent_task)
{
    RECORD(process, PROCESS, 0);
    r->head.task = ref;
    r->pid = r->tid = pid, r->ppid = ppid, r->birth = birth;
    r->start_ticks = pid + 1000;
    r->blocked = blocked, r->ignored = ignored;
    r->parent_task = parent_task;
    r->argv = arguments(argv, ref);
    char exe[256] = "/usr/bin/";
    strncat(exe, argv, strcspn(argv, " "));
    r->exe = text(exe, ref);
    ft_commit(r);
    return ref;
}

ft_ref trace_image(uint32_t pid, uint32_t ppid, enum ft_birth birth, const char *argv)
{
    return trace_image_masks(pid, ppid, birth, argv, 0, 0, 0);
}

ft_ref trace_fork(ft_ref by, enum ft_fork_api api, int32_t result)
{
    RECORD(fork, FORK, by);
    r->api = api, r->result = result;
    ft_commit(r);
    return ref;
}

ft_ref trace_fork_open(ft_ref by, enum ft_fork_api api)
{
    RECORD(fork, FORK, by);
    r->api = api;
    ft_publish(r);
    return ref;
}

void trace_child(ft_ref fork, uint32_t pid)
{
    RECORD(child, CHILD, fork);
    r->pid = r->tid = pid;
    ft_commit(r);
}

ft_ref trace_forked(ft_ref by, uint32_t pid)
{
    ft_ref fork = trace_fork(by, FT_FORK_fork, (int32_t)pid);
    trace_child(fork, pid);
    return fork;
}

void trace_exec(ft_ref by, const char *path_)
{
    ft_ref string = text(path_, by);
    RECORD(exec, EXEC, by);
    r->path = string;
    ft_commit(r);
}

void trace_exec_failed(ft_ref by, const char *path_, int error)
{
    ft_ref string = text(path_, by);
    RECORD(exec_failed, EXEC_FAILED, by);
    r->path = string, r->error = error;
    ft_commit(r);
}

void trace_note(ft_ref by, enum ft_note_what what, const char *about)
{
    ft_ref string = about ? text(about, by) : 0;
    RECORD(note, NOTE, by);
    r->what = what, r->text = string;
    ft_commit(r);
}

void trace_blind(ft_ref by, ft_ref fork, const char *path_, enum ft_blind_why why)
{
    ft_ref string = text(path_, by);
    RECORD(blind, BLIND, by);
    r->fork = fork, r->path = string, r->why = why;
    ft_commit(r);
}

void trace_exit(ft_ref by, enum ft_exit_api api, int status)
{
    RECORD(exit, EXIT, by);
    r->api = api, r->status = status;
    ft_commit(r);
}

void trace_reap_api(ft_ref by, int pid, int wait_status, enum ft_reap_api api)
{
    RECORD(reap, REAP, by);
    r->pid = pid, r->status = wait_status, r->api = api;
    ft_commit(r);
}

void trace_reap(ft_ref by, int pid, int wait_status)
{
    trace_reap_api(by, pid, wait_status, FT_REAP_waitpid);
}

/* --- threads ---------------------------------------------------------------------------------- */

ft_ref trace_thread(ft_ref by, int32_t error)
{
    RECORD(thread_create, THREAD_CREATE, by);
    r->start = 0x401000, r->api = FT_THREAD_pthread_create, r->error = error;
    error == -1 ? ft_publish(r) : ft_commit(r);
    return ref;
}

static void started(struct ft_thread_start *r, uint32_t pid, uint32_t tid, uint64_t pthread)
{
    r->pid = pid, r->tid = tid, r->pthread = pthread;
    ft_commit(r);
}

void trace_thread_start(ft_ref thread, uint32_t pid, uint32_t tid, uint64_t pthread)
{
    RECORD(thread_start, THREAD_START, thread);
    started(r, pid, tid, pthread);
}

ft_ref trace_unseen_start(uint32_t pid, uint32_t tid, uint64_t pthread)
{
    RECORD(thread_start, THREAD_START, 0);
    r->head.task = ref;
    started(r, pid, tid, pthread);
    return ref;
}

ft_ref trace_thread_at(ft_ref by, uint32_t pid, uint32_t tid, uint64_t pthread)
{
    ft_ref thread = trace_thread(by, 0);
    trace_thread_start(thread, pid, tid, pthread);
    return thread;
}

void trace_thread_end(ft_ref thread, enum ft_thread_end_how how)
{
    RECORD(thread_end, THREAD_END, thread);
    r->how = how, r->cpu_ns = 12345;
    ft_commit(r);
}

void trace_thread_name(ft_ref by, uint64_t pthread, const char *name)
{
    RECORD(thread_name, THREAD_NAME, by);
    r->pthread = pthread;
    memcpy(r->name, name, strnlen(name, sizeof r->name));
    ft_commit(r);
}

void trace_unseen(ft_ref by, ft_ref fork, uint32_t tid)
{
    struct ft_unseen_threads *r = ft_begin(&w, FT_UNSEEN_THREADS, sizeof *r + sizeof tid, by);
    cr_assert(r);
    r->fork = fork, r->count = 1, r->tid[0] = tid;
    ft_commit(r);
}

/* --- signals, waits --------------------------------------------------------------------------- */

ft_ref trace_greenlet(ft_ref by, const char *name, const char *type, uint32_t flags)
{
    RECORD(greenlet, GREENLET, by);
    r->name = *name ? text(name, by) : 0;
    r->type = text(type, by);
    r->flags = flags;
    ft_commit(r);
    return ref;
}

void trace_greenlets(ft_ref by, ft_ref fork, ft_ref current, uint32_t others, const ft_ref *list)
{
    uint32_t count = 0;
    while (list[count]) count++;
    struct ft_greenlets *r = ft_begin(&w, FT_GREENLETS, sizeof *r + count * sizeof *r->greenlet, by);
    r->when = fork ? FT_PY_AT_FORK : FT_PY_AT_EVENT;
    r->fork = fork;
    r->count = count;
    r->others = others;
    r->current = current;
    for (uint32_t i = 0; i < count; i++) r->greenlet[i] = (struct ft_greenlet_at){.greenlet = list[i]};
    ft_commit(r);
}

void trace_greenlet_run(ft_ref by, ft_ref greenlet, uint64_t since, uint32_t others)
{
    RECORD(greenlet_run, GREENLET_RUN, by);
    r->greenlet = greenlet, r->since = since, r->others = others;
    ft_commit(r);
}

void trace_greenlet_runs(ft_ref by, const char *function, uint32_t flags)
{
    RECORD(py_function, PY_FUNCTION, by);
    r->name = text(function, by);
    ft_commit(r);
    struct ft_greenlet_slot *slot = ft_slot_new(&w, by);
    slot->function = *function ? ref : 0;
    slot->flags = flags;
    ft_slot_set(slot, FT_GREENLET_SLOT, by, ft_now(&w));
}

void trace_bind(ft_ref by, const void *address, size_t length, int error)
{
    struct ft_bind *r = ft_begin(&w, FT_BIND, sizeof *r + length, by);
    cr_assert(r);
    r->fd = 3, r->error = error;
    memcpy(r->address, address, length);
    ft_commit(r);
}

void trace_sigaction(ft_ref by, int signal, uint64_t old, uint64_t new)
{
    RECORD(sigaction, SIGACTION, by);
    r->signal = (uint8_t)signal, r->api = FT_SIGACTION_sigaction;
    r->old_handler = old, r->new_handler = new;
    ft_commit(r);
}

void trace_sigmask(ft_ref by, uint64_t old, uint64_t new)
{
    RECORD(sigmask, SIGMASK, by);
    r->old_mask = old, r->new_mask = new, r->api = FT_SIGMASK_pthread_sigmask;
    ft_commit(r);
}

void trace_kill(ft_ref by, enum ft_kill_api api, int64_t target, int signal)
{
    RECORD(kill, KILL, by);
    r->api = (uint8_t)api, r->target = target, r->signal = (uint8_t)signal;
    ft_commit(r);
}

void trace_wait(ft_ref by, uint64_t since, uint64_t address, uint32_t owner_tid)
{
    RECORD(wait, WAIT, by);
    r->since = since, r->address = address, r->owner_tid = owner_tid, r->kind = FT_WAIT_mutex;
    ft_commit(r);
}

struct ft_wait_slot *trace_waiting(ft_ref by, uint64_t address, uint32_t owner_tid)
{
    struct ft_wait_slot *slot = ft_slot_new(&w, by);
    cr_assert(slot);
    slot->address = address, slot->owner_tid = owner_tid, slot->kind = FT_WAIT_mutex;
    ft_slot_set(slot, FT_WAIT_SLOT, by, ft_now(&w));
    return slot;
}

void trace_held_of(ft_ref by, ft_ref fork, ft_ref holder, uint64_t address, enum ft_wait_kind kind)
{
    RECORD(held, HELD, by);
    r->fork = fork, r->holder = holder, r->address = address, r->kind = kind;
    ft_commit(r);
}

void trace_held(ft_ref by, ft_ref fork, ft_ref holder, uint64_t address)
{
    trace_held_of(by, fork, holder, address, FT_WAIT_mutex);
}

ft_ref trace_object(ft_ref by, const char *path_, uint64_t start, uint64_t end)
{
    ft_ref string = text(path_, by);
    RECORD(object, OBJECT, by);
    r->start = r->bias = start, r->end = end, r->path = string;
    ft_commit(r);
    return ref;
}

/* --- calls that end badly --------------------------------------------------------------------- */

void trace_unsafe_call(ft_ref by, enum ft_unsafe function)
{
    RECORD(unsafe_call, UNSAFE_CALL, by);
    r->function = function;
    ft_commit(r);
}

void trace_stdio(ft_ref by, ft_ref fork, uint64_t file, unsigned what)
{
    RECORD(stdio, STDIO, by);
    r->fork = fork, r->fd = 1, r->file = file, r->bytes = 5, r->what = what;
    ft_commit(r);
}

void trace_no_child(ft_ref by, int pid, uint64_t site)
{
    RECORD(no_child, NO_CHILD, by);
    r->pid = pid, r->api = FT_REAP_waitpid, r->origin.site = site;
    ft_commit(r);
}

void trace_atfork(ft_ref by, uint64_t handler, enum ft_atfork_phase phase, uint64_t ns)
{
    RECORD(atfork, ATFORK, by);
    r->handler = handler, r->phase = phase, r->ns = ns;
    ft_commit(r);
}

void trace_fd_use(ft_ref by, struct trace_use use)
{
    RECORD(fd_use, FD_USE, by);
    r->connection = 1, r->fd = 5, r->turn = use.turn;
    r->before = use.before, r->inside = use.inside, r->held[0] = use.held;
    r->direction = use.direction, r->flags = use.flags;
    ft_commit(r);
}

/* --- Python ----------------------------------------------------------------------------------- */

void trace_py_write(ft_ref by, const char *name, int64_t value, uint16_t held, bool by_module)
{
    ft_ref module = text("app", by), string = text(name, by), file = text("/srv/app.py", by);
    RECORD(py_write, PY_WRITE, by);
    r->module = module, r->name = string, r->file = file, r->line = by_module ? 3 : 9;
    r->kind = FT_PY_KIND_int, r->value = (uint64_t)value, r->held[0] = held;
    r->flags = (uint8_t)(FT_PY_LOCKS | (by_module ? FT_PY_BY_MODULE : 0));
    ft_commit(r);
}

void trace_py_value(ft_ref by, ft_ref fork, const char *name, enum ft_py_kind kind, uint64_t bits)
{
    ft_ref module = text("app", by), string = text(name, by);
    RECORD(py_value, PY_VALUE, by);
    r->fork = fork, r->module = module, r->name = string, r->kind = kind, r->value = bits;
    ft_commit(r);
}

void trace_py_global(ft_ref by, const char *name, enum ft_py_kind kind, uint64_t bits)
{
    struct ft_py_global *slot = ft_slot_new(&w, by);
    cr_assert(slot);
    slot->module = text("app", by), slot->name = text(name, by);
    slot->kind = (uint8_t)kind, slot->value = bits, slot->writes = 1;
    ft_slot_set(slot, FT_PY_GLOBAL, by, ft_now(&w));
}

void trace_py_thread(ft_ref by, ft_ref thread, const char *name)
{
    ft_ref string = text(name, by);
    RECORD(py_thread, PY_THREAD, by);
    r->thread = thread, r->name = string;
    ft_commit(r);
}

/* --- C globals -------------------------------------------------------------------------------- */

ft_ref trace_c_global(ft_ref by, const char *name_, uint32_t size, uint32_t element, uint64_t value)
{
    ft_ref name = text(name_, by), object = text("/usr/bin/server", by);
    RECORD(c_global, C_GLOBAL, by);
    r->name = name, r->object = object, r->address = 0x5000, r->value = value;
    r->size = size, r->element = element, r->kind = FT_C_KIND_unsigned, r->flags = FT_C_PROGRAM;
    r->print = size > 8;
    ft_commit(r);
    return ref;
}

void trace_c_watch(ft_ref by, const char *watch_, enum ft_c_outcome outcome, uint32_t stores, uint32_t taken)
{
    ft_ref watch = text(watch_, by), object = text("/usr/bin/server", by);
    RECORD(c_watch, C_WATCH, by);
    r->watch = watch, r->object = object, r->outcome = outcome;
    r->stores = r->patched = stores, r->taken = taken;
    ft_commit(r);
}

void trace_c_hardware(ft_ref by, const char *watch_, unsigned slots, unsigned needed, int error,
                      unsigned flags)
{
    ft_ref watch = text(watch_, by);
    RECORD(c_hardware, C_HARDWARE, by);
    r->watch = watch, r->error = error;
    r->slots = (uint8_t)slots, r->needed = (uint8_t)needed, r->flags = (uint8_t)flags;
    ft_commit(r);
}

void trace_c_trap(ft_ref by, ft_ref global, uint64_t value, uint64_t after, unsigned offset, unsigned size,
                  unsigned flags)
{
    RECORD(c_trap, C_TRAP, by);
    r->global = global, r->value = value, r->after = after;
    r->offset = (uint8_t)offset, r->size = (uint8_t)size, r->flags = (uint16_t)flags;
    ft_commit(r);
}

void trace_c_trap_held(ft_ref by, ft_ref global, uint64_t value, uint64_t after, unsigned flags,
                       uint64_t held)
{
    RECORD(c_trap, C_TRAP, by);
    r->global = global, r->value = value, r->after = after, r->held = held;
    r->size = 8, r->flags = (uint16_t)(FT_C_BY_HARDWARE | FT_C_WITH_LOCKS | flags);
    ft_commit(r);
}

/* --- the kernel's word ------------------------------------------------------------------------ */

ft_ref trace_kernel_task(ft_ref creator, uint32_t pid, uint32_t tid, uint32_t flags, enum ft_kernel_birth how)
{
    RECORD(kernel_task, KERNEL_TASK, creator);
    r->pid = r->outer_pid = pid, r->tid = r->outer_tid = tid;
    r->flags = flags, r->how = (uint8_t)how, r->exit_signal = 17;
    r->start_ticks = pid + 1000;
    ft_commit(r);
    return ref;
}

void trace_kernel_exec(ft_ref task, const char *path_, enum ft_blind_why why)
{
    ft_ref string = text(path_, task);
    RECORD(kernel_exec, KERNEL_EXEC, task);
    r->path = r->exe = string, r->why = why;
    ft_commit(r);
}

void trace_kernel_exit(ft_ref task, int wait_status, bool last)
{
    RECORD(kernel_exit, KERNEL_EXIT, task);
    r->status = wait_status, r->last = last, r->cpu_ns = 1000;
    r->how = last ? FT_KERNEL_END_PROCESS : FT_KERNEL_END_ITSELF;
    ft_commit(r);
}

void trace_kernel_out_of_memory(ft_ref task)
{
    RECORD(kernel_exit, KERNEL_EXIT, task);
    r->status = 9, r->last = true, r->how = FT_KERNEL_END_PROCESS, r->out_of_memory = true;
    ft_commit(r);
}

void trace_kernel_kill(ft_ref sender, ft_ref target, uint32_t target_pid, uint32_t sender_pid, int signal)
{
    RECORD(kernel_kill, KERNEL_KILL, sender);
    r->target = target, r->target_pid = target_pid, r->sender_pid = sender_pid;
    r->signal = (uint8_t)signal, r->group = 1, r->code = sender_pid ? 0 : 0x80;
    if (!sender && sender_pid) memcpy(r->name, "stranger", 8);
    ft_commit(r);
}

void trace_kernel_signal(ft_ref task, ft_ref sender, uint32_t sender_pid, int signal, int code)
{
    RECORD(kernel_signal, KERNEL_SIGNAL, task);
    r->sender = sender, r->sender_pid = sender_pid, r->code = code;
    r->signal = (uint8_t)signal, r->handler = 0x401000;
    ft_commit(r);
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool is_alive(void *context, uint32_t pid, uint64_t start_ticks)
{
    for (const uint32_t *alive = context; alive && *alive; alive++)
        if (*alive == pid) return !start_ticks || start_ticks == pid + 1000;
    return false;
}

void trace_c_site(ft_ref by, ft_ref global, unsigned id, uint64_t pc, unsigned flags)
{
    size_t size = sizeof(struct ft_c_sites) + sizeof(struct ft_c_site);
    struct ft_c_sites *r = ft_begin(&w, FT_C_SITES, size, by);
    cr_assert(r);
    r->count = 1;
    r->site[0] = (struct ft_c_site){pc, global, (uint16_t)id, 8, (uint8_t)flags};
    ft_commit(r);
}

void trace_c_write(ft_ref by, unsigned id, uint64_t value, uint64_t held)
{
    RECORD(c_write, C_WRITE, by);
    r->value = value, r->site = (uint16_t)id, r->flags = FT_C_LOCKS, r->held = held;
    ft_commit(r);
}

void trace_c_look(ft_ref by, enum ft_type type, ft_ref global, ft_ref fork, uint64_t value, uint32_t print)
{
    struct ft_c_value *r = ft_begin(&w, type, sizeof *r, by);
    cr_assert(r);
    r->global = global, r->fork = fork, r->value = value, r->print = print;
    r->until = ft_now(&w);
    ft_commit(r);
}

void trace_c_common(ft_ref by, ft_ref global, ft_ref fork)
{
    RECORD(c_common, C_COMMON, by);
    r->global = global, r->fork = fork;
    ft_commit(r);
}

ft_ref trace_c_block(ft_ref by, uint64_t address, const uint64_t *words, unsigned count)
{
    struct ft_c_block *r = ft_begin(&w, FT_C_BLOCK, sizeof *r + count * 8, by);
    cr_assert(r && count < 64);
    ft_ref ref = ft_ref_of(r);
    r->address = address;
    r->used[0] = (1ull << count) - 1;
    memcpy(r->word, words, count * 8);
    ft_commit(r);
    return ref;
}

void trace_c_picture(ft_ref by, ft_ref fork, uint64_t start, const ft_ref *blocks, unsigned halves,
                     unsigned alone)
{
    struct ft_c_picture *r = ft_begin(&w, FT_C_PICTURE, sizeof *r + halves * sizeof(struct ft_c_part), by);
    cr_assert(r);
    r->fork = fork, r->start = start, r->end = start + halves * FT_C_BLOCK_SIZE;
    for (unsigned i = 0; i < halves; i++)
        if (blocks[i])
            r->part[r->count++] = (struct ft_c_part){blocks[i], i << 1 | (alone >> i & 1 ? FT_C_ALONE : 0)};
    ft_commit(r);
}

struct timeline *trace_timeline_of(const struct timeline_files *files)
{
    cr_assert_eq(ft_reader_open(&reader, path, false), FT_READ_OK);
    timeline = timeline_build(&reader, is_alive, NULL, files);
    cr_assert(timeline);
    return timeline;
}

struct timeline *trace_timeline(const uint32_t *alive)
{
    cr_assert_eq(ft_reader_open(&reader, path, false), FT_READ_OK);
    timeline = timeline_build(&reader, is_alive, (void *)(uintptr_t)alive, NULL);
    cr_assert(timeline);
    return timeline;
}
