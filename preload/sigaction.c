/*
 * sigaction.c: who installs what for a signal, over what. One record for each
 * call of the program that changed a disposition; queries are none.
 *
 * glibc's signal(), sigset() and siginterrupt() do not come through our
 * sigaction: each is wrapped, the real one is called and asked afterwards what
 * it made of the flags and the mask.
 *
 * Everything here may run in a signal handler, and in a vfork child on its
 * parent's memory (CPython's subprocess does): it only records.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>

#include "preload/python/python.h"
#include "preload/signals.h"
#include "preload/watch/trap.h"

#define RESTORER 0x04000000u /* SA_RESTORER: glibc adds it, and shows it in queries */

static uint64_t address_of(const struct sigaction *action) { return (uint64_t)(uintptr_t)action->sa_handler; }

static void installed(enum ft_sigaction_api api, int signal_number, uint64_t old, uint64_t new,
                      uint32_t flags, uint64_t mask, enum ft_asked asked, uint64_t site)
{
    ft_ref task = me();
    if (!task) return;
    origin_first(site);
    if (new > (uint64_t)(uintptr_t)SIG_IGN) origin_site(new); /* its object, looked for once */
    ft_ref py_handler = python_handler(site), py_stack = python_stack_from(site);
    size_t size = offsetof(struct ft_sigaction, mask); /* what is zero at the end is left out */
    if (mask) size = offsetof(struct ft_sigaction, py_stack);
    if (py_handler || py_stack) size = sizeof(struct ft_sigaction);
    struct ft_sigaction *record = ft_begin(&ft, FT_SIGACTION, size, task);
    if (!record) return;
    record->site = site;
    record->old_handler = old;
    record->new_handler = new;
    record->flags = flags & ~RESTORER;
    record->signal = (uint8_t)signal_number;
    record->api = (uint8_t)api;
    record->asked =
        py_stack ? FT_ASKED_UNKNOWN : (uint16_t)asked; /* CPython asks for all, and tells the program */
    if (mask || py_stack || py_handler) record->mask = mask;
    if (py_stack) record->py_stack = py_stack;
    if (py_handler) record->py_handler = py_handler;
    ft_commit(record);
}

/* --- sigaction ------------------------------------------------------------------------------ */

/* glibc looks at *action only for these; for others it may be any pointer. */
static bool may_install(int signal_number)
{
    return signal_number > 0 && signal_number < NSIG && signal_number != 32 && signal_number != 33;
}

static int change(trap_sigaction_function *real, int signal_number, const struct sigaction *action,
                  struct sigaction *old)
{
    return unlikely(trap_taken) ? trap_sigaction(real, signal_number, action, old)
                                : real(signal_number, action, old);
}

/* Who asked last what is installed for a signal: a call that installs nothing. */
static uint64_t asked_at[NSIG];

/* The same code, as far as an address tells, asked in this call or before it. */
static enum ft_asked has_asked(int signal_number, const struct sigaction *old, uint64_t site)
{
    uint64_t distance = site - asked_at[signal_number];
    return old || distance + 0x10000 < 0x20000 ? FT_ASKED : FT_NOT_ASKED;
}

static inline void note_question(int signal_number, const struct sigaction *old, uint64_t site)
{
    if (old && may_install(signal_number) && ft_writer_on(&ft)) asked_at[signal_number] = site;
}

/*
 * The new action is read before the call: `action` and `old` may be the same
 * struct. The old one is asked for where the caller wants it, so that he finds
 * there exactly the bytes that libc writes, and none of ours.
 */
#define SIGACTION(name)                                                                                     \
    HOOK(int, name, (int signal_number, const struct sigaction *action, struct sigaction *old))             \
    {                                                                                                       \
        if (!action) note_question(signal_number, old, SITE());                                             \
        if (!action || !may_install(signal_number)) return change(&REAL(name), signal_number, action, old); \
        struct sigaction ours, *before = old ? old : &ours;                                                 \
        uint64_t new = address_of(action), mask = mask_word(&action->sa_mask);                              \
        uint32_t flags = (uint32_t)action->sa_flags;                                                        \
        int result = change(&REAL(name), signal_number, action, before);                                    \
        if (!result)                                                                                        \
            installed(FT_SIGACTION_sigaction, signal_number, address_of(before), new, flags, mask,          \
                      has_asked(signal_number, old, SITE()), SITE());                                       \
        return result;                                                                                      \
    }

SIGACTION(sigaction)
SIGACTION(__sigaction) /* the same under its other exported name */

/* --- signal and its kin --------------------------------------------------------------------- */

/* What is installed now. */
static struct sigaction ask(int signal_number)
{
    int saved = errno;
    struct sigaction now;
    if (change(&REAL(sigaction), signal_number, NULL, &now)) memset(&now, 0, sizeof now);
    errno = saved;
    return now;
}

static void installed_by(enum ft_sigaction_api api, int signal_number, uint64_t old, uint64_t new,
                         uint64_t site)
{
    if (!me()) return;
    struct sigaction now = ask(signal_number);
    installed(api, signal_number, old, new, (uint32_t)now.sa_flags, mask_word(&now.sa_mask), FT_ASKED_UNKNOWN,
              site);
}

/* What libc makes of it: signal() restarts calls, System V's forgets the handler when it has run. */
static sighandler_t trap_signal(sighandler_t handler, enum ft_sigaction_api api)
{
    struct sigaction old, new = {.sa_handler = handler, .sa_flags = SA_RESTART};
    if (api == FT_SIGACTION_sysv_signal) new.sa_flags = (int)SA_RESETHAND | SA_NODEFER;
    if (handler == SIG_ERR) return errno = EINVAL, SIG_ERR;
    trap_sigaction(&REAL(sigaction), SIGTRAP, &new, &old);
    return old.sa_handler;
}

#define SIGNAL(name, api)                                                                            \
    HOOK(sighandler_t, name, (int signal_number, sighandler_t handler))                              \
    {                                                                                                \
        sighandler_t old = unlikely(trap_taken && signal_number == SIGTRAP)                          \
                               ? trap_signal(handler, api)                                           \
                               : REAL(name)(signal_number, handler);                                 \
        if (old != SIG_ERR)                                                                          \
            installed_by(api, signal_number, (uint64_t)(uintptr_t)old, (uint64_t)(uintptr_t)handler, \
                         SITE());                                                                    \
        return old;                                                                                  \
    }

SIGNAL(signal, FT_SIGACTION_signal)
SIGNAL(bsd_signal, FT_SIGACTION_bsd_signal)
SIGNAL(ssignal, FT_SIGACTION_ssignal)
SIGNAL(sysv_signal, FT_SIGACTION_sysv_signal)
SIGNAL(__sysv_signal, FT_SIGACTION_sysv_signal) /* what signal() is under _XOPEN_SOURCE */

HOOK(int, sigignore, (int signal_number))
{
    struct sigaction old = ask(signal_number);
    int result = REAL(sigignore)(signal_number);
    if (!result)
        installed_by(FT_SIGACTION_sigignore, signal_number, address_of(&old), (uint64_t)(uintptr_t)SIG_IGN,
                     SITE());
    return result;
}

/* Keeps the handler, changes SA_RESTART. */
HOOK(int, siginterrupt, (int signal_number, int interrupt))
{
    int result = REAL(siginterrupt)(signal_number, interrupt);
    if (result || !me()) return result;
    struct sigaction now = ask(signal_number);
    installed(FT_SIGACTION_siginterrupt, signal_number, address_of(&now), address_of(&now),
              (uint32_t)now.sa_flags, mask_word(&now.sa_mask), FT_ASKED_UNKNOWN, SITE());
    return result;
}

/* --- sigset --------------------------------------------------------------------------------- */

/* Installs and unblocks; or, with SIG_HOLD, only blocks. It returns SIG_HOLD if the signal was blocked. */
HOOK(sighandler_t, sigset, (int signal_number, sighandler_t handler))
{
    if (!me()) return REAL(sigset)(signal_number, handler);
    struct sigaction old = ask(signal_number);
    uint64_t mask = mask_now();
    sighandler_t result = REAL(sigset)(signal_number, handler);
    if (result == SIG_ERR) return result;
    if (handler != SIG_HOLD)
        installed_by(FT_SIGACTION_sigset, signal_number, address_of(&old), (uint64_t)(uintptr_t)handler,
                     SITE());
    mask_changed(FT_SIGMASK_sigset, handler == SIG_HOLD ? SIG_BLOCK : SIG_UNBLOCK, mask, mask_now(), SITE());
    return result;
}
