/*
 * stores.bpf.h: writes to watched C globals by processes that the library is not in: a
 * breakpoint of the processor (perf event, inherited), and probes behind stores.
 */
#ifndef FT_EBPF_STORES_BPF_H
#define FT_EBPF_STORES_BPF_H

#include "calls.bpf.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, STORES);
    __type(key, __u32); /* the probe's cookie */
    __type(value, struct store_place);
} stores SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 4096);
    __type(key, __u64);   /* pid_tgid */
    __type(value, __u32); /* the store it is in the middle of */
} begun SEC(".maps");

#if defined __x86_64__
/* struct bpf_perf_event_data, whose pt_regs is the user's. */
struct hit_context {
    __u64 registers[21];
    __u64 period, address;
};
#define HIT_RDI(c) ((c)->registers[14])
#define HIT_RIP(c) ((c)->registers[16])

/* As many bytes as are there: the object may end at the end of its page. */
static __always_inline __u64 stored_at(__u64 address)
{
    __u64 value = 0;
    if (!bpf_probe_read_user(&value, 8, (const void *)address)) return value;
    if (!bpf_probe_read_user(&value, 4, (const void *)address)) return value;
    if (!bpf_probe_read_user(&value, 2, (const void *)address)) return value;
    bpf_probe_read_user(&value, 1, (const void *)address);
    return value;
}

static __always_inline void tell_store(__u64 address, __u64 after, __u64 di, __u32 number, __u32 kernel)
{
    const struct task_struct *task = (const void *)bpf_get_current_task();
    const struct member *member = member_of(task);
    if (!member) return;
    struct event_store *e = begin(EVENT_STORE, tid_of(task), sizeof *e);
    if (!e) return;
    e->image = member->image;
    e->pid = pid_of(task);
    e->number = number;
    e->kernel = kernel;
    e->address = address;
    e->after = after;
    e->di = di;
    e->value = stored_at(address);
    e->alone = BPF_CORE_READ(task, signal, live.counter) == 1;
    end(e, false);
}

SEC("perf_event")
int stored(struct hit_context *context)
{
    __u64 address = context->address, after = HIT_RIP(context), di = HIT_RDI(context);
    __u32 kernel = (__s64)after < 0;
    if (kernel) {
        __u16 code = 0; /* rep movsb, and as it begins with a REX prefix; rep stosb */
        bpf_probe_read_kernel(&code, sizeof code, (const void *)after);
        kernel += code == 0xa4f3 || code == 0x48f3 || code == 0xaaf3;
        after = 0;
    }
    tell_store(address, after, di, 0, kernel);
    return 0;
}

/*
 * On the instruction behind a store that says where it stores by itself; and on
 * the store, where jumps may lead right behind it.
 */
SEC("uprobe")
int store_done(struct pt_regs *context)
{
    if (!is_watched()) return 0;
    __u64 who = bpf_get_current_pid_tgid(), cookie = bpf_get_attach_cookie(context);
    __u32 number = (__u32)(cookie & ~STORE_BEGINS);
    if (cookie & STORE_BEGINS) {
        bpf_map_update_elem(&begun, &who, &number, BPF_ANY);
        return 0;
    }
    const struct store_place *place = bpf_map_lookup_elem(&stores, &number);
    if (!place) return 0;
    if (place->guarded) {
        const __u32 *before = bpf_map_lookup_elem(&begun, &who);
        if (!before || *before != number) return 0;
        bpf_map_delete_elem(&begun, &who);
    }
    __u64 ip = BPF_CORE_READ(context, ip);
    tell_store(ip + (__u64)place->distance, ip, 0, number, 0);
    return 0;
}
#endif

#endif
