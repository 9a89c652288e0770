/*
 * record.h: what forktrace.bpf.c puts into the ring buffer and write.c takes
 * out. Not a file format: both sides are built together.
 *
 * Pids and tids here are those of forktrace-ebpf's own pid namespace, where
 * nothing else is said. Times are bpf_ktime_get_ns(): CLOCK_MONOTONIC.
 */
#ifndef FT_EBPF_RECORD_H
#define FT_EBPF_RECORD_H

#include <linux/types.h>

enum event_kind {
    EVENT_TASK = 1,
    EVENT_EXEC,
    EVENT_EXIT,
    EVENT_KILL,
    EVENT_SIGNAL,
    EVENT_SIGACTION,
    EVENT_SIGMASK,
    EVENT_WAIT,
    EVENT_CALL
};

struct event {
    __u32 kind; /* enum event_kind */
    __u32 tid;  /* who: EVENT_TASK the creator, EVENT_KILL the sender; 0 outside the tree */
    __u64 ns;
};

struct event_task {
    struct event head;
    __u64 start;            /* CLOCK_BOOTTIME ns */
    __u32 pid, tid;         /* of the new one */
    __u32 own_pid, own_tid; /* in its own namespace */
    __u32 flags;            /* CLONE_* */
    __u8 exit_signal;
    __u8 how; /* enum ft_kernel_birth */
    __u16 pad;
};

#define PATH_ROOM    256
#define PRELOAD_ROOM 512
#define ARGV_ROOM    1024

struct event_exec {
    struct event head;
    __u64 image;     /* its name in the map `covered` */
    __u32 secure;    /* the new image runs with other rights (AT_SECURE) */
    __u32 argv_size; /* bytes in argv: one NUL after each */
    __u32 env_known; /* the environment was looked through */
    __u32 pad;
    char path[PATH_ROOM];       /* as called */
    char preload[PRELOAD_ROOM]; /* "LD_PRELOAD=..."; "": not in its environment */
    char argv[ARGV_ROOM];
};

struct event_exit {
    struct event head;
    __u64 cpu_ns;
    __s32 status;
    __u8 last, how, out_of_memory, pad;
    char name[16];
};

struct event_kill {
    struct event head;
    __u32 sender_pid; /* 0: the kernel itself */
    __u32 target_pid, target_tid;
    __u32 target_in_tree;
    __s32 code;
    __u8 signal, group, result, pad;
    char name[16]; /* the sender's */
};

struct event_signal {
    struct event head;
    __u64 handler;
    __u32 sender_pid;
    __s32 code;
    __u32 signal;
    __u32 pad;
};

/* Of processes the library is not known to be in. Times of these are of the call's end. */
struct event_sigaction {
    struct event head;
    __u64 old_handler, new_handler, mask;
    __u32 flags, signal;
};

struct event_sigmask {
    struct event head;
    __u64 old_mask, new_mask;
    __u32 how, pad;
};

struct event_wait {
    struct event head;
    __u64 since, address;
};

#define CALL_STACK 8192 /* of the stack that is copied, in pieces: it may end sooner */
#define CALL_PIECE 512

struct event_call { /* a function has just been entered; head.tid: by whom */
    struct event head;
    __u64 what;  /* probes.h */
    __u64 image; /* member.image */
    __u64 site;  /* the return address */
    __u64 ip, sp, bp, bx, r12, r13, r14, r15;
    __u64 first, third; /* arguments */
    __u32 pid, size;    /* bytes in stack, from sp on */
    char stack[CALL_STACK];
};

enum lost_why { LOST_RING, LOST_TREE, LOST_WHYS };

#endif
