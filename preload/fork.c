/*
 * fork.c: fork and _Fork, and our pthread_atfork handlers, which record every
 * process made by glibc's fork whoever calls it: daemon() and forkpty() reach
 * it without passing our wrapper. The wrappers only say what the call was and
 * learn the pid, which the handlers cannot know.
 *
 * The child stores to nothing but its thread's TLS, next to the descriptor
 * that glibc's fork writes anyway: every other page costs a copy.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fork.h"
#include "init.h"
#include "inventory.h"
#include "memory.h"
#include "origin.h"
#include "python/python.h"
#include "pending.h"
#include "stacks.h"
#include "thread.h"
#include "watch/watch.h"

/*
 * pthread_atfork itself is a static piece of every object; this is what it
 * calls. Past our own wrapper of it: our handlers are no event of the program.
 */
HOOK_REAL(int, __register_atfork, (void (*)(void), void (*)(void), void (*)(void), void *));
extern void *__dso_handle;

/* The fork this thread is in, and when this process was forked. */
static __thread struct fork_call call __attribute__((tls_model("initial-exec")));
static __thread struct {
    uint64_t time;
    uint32_t parent, number;
} born __attribute__((tls_model("initial-exec")));

HOT uint64_t fork_born(void) { return born.time; }
HOT uint32_t fork_parent(void) { return born.parent; }
HOT uint32_t fork_number(void) { return born.number; }
HOT uint32_t fork_count(void) { return call.number; }

struct ft_fork *fork_record(enum ft_fork_api api, uint64_t site)
{
    int saved = errno;
    ft_ref task = me();
    struct ft_origin origin = {.site = site};
    if (task) origin = origin_full(site);
    struct ft_fork *record = task ? ft_begin(&ft, FT_FORK, sizeof *record, task) : NULL;
    if (record) {
        record->origin = origin;
        record->api = api;
        ft_publish(record);
    }
    errno = saved;
    return record;
}

void fork_result(struct ft_fork *record, int32_t result)
{
    if (!record) return;
    record->result = result;
    ft_commit(record);
}

/* --- around the fork ------------------------------------------------------------------------ */

/*
 * Runs last of all prepare handlers. errno is cleared so that the parent's
 * handler, which runs after a failed fork too, can tell: glibc (2.36) touches
 * it only when clone fails.
 */
static void prepare(void)
{
    int error = errno;
    call.record = fork_record(self.fork_api ? self.fork_api : FT_FORK_fork, call.site ? call.site : SITE());
    if (!call.record) return;
    call.time = call.record->head.time;
    call.parent = self.pid;
    call.number++;
    self.child = ft_ref_of(call.record);
    inventory_at_fork(self.task, self.child);
    pending_at_fork(self.child);
    call.threads = thread_known() > 1;
    stacks_before_fork();
    python_at_fork(self.child, call.record->origin.py_stack);
    if (call.record->origin.py_stack) python_greenlets_at_fork(self.child);
    watch_at_fork(self.child);
    memory_at_fork(self.child);
    call.error = error;
    call.armed = true;
    call.errno_at = &errno;
    errno = 0;
}

HOT static void in_parent(void)
{
    self.child = 0;
    if (!call.armed) return;
    call.armed = false;
    int error = errno;
    bool pid_follows = self.fork_api != FT_FORK_daemon && self.fork_api != 0;
    if (!error) errno = call.error;
    if (!call.record || (!error && pid_follows)) return;
    fork_result(call.record, error ? -error : 1);
    call.record = NULL;
}

/*
 * This fork was interrupted by a signal handler that forked, and is done a
 * second time by the handler's child: no record was made for it beforehand.
 */
static void born_late(void)
{
    struct ft_fork *record = ft_begin(&ft, FT_FORK, sizeof *record, self.task);
    if (!record) return;
    record->origin.site = call.site;
    record->api = self.fork_api;
    record->result = (int32_t)syscall(SYS_getpid);
    call.time = record->head.time;
    self.child = ft_ref_of(record);
    ft_commit(record);
}

HOT static void in_child(void)
{
    if (!call.armed) return;
    call.armed = false;
    if (!call.record) born_late();
    call.record = NULL; /* the parent completes it */
    born.time = call.time;
    born.parent = call.parent;
    born.number = call.number;
    call.number = 0;
    self.vforked = 0;                              /* forked by a vfork child: this memory is its own */
    if (self.child) self_become_child(self.child); /* 0: a signal handler was faster */
    self.child = 0;
    if (call.threads) self.untold = ~0ull;
    python_in_child();
    *call.errno_at = call.error;
}

struct fork_call fork_enter(enum ft_fork_api api, uint64_t site)
{
    struct fork_call outer = call;
    outer.child = self.child;
    outer.api = self.fork_api;
    self.fork_api = (uint8_t)api;
    self.child = 0;
    call.site = site;
    call.record = NULL;
    call.armed = false;
    return outer;
}

HOT void fork_leave(struct fork_call *outer, pid_t pid)
{
    if (pid > 0) fork_result(call.record, pid);
    if (pid == 0) outer->record = NULL, outer->child = 0; /* its parent's; see born_late */
    outer->number = call.number;
    self.fork_api = outer->api;
    self.child = outer->child;
    call = *outer;
}

void fork_init(void) { REAL(__register_atfork)(prepare, in_parent, in_child, &__dso_handle); }

/* --- the functions -------------------------------------------------------------------------- */

HOT pid_t fork(void);
HOOK(pid_t, fork, (void))
{
    struct fork_call outer = fork_enter(FT_FORK_fork, SITE());
    pid_t pid = REAL(fork)();
    fork_leave(&outer, pid);
    return pid;
}

/* glibc's _Fork (2.34) runs no handlers: it is async-signal-safe, and so are ours. */
HOT pid_t _Fork(void);
HOOK(pid_t, _Fork, (void))
{
    struct fork_call outer = fork_enter(FT_FORK__Fork, SITE());
    prepare();
    pid_t pid = REAL(_Fork)();
    if (pid)
        in_parent();
    else
        in_child();
    fork_leave(&outer, pid);
    return pid;
}

EXPORT pid_t __fork(void) __attribute__((alias("fork"), nothrow)); /* glibc exports it too */
