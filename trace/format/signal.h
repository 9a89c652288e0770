/*
 * signal.h: records of signals: handlers installed, masks, signals sent. Part
 * of ../format.h, which includes it.
 */
#ifndef FT_FORMAT_SIGNAL_H
#define FT_FORMAT_SIGNAL_H

/* clang-format off */
#define FT_SIGACTION_APIS(X)                                                                        \
    X(1, sigaction) X(2, signal) X(3, bsd_signal) X(4, sysv_signal) X(5, sigset) X(6, siginterrupt) \
    X(7, sigignore) X(8, ssignal)
#define FT_SIGMASK_APIS(X) X(1, sigprocmask) X(2, pthread_sigmask) X(3, sighold) X(4, sigrelse) X(5, sigset)
#define FT_KILL_APIS(X)                                                                             \
    X(1, kill) X(2, pthread_kill) X(3, raise) X(4, sigqueue) X(5, tgkill) X(6, killpg)              \
    X(7, abort) X(8, pthread_sigqueue)
#define FT_X_SIGACTION(n, name) FT_SIGACTION_##name = n,
enum ft_sigaction_api { FT_SIGACTION_APIS(FT_X_SIGACTION) };
#define FT_X_SIGMASK(n, name) FT_SIGMASK_##name = n,
enum ft_sigmask_api { FT_SIGMASK_APIS(FT_X_SIGMASK) };
#define FT_X_KILL(n, name) FT_KILL_##name = n,
enum ft_kill_api { FT_KILL_APIS(FT_X_KILL) };
/* clang-format on */

/* Did who installs a handler ask for the one before? Then he may call it. An older writer did not say; nor
 * does signal(), which tells everybody, or Python. */
enum ft_asked { FT_ASKED_UNKNOWN, FT_NOT_ASKED, FT_ASKED };

struct ft_sigaction { /* a successful install; the tail is there if not zero */
    struct ft_head head;
    uint64_t site;
    uint64_t old_handler, new_handler;
    uint32_t flags;
    uint8_t signal, api;
    uint16_t asked; /* enum ft_asked */
    uint64_t mask;
    ft_ref py_stack;
    ft_ref py_handler; /* FT_PY_FUNCTION */
};

struct ft_sigmask {
    struct ft_head head;
    uint64_t site;
    uint64_t old_mask, new_mask;
    uint8_t how, api;
    uint16_t pad;
    ft_ref py_stack;
};

struct ft_kill { /* before the call; FT_OPEN until it returned */
    struct ft_head head;
    uint64_t site;
    int64_t target; /* pid (kill), pthread_t (pthread_kill), tid (tgkill) */
    uint8_t signal, api;
    uint16_t pad;
    int32_t error;
    ft_ref stack, py_stack;
};

#endif
