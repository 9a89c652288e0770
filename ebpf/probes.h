/*
 * probes.h: where processes that the library is not in call fork, clone,
 * pthread_create, sigaction: uprobes at these functions, by symbol, in libc or
 * in the statically linked program, put there when such a process begins. And
 * where its Python binds globals, if some are watched.
 *
 * What a call became (a child, a thread, a handler) the tracepoints tell; this
 * adds who asked for it. Probes stay until the end: they sit in files, for
 * every process that runs them, but look only at ours.
 */
#ifndef FT_EBPF_PROBES_H
#define FT_EBPF_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_program;
struct probes;

/* `multi`: the programs were loaded for uprobe_multi. python: NULL if nothing of Python is watched;
 * `pythons`: the map of that name. NULL: no memory. */
struct probes *probes_open(struct bpf_program *calls, struct bpf_program *python, int pythons, bool multi);
void probes_close(struct probes *c);

/* Does this kernel have uprobe_multi (6.6)? Its attach type, which libbpf 1.1 has no name for. */
#define UPROBE_MULTI 48 /* BPF_TRACE_UPROBE_MULTI */
bool probes_multi_here(void);

/* May a program of a user probe wait for a page (6.0; with uprobe_multi from the begin)? */
bool probes_sleep_here(bool multi);

struct probes_python { /* an interpreter in a process */
    char path[512];
    char why[96];     /* it has no probes; "": it has */
    uint64_t runtime; /* address of its _PyRuntime in this process; 0 unknown */
    bool late;        /* it may have bound something before they came */
};

/*
 * The library is not in this process, which runs `exe` (told, if it is gone
 * already): put probes into its files.
 */
void probes_look_at(struct probes *c, uint32_t pid, const char *exe);

/*
 * Before that, as there is no time to lose: those of its Python, if globals of it
 * are watched. True: it has one. `began`: when it executed that (CLOCK_MONOTONIC
 * ns); 0: long ago, and it has loaded what it needs.
 */
bool probes_look_for_python(struct probes *c, uint32_t pid, const char *exe, uint64_t began,
                            struct probes_python *python);

/* The same of a file it mapped at `ns`, if that is a Python by its name. */
bool probes_look_at_mapped(struct probes *c, uint32_t pid, uint64_t address, uint64_t ns,
                           struct probes_python *python);

/*
 * A probe on a `push` is emulated, on most other instructions single-stepped, at ten times the cost: the push
 * a function begins with after its endbr64 (with IBT all begin with one), else its begin.
 */
struct symbols;
uint64_t probes_best_place(struct symbols *s, uint64_t start);
/* Probes at these offsets of a file, each with a cookie, until the end. `program`: loaded like the other one.
 */
bool probes_put(struct probes *c, struct bpf_program *program, const char *path, const unsigned long *offsets,
                const uint64_t *cookies, size_t count);

/* The numbers of calls as in the records: enum ft_kernel_call << 8 | enum ft_fork_api, ... */
static inline unsigned call_kind(uint64_t what) { return (unsigned)(what >> 8); }
static inline unsigned call_api(uint64_t what) { return (unsigned)(what & 0xff); }

#endif
