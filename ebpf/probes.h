/*
 * probes.h: where processes that the library is not in call fork, clone,
 * pthread_create, sigaction: uprobes at these functions, by symbol, in libc or
 * in the statically linked program, put there when such a process begins.
 *
 * What a call became (a child, a thread, a handler) the tracepoints tell; this
 * adds who asked for it. Probes stay until the end: they sit in files, for
 * every process that runs them, but look only at ours.
 */
#ifndef FT_EBPF_PROBES_H
#define FT_EBPF_PROBES_H

#include <stdbool.h>
#include <stdint.h>

struct bpf_program;
struct probes;

/* `multi`: the program was loaded for uprobe_multi. NULL: no memory. */
struct probes *probes_open(struct bpf_program *program, bool multi);
void probes_close(struct probes *c);

/* Does this kernel have uprobe_multi (6.6)? Its attach type, which libbpf 1.1 has no name for. */
#define UPROBE_MULTI 48 /* BPF_TRACE_UPROBE_MULTI */
bool probes_multi_here(void);

/* The library is not in this process: put probes into its files. */
void probes_look_at(struct probes *c, uint32_t pid);

/* The numbers of calls as in the records: enum ft_kernel_call << 8 | enum ft_fork_api, ... */
static inline unsigned call_kind(uint64_t what) { return (unsigned)(what >> 8); }
static inline unsigned call_api(uint64_t what) { return (unsigned)(what & 0xff); }

#endif
