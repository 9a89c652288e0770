/*
 * process.h: records of processes: born, executing, ending, reaped; their
 * session and rights; images the library is not in. Part of ../format.h, which
 * includes it.
 */
#ifndef FT_FORMAT_PROCESS_H
#define FT_FORMAT_PROCESS_H

/* How the library came to be in this address space. */
enum ft_birth { FT_BIRTH_ROOT = 1, FT_BIRTH_EXEC = 2, FT_BIRTH_UNSEEN_FORK = 3 };

struct ft_process {      /* birth certificate: a new image, or a child whose creation was not seen */
    struct ft_head head; /* task: this record itself, the main thread of the image */
    uint32_t pid, ppid;
    uint64_t start_ticks; /* field 22 of /proc/PID/stat; 0 unknown */
    uint32_t birth;       /* enum ft_birth */
    uint32_t tid;
    uint64_t blocked, ignored; /* signals: bit n-1 for signal n */
    ft_ref exe, argv, cwd;
    ft_ref parent_task; /* FT_BIRTH_UNSEEN_FORK: whose memory it was copied from */
    uint64_t pthread;   /* pthread_t of the main thread; 0 unknown */
};

/* clang-format off */
#define FT_FORK_APIS(X)                                                                   \
    X(1, fork) X(2, vfork) X(3, clone) X(4, posix_spawn) X(5, system) X(6, popen)         \
    X(7, daemon) X(8, forkpty) X(9, _Fork) X(10, clone_vm)
#define FT_EXIT_APIS(X) X(1, exit) X(2, _exit) X(3, _Exit) X(4, quick_exit) X(5, end)
#define FT_REAP_APIS(X) X(1, wait) X(2, waitpid) X(3, wait3) X(4, wait4) X(5, waitid) X(6, system) X(7, pclose)
#define FT_SESSION_APIS(X) X(1, setsid) X(2, setpgid) X(3, setpgrp)
#define FT_CRED_APIS(X)                                                                            \
    X(1, setuid) X(2, setgid) X(3, seteuid) X(4, setegid) X(5, setreuid) X(6, setregid)            \
    X(7, setresuid) X(8, setresgid) X(9, setgroups) X(10, initgroups) X(11, chroot)
#define FT_X_FORK(n, name) FT_FORK_##name = n,
enum ft_fork_api { FT_FORK_APIS(FT_X_FORK) };
#define FT_X_EXIT(n, name) FT_EXIT_##name = n,
enum ft_exit_api { FT_EXIT_APIS(FT_X_EXIT) };
#define FT_X_REAP(n, name) FT_REAP_##name = n,
enum ft_reap_api { FT_REAP_APIS(FT_X_REAP) };
#define FT_X_SESSION(n, name) FT_SESSION_##name = n,
enum ft_session_api { FT_SESSION_APIS(FT_X_SESSION) };
#define FT_X_CRED(n, name) FT_CRED_##name = n,
enum ft_cred_api { FT_CRED_APIS(FT_X_CRED) };
/* clang-format on */
struct ft_fork { /* before the call; FT_OPEN until it returned in the parent. Names the child's main task */
    struct ft_head head;
    struct ft_origin origin;
    uint32_t api;
    int32_t result; /* 0 not returned; child's pid (system, popen, daemon: 1, its pid is not known here);
                       -errno */
};
static_assert(sizeof(struct ft_fork) <= 48, "lineage record");

struct ft_child { /* first act of a child; task: the FT_FORK record that made it */
    struct ft_head head;
    uint32_t pid, tid;
};

struct ft_exec { /* before the call; an FT_EXEC_FAILED follows if it came back */
    struct ft_head head;
    struct ft_origin origin;
    ft_ref path;
    uint32_t pad;
};

struct ft_exec_failed {
    struct ft_head head;
    ft_ref path;
    int32_t error; /* errno */
};

struct ft_exit { /* asked for, with where; FT_EXIT_end: the very last thing exit() does */
    struct ft_head head;
    struct ft_origin origin;
    uint32_t api;
    int32_t status; /* as the parent will see it: & 0xff */
};

struct ft_reap { /* task 0: somebody outside the run waited, as `forktrace record` does for the first process
                  */
    struct ft_head head;
    uint64_t site;
    int32_t pid;
    int32_t status; /* a wait status */
    uint32_t api;
    ft_ref py_stack;
};

struct ft_no_child { /* a wait for one child failed with ECHILD: it is not ours, or somebody else reaped it */
    struct ft_head head;
    struct ft_origin origin;
    int32_t pid;
    uint32_t api; /* enum ft_reap_api */
};

struct ft_session {
    struct ft_head head;
    uint64_t site;
    uint32_t api;
    int32_t result;
};

struct ft_cred {
    struct ft_head head;
    uint64_t site;
    uint32_t api;
    int32_t error;
    uint32_t ids[4]; /* its arguments; chroot: ids[0] is the path's reference */
};

/*
 * Why the library is not in an image. The name is part of the JSON timeline (coverage_reason begins with it).
 * RAW_* are concluded from what is missing, SECCOMP from its note, the others were seen before the image
 * began.
 */
/* clang-format off */
#define FT_BLINDS(X)                                                                                            \
    X(1, STATIC, "static", "a statically linked program has no loader that would load the library")             \
    X(2, SETUID, "setuid", "it runs with other rights than its caller (set-uid, set-gid, seteuid): the loader " \
      "ignores LD_PRELOAD")                                                                                     \
    X(3, CAPABILITIES, "capabilities", "its file gives it capabilities: the loader ignores LD_PRELOAD")         \
    X(4, MUSL, "musl", "the loader of musl cannot load a library made for glibc")                               \
    X(5, LOADER, "foreign loader", "its loader is not glibc's")                                                 \
    X(6, ARCHITECTURE, "foreign architecture", "the library is of another architecture")                        \
    X(7, CHROOT, "chroot", "the library cannot be opened from there (its root directory, permissions)")         \
    X(8, ENVIRONMENT, "env cleaned", "the environment it was started with does not name the library")           \
    X(9, DISABLED, "disabled", "it was started with FORKTRACE_DISABLE")                                         \
    X(10, RAW_CLONE, "raw clone", "it was made by a system call that passed no function of libc, or adopted")   \
    X(11, RAW_EXEC, "raw system call", "it left by a system call that passed no function of libc: its end, or " \
      "an exec that cleaned the environment")                                                                   \
    X(12, SECCOMP, "seccomp", "it put a system-call filter on itself that would end it for a call the library " \
      "makes: recording ended there")
enum ft_blind_why {
#define X(number, NAME, name, text) FT_BLIND_##NAME = number,
    FT_BLINDS(X)
#undef X
};
/* clang-format on */

struct ft_blind { /* before the image: the library will not be in it */
    struct ft_head head;
    ft_ref fork; /* 0: the image that the task's FT_EXEC asks for; else of this child (posix_spawn, system) */
    ft_ref path;
    uint32_t why; /* enum ft_blind_why */
    uint32_t pad;
};

#endif
