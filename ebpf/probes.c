/*
 * probes.c: see probes.h. uprobe_multi takes all places of a file at once and
 * takes them away at once; before it, each is a perf event of its own, and
 * hundreds take seconds to go away. libbpf 1.1 does not know uprobe_multi: its
 * link is made by hand.
 */
#define _GNU_SOURCE
#include "probes.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "symbols/symbols.h"
#include "symbols/target.h"
#include "trace/format.h"

#define FILES     256
#define PATH_SIZE 512

/* clang-format off */
#define CALLS(X)                                                                                     \
    X("fork", FORK, FT_FORK_fork) X("_Fork", FORK, FT_FORK__Fork) X("vfork", FORK, FT_FORK_vfork)    \
    X("clone", FORK, FT_FORK_clone) X("posix_spawn", FORK, FT_FORK_posix_spawn)                      \
    X("posix_spawnp", FORK, FT_FORK_posix_spawn) X("system", FORK, FT_FORK_system)                   \
    X("popen", FORK, FT_FORK_popen) X("daemon", FORK, FT_FORK_daemon)                                \
    X("forkpty", FORK, FT_FORK_forkpty)                                                              \
    X("pthread_create", THREAD, FT_THREAD_pthread_create)                                            \
    X("thrd_create", THREAD, FT_THREAD_thrd_create)                                                  \
    X("sigaction", SIGNAL, FT_SIGACTION_sigaction) X("signal", SIGNAL, FT_SIGACTION_signal)
/* clang-format on */
static const struct {
    const char *name;
    uint64_t what;
} functions[] = {
#define X(name, kind, api) {name, FT_KERNEL_CALL_##kind << 8 | (api)},
    CALLS(X)
#undef X
};
#define FUNCTIONS (sizeof functions / sizeof *functions)

struct probes {
    struct bpf_program *program;
    bool multi;
    struct file {
        dev_t device;
        ino_t inode;
    } files[FILES];
    size_t file_count;
    int fds[FILES]; /* of uprobe_multi links */
    size_t fd_count;
    struct bpf_link *links[FILES * 4];
    size_t link_count;
};

bool probes_multi_here(void)
{
    struct btf *btf = btf__load_vmlinux_btf();
    bool found = false;
    int id = btf ? btf__find_by_name_kind(btf, "bpf_attach_type", BTF_KIND_ENUM) : -1;
    const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (unsigned)id) : NULL;
    for (unsigned i = 0; type && i < btf_vlen(type) && !found; i++)
        found = btf_enum(type)[i].val == UPROBE_MULTI &&
                !strcmp(btf__name_by_offset(btf, btf_enum(type)[i].name_off), "BPF_TRACE_UPROBE_MULTI");
    btf__free(btf);
    return found;
}

struct probes *probes_open(struct bpf_program *program, bool multi)
{
    struct probes *c = calloc(1, sizeof *c);
    if (c) c->program = program, c->multi = multi;
    return c;
}

void probes_close(struct probes *c)
{
    if (!c) return;
    for (size_t i = 0; i < c->fd_count; i++) close(c->fds[i]);
    for (size_t i = 0; i < c->link_count; i++) bpf_link__destroy(c->links[i]);
    free(c);
}

/* --- places ------------------------------------------------------------------------------------- */

struct places {
    unsigned long offsets[FUNCTIONS];
    uint64_t whats[FUNCTIONS];
    size_t count;
};

/*
 * A probe on a `push` is emulated, on most other instructions single-stepped, at ten times the cost: with IBT
 * each function begins with endbr64, and what follows it may be one.
 */
static uint64_t best_place(struct symbols *s, uint64_t start)
{
#if defined __x86_64__
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    uint8_t code[6];
    if (symbols_bytes(s, start, code, sizeof code) && !memcmp(code, endbr64, sizeof endbr64)) {
        const uint8_t *next = code + sizeof endbr64;
        bool push = (next[0] & 0xf8) == 0x50 || (next[0] == 0x41 && (next[1] & 0xf8) == 0x50);
        if (push) return start + sizeof endbr64;
    }
#endif
    return start;
}

static void find_places(struct places *p, const char *path)
{
    struct symbols *s = symbols_open(path, NULL, 0);
    struct symbol found;
    p->count = 0;
    for (size_t i = 0; s && i < FUNCTIONS; i++) {
        uint64_t offset;
        if (!symbols_address(s, functions[i].name, &found) || found.data || found.plt) continue;
        if (!symbols_file_offset(s, best_place(s, found.start), &offset)) continue;
        size_t same = 0;
        while (same < p->count && p->offsets[same] != offset) same++;
        if (same < p->count) continue;
        p->offsets[p->count] = offset;
        p->whats[p->count++] = functions[i].what;
    }
    symbols_close_all(); /* /proc/PID/exe is another file next time */
}

/* --- probes ------------------------------------------------------------------------------------- */

/* union bpf_attr.link_create of Linux 6.6; the kernel's headers here may be older. */
struct link_create {
    uint32_t program, target, type, flags;
    uint64_t path, offsets, ref_counts, cookies;
    uint32_t count, multi_flags, pid;
};

static bool attach_all(struct probes *c, const char *path, const struct places *p)
{
    char attributes[256] = {0}; /* what the kernel knows beyond ours must be zero */
    struct link_create create = {.program = (uint32_t)bpf_program__fd(c->program),
                                 .type = UPROBE_MULTI,
                                 .path = (uintptr_t)path,
                                 .offsets = (uintptr_t)p->offsets,
                                 .cookies = (uintptr_t)p->whats,
                                 .count = (uint32_t)p->count};
    memcpy(attributes, &create, sizeof create);
    int fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, attributes, sizeof create);
    if (fd < 0) return false;
    c->fds[c->fd_count++] = fd;
    return true;
}

static bool attach_each(struct probes *c, const char *path, const struct places *p)
{
    bool some = false;
    for (size_t i = 0; i < p->count && c->link_count < sizeof c->links / sizeof *c->links; i++) {
        LIBBPF_OPTS(bpf_uprobe_opts, options, .bpf_cookie = p->whats[i]);
        struct bpf_link *link =
            bpf_program__attach_uprobe_opts(c->program, -1, path, p->offsets[i], &options);
        if (!link) continue;
        c->links[c->link_count++] = link;
        some = true;
    }
    return some;
}

static bool is_known(struct probes *c, const char *path)
{
    struct stat st;
    if (stat(path, &st) || !S_ISREG(st.st_mode)) return true; /* gone: there is nothing to do */
    for (size_t i = 0; i < c->file_count; i++)
        if (c->files[i].inode == st.st_ino && c->files[i].device == st.st_dev) return true;
    if (c->file_count == FILES) return true;
    c->files[c->file_count++] = (struct file){st.st_dev, st.st_ino};
    return false;
}

static void probe(struct probes *c, const char *path)
{
    struct places places;
    if (is_known(c, path)) return;
    find_places(&places, path);
    if (!places.count) return;
    if (c->multi)
        attach_all(c, path, &places);
    else
        attach_each(c, path, &places);
}

/* --- processes ---------------------------------------------------------------------------------- */

/* Ours: what a process of the same system will load. */
static const char *libc_path(void)
{
    static Dl_info info;
    if (!info.dli_fname && !dladdr((void *)(uintptr_t)fork, &info)) return NULL;
    return info.dli_fname && *info.dli_fname == '/' ? info.dli_fname : NULL;
}

void probes_look_at(struct probes *c, uint32_t pid)
{
    char path[PATH_SIZE];
    struct target target;
    snprintf(path, sizeof path, "/proc/%u/exe", pid);
    probe(c, path);
    target_look(path, &target);
    if (!*target.interpreter) return; /* static, or gone */
    snprintf(path, sizeof path, "/proc/%u/root%s", pid, target.interpreter);
    probe(c, path); /* musl's loader is its libc */
    snprintf(path, sizeof path, "/proc/%u/root%s", pid, libc_path() ? libc_path() : "/");
    probe(c, path);
}
