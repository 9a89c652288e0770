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
#include <time.h>
#include <unistd.h>

#include "pyplaces.h"
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
    struct bpf_program *calls, *python;
    int pythons; /* the map */
    uint32_t python_count;
    bool multi;
    struct file {
        dev_t device;
        ino_t inode;
        bool probed, python_probed, read, is_python;
        uint64_t since;          /* CLOCK_MONOTONIC ns: all that began later is seen from its begin */
        struct py_places python; /* once it is read; `why`: it has no probes */
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

/* Asked of the kernel itself, by a program that does nothing. */
bool probes_sleep_here(bool multi)
{
    const struct bpf_insn nothing[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
    LIBBPF_OPTS(bpf_prog_load_opts, options, .prog_flags = BPF_F_SLEEPABLE,
                .expected_attach_type = multi ? (enum bpf_attach_type)UPROBE_MULTI : 0);
    int fd =
        bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", nothing, sizeof nothing / sizeof *nothing, &options);
    if (fd >= 0) close(fd);
    return fd >= 0;
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

uint64_t probes_best_place(struct symbols *s, uint64_t start)
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
        if (!symbols_file_offset(s, probes_best_place(s, found.start), &offset)) continue;
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

static bool attach_all(struct probes *c, struct bpf_program *program, const char *path,
                       const unsigned long *offsets, const uint64_t *cookies, size_t count)
{
    char attributes[256] = {0}; /* what the kernel knows beyond ours must be zero */
    struct link_create create = {.program = (uint32_t)bpf_program__fd(program),
                                 .type = UPROBE_MULTI,
                                 .path = (uintptr_t)path,
                                 .offsets = (uintptr_t)offsets,
                                 .cookies = (uintptr_t)cookies,
                                 .count = (uint32_t)count};
    if (c->fd_count == sizeof c->fds / sizeof *c->fds) return false;
    memcpy(attributes, &create, sizeof create);
    int fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, attributes, sizeof create);
    if (fd < 0) return false;
    c->fds[c->fd_count++] = fd;
    return true;
}

static bool attach_each(struct probes *c, struct bpf_program *program, const char *path,
                        const unsigned long *offsets, const uint64_t *cookies, size_t count)
{
    size_t done = 0;
    for (size_t i = 0; i < count && c->link_count < sizeof c->links / sizeof *c->links; i++) {
        LIBBPF_OPTS(bpf_uprobe_opts, options, .bpf_cookie = cookies[i]);
        struct bpf_link *link = bpf_program__attach_uprobe_opts(program, -1, path, offsets[i], &options);
        if (!link) continue;
        c->links[c->link_count++] = link;
        done++;
    }
    return done == count;
}

/* All of them are there. */
static bool attach(struct probes *c, struct bpf_program *program, const char *path,
                   const unsigned long *offsets, const uint64_t *cookies, size_t count)
{
    return (c->multi ? attach_all : attach_each)(c, program, path, offsets, cookies, count);
}

bool probes_put(struct probes *c, struct bpf_program *program, const char *path, const unsigned long *offsets,
                const uint64_t *cookies, size_t count)
{
    return attach(c, program, path, offsets, cookies, count);
}

/* --- files -------------------------------------------------------------------------------------- */

static void probe_calls(struct probes *c, const char *path)
{
    struct places places;
    find_places(&places, path);
    if (places.count) attach(c, c->calls, path, places.offsets, places.whats, places.count);
}

static void read_python(struct file *file, const char *path)
{
    if (!file->read) file->is_python = pyplaces_find(&file->python, path);
    file->read = true;
}

static void probe_python(struct probes *c, struct file *file, const char *path)
{
    struct py_places *p = &file->python;
    uint64_t cookies[PY_PLACES];
    uint32_t number = c->python_count;
    read_python(file, path);
    if (!p->count) return;
    for (unsigned i = 0; i < p->count; i++) cookies[i] = PY_COOKIE(number, i, p->deletes[i]);
    if (bpf_map_update_elem(c->pythons, &number, &p->file, BPF_ANY)) /* PYTHONS of them */
        snprintf(p->why, sizeof p->why, "more interpreters than there is room for");
    else if (!attach(c, c->python, path, p->offsets, cookies, p->count))
        snprintf(p->why, sizeof p->why,
                 "the kernel took no probes (before Linux 6.6 they need CAP_SYS_ADMIN)");
    else
        c->python_count++;
}

/* NULL: there is no such file, or no more can be kept. */
static struct file *file_of(struct probes *c, const char *path)
{
    struct stat st;
    if (stat(path, &st) || !S_ISREG(st.st_mode)) return NULL;
    for (size_t i = 0; i < c->file_count; i++)
        if (c->files[i].inode == st.st_ino && c->files[i].device == st.st_dev) return &c->files[i];
    if (c->file_count == FILES) return NULL;
    struct file *file = &c->files[c->file_count++];
    *file = (struct file){.device = st.st_dev, .inode = st.st_ino};
    return file;
}

static void probe(struct probes *c, const char *path)
{
    struct file *file = file_of(c, path);
    if (!file || file->probed) return;
    file->probed = true;
    probe_calls(c, path);
}

static struct file *probe_for_python(struct probes *c, const char *path)
{
    struct file *file = file_of(c, path);
    if (!file || file->python_probed) return file;
    file->python_probed = true;
    probe_python(c, file, path);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    file->since = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    return file;
}

/* --- processes ---------------------------------------------------------------------------------- */

/* Ours: what a process of the same system will load. */
static const char *libc_path(void)
{
    static Dl_info info;
    if (!info.dli_fname && !dladdr((void *)(uintptr_t)fork, &info)) return NULL;
    return info.dli_fname && *info.dli_fname == '/' ? info.dli_fname : NULL;
}

/*
 * The interpreter that will most likely run is read before anything does: to
 * read it takes longer than it needs to start. Probes it gets when it runs.
 */
static void prepare(struct probes *c)
{
    char python[PATH_SIZE], library[PATH_SIZE];
    const char *libc = libc_path(), *slash = libc ? strrchr(libc, '/') : NULL;
    snprintf(library, sizeof library, "%.*s/libpython3.11.so.1.0", slash ? (int)(slash - libc) : 0,
             libc ? libc : "");
    if (!target_find("python3", getenv("PATH"), python, sizeof python)) *python = 0;
    const char *const paths[] = {"/usr/bin/python3", python, library};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct file *file = file_of(c, paths[i]);
        if (file) read_python(file, paths[i]);
    }
}

struct probes *probes_open(struct bpf_program *calls, struct bpf_program *python, int pythons, bool multi)
{
    struct probes *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->calls = calls, c->python = python, c->pythons = pythons, c->multi = multi;
    if (python) prepare(c);
    return c;
}

/* Where the file's addresses begin in this process: at its first mapping, less its first address. */
static uint64_t bias_of(uint32_t pid, const struct file *file, const char *path)
{
    char maps[64], line[PATH_SIZE + 128];
    uint64_t first = 0, found = 0;
    struct symbols *s = symbols_open(path, NULL, 0);
    if (!s || !symbols_first_address(s, &first)) first = 0;
    symbols_close_all();
    snprintf(maps, sizeof maps, "/proc/%u/maps", pid);
    FILE *f = fopen(maps, "re");
    while (f && !found && fgets(line, sizeof line, f)) {
        unsigned long start, offset, inode;
        if (sscanf(line, "%lx-%*x %*s %lx %*s %lu", &start, &offset, &inode) == 3 && inode == file->inode &&
            !offset)
            found = start;
    }
    if (f) fclose(f);
    return found ? found - first : 0;
}

/* What `path` is called as far as anybody else is concerned. */
static bool tell_python(uint32_t pid, const struct file *file, const char *path, uint64_t began,
                        struct probes_python *python)
{
    char link[64];
    if (!file || !file->is_python) return false;
    *python = (struct probes_python){.late = began <= file->since};
    snprintf(link, sizeof link, "/proc/%u/root", pid);
    size_t skip = strncmp(path, link, strlen(link)) ? 0 : strlen(link);
    snprintf(python->path, sizeof python->path, "%s", path + skip);
    if (!skip) {
        ssize_t n = readlink(path, python->path, sizeof python->path - 1);
        if (n > 0) python->path[n] = 0;
    }
    memcpy(python->why, file->python.why, sizeof python->why);
    python->runtime = python->late ? bias_of(pid, file, path) + file->python.file.runtime : 0;
    return true;
}

/* The file behind a line of /proc/PID/maps, if its name is of a Python: "libpython3.11.so.1.0". */
static bool python_path(uint32_t pid, const char *line, char *path, size_t room)
{
    const char *name = strchr(line, '/'), *slash = strrchr(line, '/');
    if (!name || !strstr(slash, "libpython")) return false;
    snprintf(path, room, "/proc/%u/root%.*s", pid, (int)strcspn(name, "\n"), name);
    return true;
}

/* address 0: any. */
static bool look_at_maps(struct probes *c, uint32_t pid, uint64_t address, uint64_t began,
                         struct probes_python *python)
{
    char path[PATH_SIZE], line[PATH_SIZE + 128];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%u/maps", pid);
    FILE *f = fopen(path, "re");
    while (f && !found && fgets(line, sizeof line, f)) {
        unsigned long start, end;
        if (sscanf(line, "%lx-%lx", &start, &end) != 2 || (address && (address < start || address >= end)))
            continue;
        if (!python_path(pid, line, path, sizeof path)) continue;
        found = tell_python(pid, probe_for_python(c, path), path, began, python);
    }
    if (f) fclose(f);
    return found;
}

bool probes_look_at_mapped(struct probes *c, uint32_t pid, uint64_t address, uint64_t ns,
                           struct probes_python *python)
{
    return c->python && look_at_maps(c, pid, address, ns, python);
}

static void exe_path(uint32_t pid, const char *exe, char *path, size_t room)
{
    snprintf(path, room, "/proc/%u/exe", pid);
    if (access(path, F_OK) && *exe == '/') snprintf(path, room, "%s", exe);
}

bool probes_look_for_python(struct probes *c, uint32_t pid, const char *exe, uint64_t began,
                            struct probes_python *python)
{
    char path[PATH_SIZE];
    if (!c->python) return false;
    exe_path(pid, exe, path, sizeof path);
    return tell_python(pid, probe_for_python(c, path), path, began, python) ||
           (!began && look_at_maps(c, pid, 0, began, python));
}

void probes_look_at(struct probes *c, uint32_t pid, const char *exe)
{
    char path[PATH_SIZE];
    struct target target;
    exe_path(pid, exe, path, sizeof path);
    probe(c, path);
    target_look(path, &target);
    if (!*target.interpreter) return; /* static, or gone */
    snprintf(path, sizeof path, "/proc/%u/root%s", pid, target.interpreter);
    probe(c, path); /* musl's loader is its libc */
    snprintf(path, sizeof path, "/proc/%u/root%s", pid, libc_path() ? libc_path() : "/");
    probe(c, path);
}
