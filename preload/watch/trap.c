/*
 * trap.c: see trap.h. The kernel has our handler for SIGTRAP and never has it
 * blocked: a store that hits a breakpoint while it is blocked is told late, and
 * only the last one.
 *
 * Not seen: masks set by raw system calls, by sigsuspend(), ppoll() and the like
 * while they wait, and by libc itself around clone(). Nothing breaks then: see
 * FT_C_LATE.
 */
#define _GNU_SOURCE
#include "preload/watch/trap.h"

bool trap_taken;

#if defined __x86_64__

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "preload/signals.h"
#include "preload/watch/hardware.h"
#include "trace/syscall.h"

#define TRAP     (1ull << (SIGTRAP - 1))
#define ALL_BITS 8 /* bytes of the kernel's sigset_t */

/* si_code of a breakpoint's, and what its siginfo holds: glibc 2.36 has no names for them. */
#define CODE_PERF  6
#define FLAG_ASYNC 1
struct perf_siginfo {
    int32_t signo, error, code, pad;
    uint64_t address, data;
    uint32_t type, flags;
};

HOOK_REAL(int, sigaction, (int, const struct sigaction *, struct sigaction *));

static struct sigaction theirs; /* the program's for SIGTRAP */
static uint64_t masked; /* signals whose handlers are to run with SIGTRAP blocked, as the program thinks */
/* Of this thread, as the program thinks. A thread it creates thinks it is not. */
static __thread bool blocked __attribute__((tls_model("initial-exec")));

static void set_mask(int how, uint64_t set) { ft_syscall(SYS_rt_sigprocmask, how, &set, NULL, ALL_BITS); }

static void add(sigset_t *set, bool yes)
{
    uint64_t word = mask_word(set) | (yes ? TRAP : 0);
    memcpy(set, &word, sizeof word);
}

static sigset_t without(const sigset_t *set)
{
    sigset_t copy;
    uint64_t word = mask_word(set) & ~TRAP;
    sigemptyset(&copy);
    memcpy(&copy, &word, sizeof word);
    return copy;
}

/* --- the signal ------------------------------------------------------------------------------- */

/* The default action, and with the right wait status: by the kernel itself. */
static void die(ucontext_t *context)
{
    struct sigaction fallback = {.sa_handler = SIG_DFL};
    REAL(sigaction)(SIGTRAP, &fallback, NULL);
    ft_syscall(SYS_tgkill, ft_syscall(SYS_getpid), ft_syscall(SYS_gettid), SIGTRAP);
    context->uc_sigmask = without(&context->uc_sigmask);
}

/* It would have been pending: so it is, and from now on this thread does block it. */
static void keep_pending(siginfo_t *info, ucontext_t *context)
{
    add(&context->uc_sigmask, true);
    if (info->si_code == SI_TKILL)
        ft_syscall(SYS_rt_tgsigqueueinfo, ft_syscall(SYS_getpid), ft_syscall(SYS_gettid), SIGTRAP, info);
    else
        ft_syscall(SYS_rt_sigqueueinfo, ft_syscall(SYS_getpid), SIGTRAP, info);
    self_note(FT_NOTE_WATCH_TRAP_BLOCKED, NULL);
}

/* As the kernel would call it, but for the frame of ours below. */
static void hand_on(int signal_number, siginfo_t *info, ucontext_t *context)
{
    struct sigaction action = theirs;
    uint64_t mask = mask_word(&context->uc_sigmask) | (mask_word(&action.sa_mask) & ~TRAP);
    if (action.sa_handler == SIG_IGN && info->si_code <= 0) return;
    if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) {
        die(context);
        return;
    }
    if (action.sa_flags & (int)SA_RESETHAND) theirs.sa_handler = SIG_DFL;
    set_mask(SIG_SETMASK, mask);
    if (action.sa_flags & SA_SIGINFO)
        action.sa_sigaction(signal_number, info, context);
    else
        action.sa_handler(signal_number);
}

static void on_trap(int signal_number, siginfo_t *info, void *context)
{
    const struct perf_siginfo *perf = (const void *)info;
    ucontext_t *uc = context;
    int saved = errno;
    if (perf->code == CODE_PERF) {
        if (hardware_hit(perf->data, uc, perf->flags & FLAG_ASYNC)) {
            errno = saved;
            return;
        }
    }
    if (blocked && info->si_code <= 0) keep_pending(info, uc);
    errno = saved;
    if (!blocked || info->si_code > 0) hand_on(signal_number, info, uc);
}

/* Nothing of the program's runs in our handler: `place` and the rest are whole for it. */
static bool install(int flags)
{
    struct sigaction ours = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_RESTART | flags};
    sigfillset(&ours.sa_mask);
    return !REAL(sigaction)(SIGTRAP, &ours, NULL);
}

/*
 * On the program's alternate stack, if it has one: the stack that did the store may be a small one. Its own
 * handler is asked for its wish, where it has one.
 */
static int wish(void)
{
    bool own = theirs.sa_handler != SIG_DFL && theirs.sa_handler != SIG_IGN;
    return own ? theirs.sa_flags & SA_ONSTACK : SA_ONSTACK;
}

bool trap_take(void)
{
    uint64_t before = 0;
    if (trap_taken) return true;
    if (REAL(sigaction)(SIGTRAP, NULL, &theirs)) return false;
    ft_syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &before, ALL_BITS);
    if (!install(wish())) return false;
    blocked = before & TRAP;
    trap_taken = true;
    set_mask(SIG_UNBLOCK, TRAP);
    return true;
}

/* --- what the program asks for ------------------------------------------------------------------ */

int trap_sigaction(trap_sigaction_function *real, int signal_number, const struct sigaction *action,
                   struct sigaction *old)
{
    /* libc does not look at *action for others, nor for its own two */
    bool valid = signal_number > 0 && signal_number <= 64 && signal_number != 32 && signal_number != 33;
    uint64_t bit = valid ? 1ull << (signal_number - 1) : 0;
    struct sigaction ours;
    if (signal_number == SIGTRAP) {
        struct sigaction before = theirs;
        if (action) theirs = *action;
        if (old) *old = before;
        if (action) install(wish());
        return 0;
    }
    bool was = masked & bit, now = was;
    if (action && valid) {
        ours = *action;
        now = mask_word(&action->sa_mask) & TRAP;
        ours.sa_mask = without(&action->sa_mask);
        action = &ours;
    }
    int result = real(signal_number, action, old);
    if (result) return result;
    if (old) add(&old->sa_mask, was);
    if (now != was) __atomic_fetch_xor(&masked, bit, __ATOMIC_RELAXED);
    return 0;
}

int trap_sigmask(trap_sigmask_function *real, int how, const sigset_t *set, sigset_t *old)
{
    sigset_t ours;
    bool was = blocked, named = false;
    if (set) {
        named = mask_word(set) & TRAP;
        ours = without(set);
    }
    int result = real(how, set ? &ours : NULL, old);
    if (result) return result;
    if (old) add(old, was);
    if (!set) return 0;
    if (how == SIG_SETMASK) blocked = named;
    if (how == SIG_BLOCK) blocked |= named;
    if (how == SIG_UNBLOCK && named) blocked = false;
    if (was && !blocked) set_mask(SIG_UNBLOCK, TRAP); /* keep_pending() has blocked it */
    return 0;
}

void trap_hand_over(void)
{
    if (likely(!trap_taken)) return;
    int saved = errno;
    if (theirs.sa_handler == SIG_IGN) REAL(sigaction)(SIGTRAP, &theirs, NULL);
    if (blocked) set_mask(SIG_BLOCK, TRAP);
    errno = saved;
}

void trap_take_back(void)
{
    if (likely(!trap_taken)) return;
    int saved = errno;
    if (theirs.sa_handler == SIG_IGN) install(wish());
    if (blocked) set_mask(SIG_UNBLOCK, TRAP);
    errno = saved;
}

#else

bool trap_take(void) { return false; }
int trap_sigaction(trap_sigaction_function *real, int signal_number, const struct sigaction *action,
                   struct sigaction *old)
{
    return real(signal_number, action, old);
}
int trap_sigmask(trap_sigmask_function *real, int how, const sigset_t *set, sigset_t *old)
{
    return real(how, set, old);
}
void trap_hand_over(void) {}
void trap_take_back(void) {}

#endif
