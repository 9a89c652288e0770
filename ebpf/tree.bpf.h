/*
 * tree.bpf.h: what the BPF programs share: who belongs to the tree, the ring
 * buffer, what is lost. One BPF object, so these are defined here.
 */
#ifndef FT_EBPF_TREE_H
#define FT_EBPF_TREE_H

#include "kernel.h"
#include "record.h"
#include "trace/format.h"

struct member {  /* of the tree: a process */
    __u64 start; /* of its first thread: tells a pid used again */
    __u64 image; /* when what it runs was executed, by itself or by who forked it; 0: before our eyes */
    __u32 dead;  /* its last thread has ended */
    __u32 pad;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 65536);
    __type(key, __u32); /* tgid in the kernel's own namespace */
    __type(value, struct member);
} tree SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 8 << 20);
} ring SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, LOST_WHYS);
    __type(key, __u32);
    __type(value, __u64);
} lost SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, char[4096]);
} scratch SEC(".maps");

const volatile __u32 ring_size = 8 << 20;
bool root_is_new;   /* the root was started for this run, and is held until it may go on */
__u32 reader_level; /* of forktrace-ebpf's pid namespace; 0: the kernel's own */

/* --- the ring --------------------------------------------------------------------------------- */

static __always_inline void count_lost(__u32 why)
{
    __u64 *count = bpf_map_lookup_elem(&lost, &why);
    if (count) __sync_fetch_and_add(count, 1);
}

static __always_inline void *begin(__u32 kind, __u32 tid, __u64 size)
{
    struct event *e = bpf_ringbuf_reserve(&ring, size, 0);
    if (!e) {
        count_lost(LOST_RING);
        return NULL;
    }
    e->kind = kind;
    e->tid = tid;
    e->ns = bpf_ktime_get_ns();
    return e;
}

/* A wakeup costs the traced program more than the record: the reader looks by itself ten times a second. */
static __always_inline void end(void *e, bool urgent)
{
    urgent = urgent || bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > ring_size / 4;
    bpf_ringbuf_submit(e, urgent ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

/* --- who is who ------------------------------------------------------------------------------- */

static __always_inline __u32 tid_of(const struct task_struct *task)
{
    return number_at(BPF_CORE_READ(task, thread_pid), reader_level);
}

static __always_inline __u32 pid_of(const struct task_struct *task)
{
    return number_at(BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID]), reader_level);
}

static __always_inline struct member *member_of(const struct task_struct *task)
{
    __u32 tgid = (__u32)BPF_CORE_READ(task, tgid);
    return bpf_map_lookup_elem(&tree, &tgid);
}

static __always_inline bool current_in_tree(void)
{
    __u32 tgid = (__u32)(bpf_get_current_pid_tgid() >> 32);
    return bpf_map_lookup_elem(&tree, &tgid) != NULL;
}

static __always_inline bool add(const struct task_struct *task)
{
    __u32 tgid = (__u32)BPF_CORE_READ(task, tgid);
    const struct member *parent = member_of((const void *)bpf_get_current_task());
    struct member new = {.start = BPF_CORE_READ(task, group_leader, start_time),
                         .image = parent ? parent->image : 0};
    if (!bpf_map_update_elem(&tree, &tgid, &new, BPF_ANY)) return true;
    count_lost(LOST_TREE);
    return false;
}

#endif
