/*
 * thread.c: threads: created, begun, ended.
 *
 * A new thread starts in a trampoline of ours, which needs three words from
 * its creator: a cell. Cells are private memory, never the trace file: that
 * is writable by others, and these are function pointers.
 *
 * The end is seen by a destructor of thread-specific data. It re-arms itself
 * until the last round, so that what other destructors do is still recorded as
 * this thread's; hooks called even later are harmless (self.task stays valid).
 *
 * C11 threads do not go through pthread_create (thrd_create calls the inside
 * of libc), and their start routine returns int: wrappers of their own.
 */
#define _GNU_SOURCE
#include "thread.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "preload/init.h"
#include "preload/origin.h"
#include "preload/python/python.h"
#include "preload/unsafe.h"

/* --- counting ------------------------------------------------------------------------------- */

static void count(uint32_t change) { __atomic_fetch_add(&self_alive[1], change, __ATOMIC_RELAXED); }

uint32_t thread_known(void) { return 1 + __atomic_load_n(&self_alive[1], __ATOMIC_RELAXED); }

/* --- cells ---------------------------------------------------------------------------------- */

#define CELLS 1024 /* threads between their creator and their trampoline; the first of them share a page */

struct cell {
    union {
        void *(*pthread)(void *);
        thrd_start_t c11;
    } start;
    void *argument;
    ft_ref task; /* the thread's */
    uint32_t pid;
};

static struct {
    uint64_t used[CELLS / 64];
    struct cell cell[CELLS];
} pool SPARSE;

/* NULL: no memory at all. */
static struct cell *cell_take(void)
{
    for (unsigned i = 0; i < CELLS / 64; i++) {
        uint64_t used = __atomic_load_n(&pool.used[i], __ATOMIC_RELAXED);
        while (~used) {
            unsigned bit = (unsigned)__builtin_ctzll(~used);
            if (__atomic_compare_exchange_n(&pool.used[i], &used, used | 1ull << bit, false, __ATOMIC_ACQUIRE,
                                            __ATOMIC_RELAXED))
                return &pool.cell[i * 64 + bit];
        }
    }
    int saved = errno;
    long page = syscall(SYS_mmap, NULL, FT_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    errno = saved;
    return page == -1 ? NULL : (struct cell *)page;
}

static bool in_pool(const struct cell *cell) { return cell >= pool.cell && cell < pool.cell + CELLS; }

static void cell_release(struct cell *cell)
{
    if (in_pool(cell)) {
        size_t index = (size_t)(cell - pool.cell);
        __atomic_fetch_and(&pool.used[index / 64], ~(1ull << index % 64), __ATOMIC_RELEASE);
        return;
    }
    int saved = errno;
    syscall(SYS_munmap, cell, FT_PAGE);
    errno = saved;
}

/* --- the thread descriptor ------------------------------------------------------------------ */

/* Where in glibc's struct pthread they lie, from what it exports for debuggers (nptl_db); 0: not known. */
static uint32_t tid_at, start_at; /* the start routine; its argument follows */

static uint32_t offset_of(const char *name, uint32_t bits)
{
    const uint32_t *descriptor = dlsym(RTLD_DEFAULT, name); /* bits, count, offset */
    return descriptor && descriptor[0] == bits && descriptor[2] < FT_PAGE ? descriptor[2] : 0;
}

static const void *field(pthread_t thread, uint32_t at) { return (const char *)(uintptr_t)thread + at; }

static void find_fields(void)
{
    tid_at = offset_of("_thread_db_pthread_tid", 32);
    start_at = offset_of("_thread_db_pthread_start_routine", 8 * sizeof(void *));
    if (tid_at && *(const uint32_t *)field(pthread_self(), tid_at) != (uint32_t)syscall(SYS_gettid))
        tid_at = 0;
}

uint32_t thread_tid(pthread_t thread)
{
    return tid_at ? __atomic_load_n((const uint32_t *)field(thread, tid_at), __ATOMIC_RELAXED) : 0;
}

/* --- the end of a thread -------------------------------------------------------------------- */

#define UNSEEN 254 /* in self.end: its start routine is not under our trampoline */

static pthread_key_t key;
static bool have_key;

static void write_end(void)
{
    if (self.end == SELF_ENDED) return;
    int saved = errno;
    ft_ref task = me();
    struct ft_thread_end *record = task ? ft_begin(&ft, FT_THREAD_END, sizeof *record, task) : NULL;
    if (record) {
        struct timespec cpu = {0};
        syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &cpu);
        record->how = self.end == UNSEEN ? 0 : self.end ? self.end : FT_THREAD_END_cancelled;
        record->cpu_ns = (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;
        ft_commit(record);
    }
    self.end = SELF_ENDED;
    lane_release();
    count(-1u);
    errno = saved;
}

/* Run by libc up to PTHREAD_DESTRUCTOR_ITERATIONS times as long as a value is set. */
static void destructor(void *round)
{
    uintptr_t next = (uintptr_t)round + 1;
    if (next > PTHREAD_DESTRUCTOR_ITERATIONS || pthread_setspecific(key, (void *)next)) write_end();
}

/* No malloc: the key is among the first 32, whose values lie in the thread descriptor. */
static void expect_end(void)
{
    if (have_key) pthread_setspecific(key, (void *)1);
}

void thread_adopt(void)
{
    self.end = UNSEEN;
    count(1);
    expect_end();
}

void thread_init(void)
{
    find_fields();
    have_key = !pthread_key_create(&key, destructor);
    expect_end(); /* of the main thread, by pthread_exit */
}

/* Without a key these two are the only ends we see. */
static void ending(enum ft_thread_end_how how)
{
    if (!self.end || self.end == UNSEEN) self.end = (uint8_t)how;
    if (!have_key && me()) write_end();
}

static void set_exited(void)
{
    if (me()) ending(FT_THREAD_END_exited);
}

HOOK(void, pthread_exit, (void *result))
{
    set_exited();
    REAL(pthread_exit)(result);
    __builtin_unreachable();
}

HOOK(void, thrd_exit, (int result))
{
    set_exited();
    REAL(thrd_exit)(result);
    __builtin_unreachable();
}

/* --- the beginning -------------------------------------------------------------------------- */

/* Apart from the trampolines, so that what it needs of the stack is free again when the program's code runs.
 */
static __attribute__((noinline)) struct cell arrive(void *argument)
{
    struct cell cell = *(struct cell *)argument;
    bool forked = self.task && self.pid != cell.pid; /* a signal handler came first, and this is its child */
    if (!forked) {
        if (self.end == UNSEEN) count(-1u); /* it came first, and start_at is not known */
        self.end = 0;
        self.pid = cell.pid;
        self.task = cell.task;
    }
    cell_release(argument); /* not before: see thread_starting */
    expect_end();
    if (forked) return cell;
    struct ft_thread_start *record = ft_begin(&ft, FT_THREAD_START, sizeof *record, cell.task);
    if (record) {
        int saved = errno;
        record->tid = tid_at ? thread_tid(pthread_self()) : (uint32_t)syscall(SYS_gettid);
        record->pid = cell.pid;
        record->pthread = (uint64_t)pthread_self();
        ft_commit(record);
        errno = saved;
    }
    return cell;
}

static void *trampoline(void *argument)
{
    struct cell cell = arrive(argument);
    void *result = cell.start.pthread(cell.argument);
    ending(FT_THREAD_END_returned);
    return result;
}

static int trampoline_c11(void *argument)
{
    struct cell cell = arrive(argument);
    int result = cell.start.c11(cell.argument);
    ending(FT_THREAD_END_returned);
    return result;
}

/* start_thread lets signals in before it calls its start routine. */
bool thread_starting(void)
{
    if (!start_at) return false;
    void *const *start = field(pthread_self(), start_at);
    const struct cell *cell = start[1];
    if ((start[0] != (void *)trampoline && start[0] != (void *)trampoline_c11) || !in_pool(cell))
        return false;
    self.pid = cell->pid;
    self.task = cell->task;
    return true;
}

/* --- creation ------------------------------------------------------------------------------- */

/*
 * Before the call: the new thread may act before its creator returns. On
 * success fills in cell->task; NULL: call through, the thread will be met as
 * an unseen one (self_identify).
 */
static struct ft_thread_create *announce(struct cell *cell, enum ft_thread_api api, uint64_t site,
                                         uint64_t start, bool detached)
{
    ft_ref task = me();
    struct ft_origin origin = origin_full(site);
    origin_site(start); /* its object, looked for once */
    struct ft_thread_create *record = ft_begin(&ft, FT_THREAD_CREATE, sizeof *record, task);
    if (!record) return NULL;
    record->origin = origin;
    record->start = start;
    record->api = api;
    record->detached = detached;
    record->error = -1;
    cell->task = ft_ref_of(record);
    cell->pid = self.pid;
    ft_publish(record);
    count(1);
    return record;
}

static void created(struct ft_thread_create *record, struct cell *cell, int error)
{
    if (error) {
        cell_release(cell);
        count(-1u);
    }
    record->error = error;
    ft_commit(record);
}

HOOK(int, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument))
{
    struct ft_thread_create *record = NULL;
    struct cell *cell = me() ? cell_take() : NULL;
    unsafe_look(FT_UNSAFE_pthread_create, SITE());
    if (cell) {
        int detached = PTHREAD_CREATE_JOINABLE;
        if (attributes) pthread_attr_getdetachstate(attributes, &detached);
        cell->start.pthread = start;
        cell->argument = argument;
        record = announce(cell, FT_THREAD_pthread_create, SITE(), (uint64_t)(uintptr_t)start,
                          detached == PTHREAD_CREATE_DETACHED);
        if (!record) cell_release(cell);
        if (record) python_thread(cell->task, SITE(), argument);
    }
    if (!record) return REAL(pthread_create)(thread, attributes, start, argument);
    int error = REAL(pthread_create)(thread, attributes, trampoline, cell);
    created(record, cell, error);
    return error;
}

HOOK(int, thrd_create, (thrd_t * thread, thrd_start_t start, void *argument))
{
    struct ft_thread_create *record = NULL;
    struct cell *cell = me() ? cell_take() : NULL;
    if (cell) {
        cell->start.c11 = start;
        cell->argument = argument;
        record = announce(cell, FT_THREAD_thrd_create, SITE(), (uint64_t)(uintptr_t)start, false);
        if (!record) cell_release(cell);
    }
    if (!record) return REAL(thrd_create)(thread, start, argument);
    int result = REAL(thrd_create)(thread, trampoline_c11, cell);
    created(record, cell, thread_c11_error(result, EAGAIN));
    return result;
}
