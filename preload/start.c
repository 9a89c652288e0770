/*
 * start.c: the library's constructor: decide whether to record, open the
 * trace, write the birth certificate of this image, start the families.
 *
 * Runs before every other constructor (-z initfirst), libc's own included:
 * environ and stdio are not set up yet. Environment variables are read from
 * the constructor's own envp.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <dlfcn.h>
#include <link.h>
#include <time.h>
#include <unistd.h>

#include "preload/init.h"
#include "preload/memory.h"
#include "preload/origin.h"
#include "preload/python/python.h"
#include "preload/secret.h"
#include "preload/self.h"
#include "trace/settings.h"
#include "preload/watch/watch.h"

#define DEFAULT_OUT "%e.%p.ftrace"
#define ARGV_MAX    3900

static char program[PATH_MAX] SPARSE, library[PATH_MAX] SPARSE;

const char *self_program(void) { return program; }
const char *self_library(void) { return library; }
const char *self_trace(void) { return ft_writer_on(&ft) ? ft.path : ""; }

/* --- settings ------------------------------------------------------------------------------- */

static const char *setting(char **envp, const char *name)
{
    size_t length = strlen(name);
    for (; envp && *envp; envp++)
        if (!strncmp(*envp, name, length) && (*envp)[length] == '=') return *envp + length + 1;
    return NULL;
}

/* %e %p %t %h %% in `pattern`, made absolute. False if it does not fit. */
static bool expand(const char *pattern, char *path, size_t room)
{
    char piece[PATH_MAX];
    size_t used = 0;
    if (*pattern != '/') {
        if (syscall(SYS_getcwd, path, room) <= 0 || *path != '/') return false;
        used = strlen(path);
        if (used + 1 >= room) return false;
        if (used > 1) path[used++] = '/';
    }
    for (; *pattern; pattern++) {
        const char *text = piece;
        piece[0] = *pattern;
        piece[1] = 0;
        if (*pattern == '%' && pattern[1]) {
            struct utsname host;
            const char *slash = strrchr(program, '/');
            switch (*++pattern) {
            case 'e': text = slash ? slash + 1 : program; break;
            case 'p': snprintf(piece, sizeof piece, "%ld", syscall(SYS_getpid)); break;
            case 't': snprintf(piece, sizeof piece, "%lld", (long long)time(NULL)); break;
            case 'h': snprintf(piece, sizeof piece, "%.64s", uname(&host) ? "unknown" : host.nodename); break;
            default: piece[0] = *pattern; break;
            }
        }
        size_t length = strlen(text);
        if (used + length >= room) return false;
        memcpy(path + used, text, length);
        used += length;
    }
    path[used] = 0;
    return used > 0;
}

/* --- what we are ---------------------------------------------------------------------------- */

static size_t read_file(const char *path, char *buffer, size_t room)
{
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    size_t used = 0;
    for (long n; used < room - 1 && (n = syscall(SYS_read, (int)fd, buffer + used, room - 1 - used)) > 0;)
        used += (size_t)n;
    syscall(SYS_close, (int)fd);
    buffer[used] = 0;
    return used;
}

static void find_names(void)
{
    long n = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", program, sizeof program - 1);
    if (n > 0) program[n] = 0;
    Dl_info info;
    struct link_map *map = NULL;
    if (!dladdr1((void *)(uintptr_t)find_names, &info, (void **)&map, RTLD_DL_LINKMAP) || !map) return;
    const char *name = map->l_name;
    if (*name != '/' && !realpath(name, library)) return;
    if (*name == '/') snprintf(library, sizeof library, "%s", name);
}

/* A hexadecimal signal mask of /proc/self/status. */
static uint64_t status_mask(const char *status, const char *key)
{
    const char *at = strstr(status, key);
    return at ? strtoull(at + strlen(key), NULL, 16) : 0;
}

static uint64_t start_ticks(void)
{
    char stat[1024];
    read_file("/proc/self/stat", stat, sizeof stat);
    const char *at = strrchr(stat, ')'); /* the name may hold anything */
    for (int field = 2; at && field < 22; field++) at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

static ft_ref argv_string(int argc, char **argv)
{
    char block[ARGV_MAX];
    size_t used = 0;
    bool cut = false;
    for (int i = 0; i < argc && argv[i] && !cut; i++) {
        size_t length = strlen(argv[i]) + 1;
        cut = length > sizeof block - used;
        if (cut) length = sizeof block - used;
        memcpy(block + used, argv[i], length);
        used += length;
    }
    return ft_string(&ft, block, secret_mask(block, used), self.task);
}

static void birth(int argc, char **argv, enum ft_birth how)
{
    char status[4096], cwd[PATH_MAX];
    struct ft_process *record = ft_begin(&ft, FT_PROCESS, sizeof *record, 0);
    if (!record) return;
    self.task = record->head.task = ft_ref_of(record);
    self.pid = (uint32_t)syscall(SYS_getpid);
    read_file("/proc/self/status", status, sizeof status);
    record->pid = self.pid;
    record->tid = (uint32_t)syscall(SYS_gettid);
    record->ppid = (uint32_t)syscall(SYS_getppid);
    record->start_ticks = start_ticks();
    record->birth = how;
    record->pthread = (uint64_t)pthread_self();
    record->blocked = status_mask(status, "\nSigBlk:");
    record->ignored = status_mask(status, "\nSigIgn:");
    record->exe = ft_string(&ft, program, strlen(program), self.task);
    record->argv = argv_string(argc, argv);
    if (syscall(SYS_getcwd, cwd, sizeof cwd) > 0) record->cwd = ft_string(&ft, cwd, strlen(cwd), self.task);
    ft_commit(record);
}

/* --- start ---------------------------------------------------------------------------------- */

/* Never over an existing file: FILE, FILE.1, FILE.2 ... */
static int create(char **envp)
{
    const char *pattern = setting(envp, "FORKTRACE_OUT"), *max = setting(envp, "FORKTRACE_MAX_SIZE");
    const char *wait = setting(envp, "FORKTRACE_WAIT_MS");
    char path[FT_PATH_MAX];
    if (!expand(pattern && *pattern ? pattern : DEFAULT_OUT, path, sizeof path - 8)) return -ENAMETOOLONG;
    size_t length = strlen(path);
    for (int i = 1;; i++) {
        int error = ft_writer_create(&ft, path, ft_max_size(max), ft_wait_ms(wait));
        if (error != -EEXIST || i > 99) return error;
        snprintf(path + length, sizeof path - length, ".%d", i);
    }
}

/* A page of its own that is empty again in a child, however that was made. */
static void watch_for_forks(void)
{
    void *page = mmap(NULL, FT_PAGE + SELF_SPARE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return;
    if (madvise(page, FT_PAGE + SELF_SPARE, MADV_WIPEONFORK)) { /* before 4.14: unseen forks stay unseen */
        munmap(page, FT_PAGE + SELF_SPARE);
        return;
    }
    *(volatile uint32_t *)page = 1;
    self_alive = page;
}

__attribute__((constructor)) static void start(int argc, char **argv, char **envp)
{
    if (!gnu_get_libc_version) { /* musl: not even our arguments are there */
        if (getenv("FORKTRACE_DEBUG")) dprintf(2, "forktrace: not recording: made for glibc, not for musl\n");
        return;
    }
    int saved = errno;
    hook_resolve();
    const char *off = setting(envp, "FORKTRACE_DISABLE"), *run = setting(envp, "FORKTRACE_RUN");
    if (!getauxval(AT_SECURE) && (!off || !*off || !strcmp(off, "0"))) {
        find_names();
        int error = run ? ft_writer_join(&ft, run) : create(envp);
        if (!error) {
            watch_for_forks();
            python_init(setting(envp, "FORKTRACE_PYTHON"), setting(envp, "FORKTRACE_WATCH"),
                        setting(envp, "FORKTRACE_GREENLETS"));
            origin_init();
            birth(argc, argv, run ? FT_BIRTH_EXEC : FT_BIRTH_ROOT);
            env_init(envp);
            fork_init();
            thread_init();
            exit_init();
            memory_init(setting(envp, "FORKTRACE_C"));
            watch_init(setting(envp, "FORKTRACE_WATCH"));
        } else if (setting(envp, "FORKTRACE_DEBUG"))
            dprintf(2, "forktrace: not recording: %s: %s\n", run ? run : "cannot create the trace",
                    strerror(-error));
    }
    errno = saved;
}
