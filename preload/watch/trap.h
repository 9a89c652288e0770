/*
 * trap.h: SIGTRAP is ours while hardware watches are on, and the program is not to
 * notice: it sees the handler, the dispositions and the masks it asked for, and
 * gets the SIGTRAPs that are meant for it.
 */
#ifndef TRAP_H
#define TRAP_H

#include <signal.h>

#include "preload/self.h"

extern bool trap_taken;

/* Take it, once. Normal context only. False: it could not be. */
bool trap_take(void);

typedef int trap_sigaction_function(int, const struct sigaction *, struct sigaction *);
typedef int trap_sigmask_function(int, const sigset_t *, sigset_t *);

/* What sigaction and sigprocmask do then. Async-signal-safe. */
int trap_sigaction(trap_sigaction_function *real, int signal_number, const struct sigaction *action,
                   struct sigaction *old);
int trap_sigmask(trap_sigmask_function *real, int how, const sigset_t *set, sigset_t *old);

/*
 * Before a new image begins in this process or a child: it inherits what is ignored and blocked. And after,
 * if it did not begin, or in the parent. Async-signal-safe; keep errno.
 */
void trap_hand_over(void);
void trap_take_back(void);

#endif
