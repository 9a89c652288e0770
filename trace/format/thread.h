/*
 * thread.h: records of threads: created, started, ended, joined, named. Part
 * of ../format.h, which includes it.
 */
#ifndef FT_FORMAT_THREAD_H
#define FT_FORMAT_THREAD_H

/* clang-format off */
#define FT_THREAD_APIS(X) X(1, pthread_create) X(2, thrd_create) X(3, clone)
#define FT_THREAD_OPS(X) X(1, join) X(2, detach) X(3, cancel)
#define FT_THREAD_ENDS(X) X(1, returned) X(2, exited) X(3, cancelled)
#define FT_X_THREAD(n, name) FT_THREAD_##name = n,
enum ft_thread_api { FT_THREAD_APIS(FT_X_THREAD) };
#define FT_X_THREAD_OP(n, name) FT_THREAD_OP_##name = n,
enum ft_thread_op_api { FT_THREAD_OPS(FT_X_THREAD_OP) };
#define FT_X_THREAD_END(n, name) FT_THREAD_END_##name = n,
enum ft_thread_end_how { FT_THREAD_ENDS(FT_X_THREAD_END) };
/* clang-format on */

struct ft_thread_create { /* before the call; FT_OPEN until it returned. Names the new thread's task */
    struct ft_head head;
    struct ft_origin origin;
    uint64_t start; /* start routine */
    uint16_t api;
    uint16_t detached;
    int32_t error; /* errno; -1 not returned */
};
static_assert(sizeof(struct ft_thread_create) <= 48, "lineage record");

struct ft_thread_start { /* task: its FT_THREAD_CREATE; or this record itself if nobody saw it created */
    struct ft_head head;
    uint32_t tid, pid;
    uint64_t pthread; /* pthread_t */
};

struct ft_thread_end {
    struct ft_head head;
    uint32_t how; /* enum ft_thread_end_how; 0: not known, nobody saw it start */
    uint32_t pad;
    uint64_t cpu_ns;
};

struct ft_thread_op {
    struct ft_head head;
    uint64_t site;
    uint64_t pthread;
    uint32_t api;
    int32_t error;
};

struct ft_thread_name {
    struct ft_head head;
    uint64_t pthread;
    char name[16];
};

/*
 * At a fork at which the kernel has more tasks of this process than we know of: all of them but the
 * forking one. Those with an FT_THREAD_START (one may just have ended, or not have started yet) were seen.
 */
struct ft_unseen_threads {
    struct ft_head head;
    ft_ref fork;
    uint32_t count;
    uint32_t tid[];
};

#endif
