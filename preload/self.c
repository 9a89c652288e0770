/*
 * self.c: identity: which process and thread a record belongs to, noticing
 * forks and threads that came about out of our sight; the lanes of threads.
 */
#define _GNU_SOURCE
#include "self.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/origin.h"
#include "preload/python/python.h"
#include "preload/waiting.h"
#include "preload/thread.h"
#include "preload/watch/watch.h"
#include "trace/syscall.h"

struct ft_writer ft;
__thread struct self self __attribute__((tls_model("initial-exec")));
static uint32_t always_alive[SELF_LOOKING + 1] = {1};
volatile uint32_t *self_alive = always_alive;
bool self_shared_tls, self_slow;

/* --- real functions ------------------------------------------------------------------------- */

extern const struct hook __start_ft_hooks[], __stop_ft_hooks[];

static long missing(void)
{
    errno = ENOSYS;
    return -1;
}

void *hook_find(const char *name)
{
    void *real = dlsym(RTLD_NEXT, name);
    return real ? real : (void *)(uintptr_t)missing;
}

void hook_resolve(void)
{
    for (const struct hook *hook = __start_ft_hooks; hook < __stop_ft_hooks; hook++) {
        if (__atomic_load_n(hook->real, __ATOMIC_RELAXED)) continue;
        __atomic_store_n(hook->real, hook_find(hook->name), __ATOMIC_RELAXED);
    }
}

/* --- identity ------------------------------------------------------------------------------- */

static uint32_t raw(long number) { return (uint32_t)ft_syscall(number); }

/* Children made by clone() that run on their parent's thread pointer: few, found by tid. */
static struct {
    uint32_t tid;
    ft_ref task;
} shared[64];

/* A tid may have been a child's before, or be that of one that is gone: its entry serves again. */
static bool take_entry(unsigned i, uint32_t tid, bool gone_too)
{
    uint32_t old = __atomic_load_n(&shared[i].tid, __ATOMIC_ACQUIRE);
    if (old && old != tid && !(gone_too && ft_syscall(SYS_kill, old, 0) == -ESRCH)) return false;
    return __atomic_compare_exchange_n(&shared[i].tid, &old, tid, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

void self_register_tid(uint32_t tid, ft_ref task)
{
    for (int pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < sizeof shared / sizeof *shared; i++) {
            if (!take_entry(i, tid, pass)) continue;
            __atomic_store_n(&shared[i].task, task, __ATOMIC_RELEASE);
            self_shared_tls = self_slow = true;
            return;
        }
}

static ft_ref registered(void)
{
    uint32_t tid = raw(SYS_gettid);
    for (unsigned i = 0; i < sizeof shared / sizeof *shared; i++)
        if (__atomic_load_n(&shared[i].tid, __ATOMIC_ACQUIRE) == tid)
            return __atomic_load_n(&shared[i].task, __ATOMIC_ACQUIRE);
    return 0;
}

HOT void self_become_child(ft_ref child)
{
    self.child = 0;
    watch_reset(false);
    self.pid = raw(SYS_getpid);
    self.task = child;
    ft_touch(&ft);
    struct ft_child *record = ft_begin(&ft, FT_CHILD, sizeof *record, child);
    if (!record) return;
    record->pid = record->tid = self.pid;
    ft_commit(record);
}

/* A fork by a raw system call: all we know is whose memory this is a copy of. */
static void born_unseen(uint32_t pid)
{
    struct ft_process *record = ft_begin(&ft, FT_PROCESS, sizeof *record, 0);
    if (!record) return;
    watch_reset(false);
    record->head.task = ft_ref_of(record);
    record->pid = record->tid = pid;
    record->ppid = raw(SYS_getppid);
    record->birth = FT_BIRTH_UNSEEN_FORK;
    record->parent_task = self.task;
    record->pthread = (uint64_t)pthread_self();
    self.task = record->head.task;
    self.pid = pid;
    ft_commit(record);
}

static void thread_unseen(void)
{
    struct ft_thread_start *record = ft_begin(&ft, FT_THREAD_START, sizeof *record, 0);
    if (!record) return;
    record->head.task = self.task = ft_ref_of(record);
    record->tid = raw(SYS_gettid);
    record->pid = raw(SYS_getpid);
    record->pthread = (uint64_t)pthread_self();
    ft_commit(record);
    thread_adopt();
}

HOT ft_ref self_identify(void)
{
    if (!ft.header) return 0;
    ft_ref known = self_shared_tls ? registered() : 0;
    if (known || self.busy) return known; /* `self` is its parent's, who may be in the middle of this */
    self.busy++;
    if (!self.vforked && !*self_alive) {
        if (self.child)
            self_become_child(self.child);
        else {
            uint32_t pid = raw(SYS_getpid);
            if (self.pid != pid) born_unseen(pid);
        }
        *self_alive = 1;
    }
    if (!self.task && !thread_starting()) thread_unseen();
    self.busy--;
    return self.task;
}

HOT ft_ref self_slowly(void)
{
    ft_ref task = self_identify();
    if (task && watching) watch_sample();
    return task;
}

HOT ft_ref me_leaving(void)
{
    if (self.task && !self.busy && !self.vforked && !self_shared_tls && self.pid && ft.header &&
        self.pid == raw(SYS_getpid))
        return self.task;
    return me();
}

/* --- lanes ---------------------------------------------------------------------------------- */

#define LANES 4096
static struct lane lanes[LANES] SPARSE;
static uint32_t lanes_used; /* the highest lane ever taken + 1 */

struct lane *my_lane(void)
{
    if (likely(self.lane)) return self.lane;
    if (self.end == SELF_ENDED || self.no_lane) return NULL;
    ft_ref task = me();
    if (!task) return NULL;
    for (uint32_t i = 0; i < LANES; i++) {
        ft_ref none = 0;
        if (lanes[i].task) continue;
        if (!__atomic_compare_exchange_n(&lanes[i].task, &none, task, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_RELAXED))
            continue;
        /* a ghost's lane was never released */
        memset((char *)&lanes[i] + sizeof task, 0, sizeof lanes[i] - sizeof task);
        lanes[i].tid = raw(SYS_gettid);
        uint32_t used = __atomic_load_n(&lanes_used, __ATOMIC_RELAXED);
        while (used < i + 1 && !__atomic_compare_exchange_n(&lanes_used, &used, i + 1, false,
                                                            __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
        }
        if (self.lane) { /* a signal handler took one meanwhile */
            __atomic_store_n(&lanes[i].task, 0, __ATOMIC_RELEASE);
            return self.lane;
        }
        return self.lane = &lanes[i];
    }
    self.no_lane = 1;
    ft_count_lost(&ft, FT_LOST_NO_SLOT, 1);
    return NULL;
}

void lane_release(void)
{
    struct lane *lane = self.lane;
    waiting_release();
    watch_reset(true);
    python_writes_end();
    if (!lane) return;
    self.lane = NULL;
    lane->held = 0;
    __atomic_store_n(&lane->task, 0, __ATOMIC_RELEASE);
}

void lanes_each(void (*visit)(void *context, const struct lane *lane), void *context)
{
    if (self.lane && self.lane->task != self.task) { /* changed by a fork */
        self.lane->task = self.task;
        self.lane->tid = raw(SYS_gettid);
    }
    uint32_t used = __atomic_load_n(&lanes_used, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < used; i++)
        if (__atomic_load_n(&lanes[i].task, __ATOMIC_ACQUIRE)) visit(context, &lanes[i]);
}

/* --- notes ---------------------------------------------------------------------------------- */

void self_note(uint32_t what, const char *text)
{
    size_t length = 0;
    while (text && text[length]) length++;
    uint64_t hash = ft_hash(text, length) ^ (what * 0x9e3779b97f4a7c15u);
    if (ft_interned_find(&ft, hash)) return;
    ft_ref string = ft_string(&ft, text, length, self.task);
    struct ft_note *note = ft_begin(&ft, FT_NOTE, sizeof *note, self.task);
    if (!note) return;
    note->what = what;
    note->text = string;
    ft_ref ref = ft_ref_of(note);
    ft_commit(note);
    ft_interned_keep(&ft, hash, ref);
}
