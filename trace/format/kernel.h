/*
 * kernel.h: records that forktrace-ebpf alone writes. Part of ../format.h,
 * which includes it.
 */
#ifndef FT_FORMAT_KERNEL_H
#define FT_FORMAT_KERNEL_H

/*
 * Written by forktrace-ebpf, dated by the kernel. It also writes the types above for tasks that the library
 * is not in (FT_SIGACTION, FT_SIGMASK, FT_WAIT of a futex), with the task's FT_KERNEL_TASK as their task.
 */

struct ft_kernel_task { /* a process or a thread begins; task: its creator's FT_KERNEL_TASK, 0 unknown */
    struct ft_head head;
    uint32_t pid, tid;             /* as the task itself is told by getpid() and gettid() */
    uint32_t outer_pid, outer_tid; /* as forktrace-ebpf sees them: others where pid namespaces are nested */
    uint64_t start_ticks;          /* field 22 of /proc/PID/stat */
    uint32_t flags;                /* CLONE_* */
    uint8_t exit_signal;           /* sent to its parent at its end */
    uint8_t how;                   /* enum ft_kernel_birth */
    uint16_t forked;               /* FT_KERNEL_FOUND: 1: it has executed nothing since it was forked */
    struct ft_origin origin;       /* the call that made it, in processes the library is not in; 0 unknown */
    uint64_t function;             /* it was given: a start routine; 0 unknown */
    uint32_t call;                 /* enum ft_kernel_call << 8 | enum ft_fork_api, or of threads; 0 unknown */
    uint32_t pad2;
};
/* What a call asks for. */
enum ft_kernel_call { FT_KERNEL_CALL_FORK = 1, FT_KERNEL_CALL_THREAD = 2, FT_KERNEL_CALL_SIGNAL = 3 };
/* Seen born; the command of `forktrace record --ebpf`; or it was there when forktrace-ebpf looked. */
enum ft_kernel_birth { FT_KERNEL_BORN = 1, FT_KERNEL_ROOT = 2, FT_KERNEL_FOUND = 3 };

struct ft_kernel_exec { /* a new image runs; task: the main thread, whichever thread called exec */
    struct ft_head head;
    ft_ref path; /* as it was called */
    ft_ref exe;  /* what runs: a script's interpreter; 0 unknown */
    ft_ref argv;
    uint32_t why; /* the library is not in it: enum ft_blind_why; 0: nothing keeps it out */
};

/* Why a thread ended: by itself, with its process (exit, a signal), for another thread's exec. */
enum ft_kernel_end { FT_KERNEL_END_ITSELF = 1, FT_KERNEL_END_PROCESS = 2, FT_KERNEL_END_EXEC = 3 };

struct ft_kernel_exit { /* a thread ended */
    struct ft_head head;
    int32_t status;        /* a wait status: the process's if `last`, else the thread's */
    uint8_t last;          /* of its process: that ended */
    uint8_t how;           /* enum ft_kernel_end */
    uint8_t out_of_memory; /* the OOM killer had chosen its process */
    uint8_t pad;
    uint64_t cpu_ns; /* of this thread */
    char name[16];   /* /proc/PID/comm */
};

struct ft_kernel_kill { /* a signal was sent; task: who did it, 0: nobody in the run */
    struct ft_head head;
    ft_ref target;                   /* the thread, or the main thread of the process; 0: outside the run */
    uint32_t target_pid, sender_pid; /* as forktrace-ebpf sees them; 0: the kernel itself, or invisible */
    int32_t code;                    /* siginfo's si_code: 0 kill(), -6 tgkill(), > 0 the kernel */
    uint8_t signal;
    uint8_t group;  /* 1: to the process, 0: to the thread */
    uint8_t result; /* 0 sent, 1 ignored, 2 it was pending already, 3 and 4 no memory for it */
    uint8_t pad[5];
    char name[16]; /* comm of a sender outside the run */
};

struct ft_kernel_signal { /* a signal was taken; task: the thread that took it */
    struct ft_head head;
    ft_ref sender;       /* 0: outside the run, or the kernel itself */
    uint32_t sender_pid; /* as in ft_kernel_kill */
    int32_t code;
    uint8_t signal;
    uint8_t pad[3];
    uint64_t handler; /* SIG_DFL, or an address */
};

/* When forktrace-ebpf began to look, and when it stopped: without the latter it was killed. */
struct ft_kernel_view {
    struct ft_head head;
    uint32_t what; /* enum ft_kernel_view_what */
    uint32_t pid;  /* forktrace-ebpf's */
    uint64_t lost; /* END: records the ring buffer had no room for, counted in FT_LOST_KERNEL too */
};
enum ft_kernel_view_what { FT_KERNEL_VIEW_BEGIN = 1, FT_KERNEL_VIEW_END = 2 };

#endif
