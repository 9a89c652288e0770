/*
 * inherited.h: records of what a fork copies as it is: atfork handlers, output
 * in buffers, locks, functions with locks inside. Part of ../format.h, which
 * includes it.
 */
#ifndef FT_FORMAT_INHERITED_H
#define FT_FORMAT_INHERITED_H

/* clang-format off */
#define FT_ATFORK_PHASES(X) X(1, registered) X(2, prepare) X(3, parent) X(4, child)
#define FT_X_ATFORK(n, name) FT_ATFORK_##name = n,
enum ft_atfork_phase { FT_ATFORK_PHASES(FT_X_ATFORK) };
/* clang-format on */

struct ft_atfork {
    struct ft_head head;
    uint64_t handler;
    uint64_t ns;    /* it ran so long; 0 for registered */
    uint32_t phase; /* enum ft_atfork_phase */
    uint32_t which; /* registered: 2 prepare, 3 parent, 4 child; else FT_ATFORK_UNLOADED or 0 */
};
enum { FT_ATFORK_UNLOADED = 1 }; /* the handler lies in no object any more */

/* Output that waited in the buffer of a FILE at a fork; and that the child wrote it, too. */
struct ft_stdio {
    struct ft_head head;
    ft_ref fork; /* the FT_FORK record, in both */
    int32_t fd;
    uint64_t file; /* FILE *: the same in both */
    uint32_t bytes;
    uint32_t what; /* FT_STDIO_* */
    ft_ref path;   /* at the fork: what the descriptor leads to, if it is a file */
    uint32_t pad;
};
enum { FT_STDIO_PENDING = 1, FT_STDIO_WRITTEN = 2 };

/*
 * Functions of glibc (2.36) whose locks a fork copies as they are, of all that a program may well call: in
 * the child of a process with threads, the first call of each before an exec is told. malloc and stdio are
 * none of them.
 */
/* clang-format off */
#define FT_UNSAFE_CALLS(X)                                                                                    \
    X(1, rand) X(2, random) X(3, srand) X(4, srandom) X(5, localtime) X(6, localtime_r) X(7, gmtime)          \
    X(8, gmtime_r) X(9, mktime) X(12, tzset) X(13, ctime) X(14, setenv)                                       \
    X(15, putenv) X(16, unsetenv) X(17, clearenv) X(18, dlopen) X(19, dlclose) X(20, getaddrinfo)             \
    X(21, gethostbyname) X(22, getpwnam) X(23, getpwuid) X(24, getgrnam) X(25, getgrgid) X(26, syslog)        \
    X(27, vsyslog) X(28, __syslog_chk) X(29, __vsyslog_chk) X(30, setlocale) X(31, pthread_create)
#define FT_X_UNSAFE(n, name) FT_UNSAFE_##name = n,
enum ft_unsafe { FT_UNSAFE_CALLS(FT_X_UNSAFE) };

/* clang-format on */
struct ft_unsafe_call { /* before the call */
    struct ft_head head;
    struct ft_origin origin;
    uint32_t function; /* enum ft_unsafe */
    uint32_t pad;
};

struct ft_held { /* at a fork: a lock some thread of the process holds */
    struct ft_head head;
    uint64_t address;
    ft_ref fork;
    ft_ref holder; /* task */
    uint32_t kind; /* enum ft_wait_kind */
    uint32_t pad;
};

#endif
