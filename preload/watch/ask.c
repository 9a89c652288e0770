/*
 * ask.c: forktrace-watch is run without the program noticing: as the child of a
 * child that has no exit signal (no SIGCHLD, and wait() skips it). That one
 * does not execute anything, for then it would get one. Both borrow our memory,
 * as vfork children do, on stacks of their own, and are waited for at once.
 */
#define _GNU_SOURCE
#include "preload/watch/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "preload/readable.h"
#include "preload/self.h"
#include "trace/syscall.h"

#define ROOM  (1u << 20) /* for a question */
#define STACK (64u << 10)

/* libc's, below our wrapper of it: this child is no event of the program. */
HOOK_REAL(int, clone, (int (*)(void *), void *, int, void *, ...));

/* --- the question --------------------------------------------------------------------------- */

/* Objects that were asked about, as long as they are loaded. */
#define ASKED 1024
static struct {
    uint64_t start, end;
    uint64_t name; /* a hash: another one may lie there, before we were told that the first has gone */
    bool there, done;
} asked[ASKED] SPARSE;
static uint32_t asked_count;

bool ask_is_loaded(uint64_t address)
{
    for (uint32_t i = 0; i < asked_count; i++)
        if (address - asked[i].start < asked[i].end - asked[i].start) return true;
    return false;
}

void ask_done(void)
{
    for (uint32_t i = 0; i < asked_count; i++) asked[i].done = true;
}

void ask_again(void)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < asked_count; i++)
        if (asked[i].done) asked[kept++] = asked[i];
    asked_count = kept;
}

static void forget_unloaded(void)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < asked_count; i++)
        if (asked[i].there) asked[kept++] = asked[i];
    asked_count = kept;
}

struct asking {
    char *at, *end;
    uint32_t count, fresh;
};

/* Whatever becomes of the question: what was made for an object goes when it is not there any more. */
static bool is_known(const struct plan_loaded *o, uint64_t name)
{
    for (uint32_t i = 0; i < asked_count; i++)
        if (asked[i].start == o->start && asked[i].end == o->end && asked[i].name == name)
            return asked[i].there = true;
    return false;
}

static bool is_new(const struct plan_loaded *o, uint64_t name)
{
    if (is_known(o, name) || asked_count == ASKED) return false;
    asked[asked_count].start = o->start;
    asked[asked_count].end = o->end;
    asked[asked_count].name = name;
    asked[asked_count].done = false;
    asked[asked_count++].there = true;
    return true;
}

static bool find_range(struct plan_loaded *o, const ElfW(Phdr) * segment, size_t count)
{
    o->start = UINT64_MAX;
    for (; count--; segment++) {
        uint64_t start = o->bias + segment->p_vaddr;
        if (segment->p_type != PT_LOAD) continue;
        if (start < o->start) o->start = start;
        if (start + segment->p_memsz > o->end) o->end = start + segment->p_memsz;
    }
    return o->start != UINT64_MAX;
}

/* Its header is where it begins, unless somebody laid it out by hand: then it is not watched. */
static bool find_library(struct plan_loaded *o)
{
    const ElfW(Ehdr) *elf = (const void *)(uintptr_t)o->bias;
    if (!readable(elf) || memcmp(elf->e_ident, ELFMAG, SELFMAG)) return false;
    return elf->e_phoff + elf->e_phnum * sizeof(ElfW(Phdr)) <= FT_PAGE &&
           find_range(o, (const void *)((const char *)elf + elf->e_phoff), elf->e_phnum);
}

static struct plan_loaded program;

static int find_program_range(struct dl_phdr_info *info, size_t size, void *context)
{
    program.bias = info->dlpi_addr;
    program.program = true;
    find_range(&program, info->dlpi_phdr, info->dlpi_phnum);
    return 1; /* it comes first */
}

void ask_init(void) { dl_iterate_phdr(find_program_range, NULL); }

static void add_object(struct asking *a, const struct link_map *map)
{
    struct plan_loaded loaded = program;
    const char *path = self_program();
    char full[PATH_MAX];
    if (map != _r_debug.r_map) {
        loaded = (struct plan_loaded){.bias = map->l_addr};
        path = map->l_name;
        if (!find_library(&loaded)) return;
    }
    uint64_t name = ft_hash(path, strlen(path));
    is_known(&loaded, name);
    if (*path != '/') { /* a relative name, as in LD_PRELOAD=./x.so; the vdso has no file */
        if (!strchr(path, '/') || ft_syscall(SYS_getcwd, full, sizeof full) <= 0) return;
        size_t length = strlen(full);
        snprintf(full + length, sizeof full - length, "/%s", path);
        path = full;
    }
    if (!strcmp(path, self_library())) return;
    size_t length = strlen(path) + 1;
    if (a->at + sizeof loaded + length > a->end) return;
    loaded.fresh = is_new(&loaded, name);
    a->fresh += loaded.fresh;
    a->count++;
    memcpy(a->at, &loaded, sizeof loaded);
    memcpy(a->at + sizeof loaded, path, length);
    a->at += sizeof loaded + length;
}

/* Fill the memory file; false: there is nothing new to ask about. */
static bool write_question(char *memory, struct plan_question *question, const char *watch)
{
    struct asking a = {.at = memory + sizeof *question, .end = memory + ROOM};
    size_t length = strlen(watch) + 1;
    if (length > ROOM / 2) return false;
    memcpy(a.at, watch, length);
    a.at += length;
    for (uint32_t i = 0; i < asked_count; i++) asked[i].there = false;
    /* the loader has called us, or nothing else runs yet: so it stands still. dl_iterate_phdr would take a
     * lock that glibc 2.36 leaves locked in a child that is forked meanwhile, which could then never load
     * anything */
    for (const struct link_map *map = _r_debug.r_map; map; map = map->l_next) add_object(&a, map);
    forget_unloaded();
    question->magic = PLAN_ASK;
    question->objects = a.count;
    memcpy(memory, question, sizeof *question);
    return a.fresh;
}

/* --- images seen before ------------------------------------------------------------------------- */

/*
 * A shell script executes a hundred programs in which there is nothing to
 * watch. Each kind of them is looked through once in the life of a trace: what
 * was asked about, and each object's file, make a number, which all images of
 * the run can see.
 */
#define IMAGES (sizeof((struct ft_header *)0)->unwatched / sizeof(uint64_t))

static uint64_t hash_of(uint64_t hash, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
    return hash;
}

/* 0: it cannot be told. */
static uint64_t hash_question(const char *memory, const char *watch)
{
    const struct plan_question *question = (const void *)memory;
    const char *at = memory + sizeof *question + strlen(watch) + 1;
    uint64_t hash = hash_of(0xcbf29ce484222325u, watch, strlen(watch));
    for (uint32_t i = 0; i < question->objects; i++) {
        struct plan_loaded loaded;
        struct stat file;
        memcpy(&loaded, at, sizeof loaded);
        at += sizeof loaded;
        if (stat(at, &file)) return 0;
        uint64_t its[] = {file.st_dev,
                          file.st_ino,
                          (uint64_t)file.st_size,
                          (uint64_t)file.st_mtim.tv_sec,
                          (uint64_t)file.st_mtim.tv_nsec,
                          loaded.fresh};
        hash = hash_of(hash, its, sizeof its);
        at += strlen(at) + 1;
    }
    return hash;
}

static bool is_unwatched(uint64_t hash)
{
    const uint64_t *known = ft.header->unwatched;
    for (size_t i = 0; hash && i < IMAGES; i++)
        if (__atomic_load_n(&known[i], __ATOMIC_RELAXED) == hash) return true;
    return false;
}

/* Addresses alone are something to watch in any image. */
static void keep_unwatched(uint64_t hash, const struct plan_answer *answer)
{
    if (!hash || answer->global_count || answer->patch_count || answer->slot_count) return;
    for (size_t i = 0; i < IMAGES; i++) {
        uint64_t free = 0;
        if (__atomic_compare_exchange_n(&ft.header->unwatched[i], &free, hash, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return;
    }
}

/* --- the child ------------------------------------------------------------------------------ */

struct start {
    int fd;
    char *stack;
    char path[PATH_MAX];
};

/* These two run in our memory: system calls only. */
static int grandchild(void *argument)
{
    const struct start *start = argument;
    char *argv[] = {(char *)(uintptr_t)start->path, NULL}, *envp[] = {NULL};
    if (start->fd == PLAN_FD)
        ft_syscall(SYS_fcntl, PLAN_FD, F_SETFD, 0);
    else if (ft_syscall(SYS_dup3, start->fd, PLAN_FD, 0) < 0)
        ft_syscall(SYS_exit, 126);
    ft_syscall(SYS_close_range, PLAN_FD + 1, ~0u, 0);
    long null =
        ft_syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR); /* the program's terminal is not ours */
    for (int fd = 0; null >= 0 && fd < 3; fd++) ft_syscall(SYS_dup3, (int)null, fd, 0);
    ft_syscall(SYS_execve, start->path, argv, envp);
    ft_syscall(SYS_exit, 127);
    return 0;
}

static int child(void *argument)
{
    struct start *start = argument;
    int status = -1;
    long pid = REAL(clone)(grandchild, start->stack + STACK / 2, CLONE_VM | CLONE_VFORK | SIGCHLD, start);
    while (pid > 0 && ft_syscall(SYS_wait4, pid, &status, 0, NULL) == -EINTR) {
    }
    ft_syscall(SYS_exit, pid > 0 && !status ? 0 : 1);
    return 0;
}

static bool run(struct start *start)
{
    char *stack = (char *)ft_syscall(SYS_mmap, NULL, STACK, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0L);
    if ((long)stack < 0 && (long)stack > -4096) return false;
    start->stack = stack;
    uint64_t all = ~0ull, before;
    int status = -1;
    /* handlers must not run in the children, which have our memory */
    ft_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, 8);
    long pid = REAL(clone)(child, stack + STACK, CLONE_VM | CLONE_VFORK, start);
    while (pid > 0 && ft_syscall(SYS_wait4, pid, &status, __WCLONE, NULL) == -EINTR) {
    }
    ft_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, 8);
    ft_syscall(SYS_munmap, stack, STACK);
    return pid > 0 && !status;
}

/* --- the answer ----------------------------------------------------------------------------- */

static const struct plan_answer *map_answer(int fd, size_t *size)
{
    struct plan_answer head;
    if (ft_syscall(SYS_pread64, fd, &head, sizeof head, 0L) != sizeof head || head.magic != PLAN_ANSWER)
        return NULL;
    *size = head.size;
    long r = ft_syscall(SYS_mmap, NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0L);
    return r < 0 && r > -4096 ? NULL : (const struct plan_answer *)r;
}

static bool find_program(char *path)
{
    const char *library = self_library(), *slash = strrchr(library, '/');
    return slash &&
           snprintf(path, PATH_MAX, "%.*s/forktrace-watch", (int)(slash - library), library) < PATH_MAX;
}

const struct plan_answer *ask(struct plan_question *question, const char *watch, size_t *size)
{
    static struct start start;
    const struct plan_answer *answer = NULL;
    long fd = ft_syscall(SYS_memfd_create, "forktrace-watch", MFD_CLOEXEC);
    if (fd < 0 || !find_program(start.path) || ft_syscall(SYS_ftruncate, (int)fd, (long)ROOM)) goto failed;
    long memory = ft_syscall(SYS_mmap, NULL, (size_t)ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0L);
    if (memory < 0 && memory > -4096) goto failed;
    bool anything = write_question((char *)memory, question, watch);
    uint64_t hash = anything ? hash_question((char *)memory, watch) : 0;
    if (is_unwatched(hash)) anything = false;
    ft_syscall(SYS_munmap, memory, (size_t)ROOM);
    start.fd = (int)fd;
    if (!anything)
        answer = ASK_NOTHING_NEW;
    else if (run(&start) && (answer = map_answer((int)fd, size)))
        keep_unwatched(hash, answer);
failed:
    if (fd >= 0) ft_syscall(SYS_close, (int)fd);
    if (!answer) self_note(FT_NOTE_WATCH_FINDER, start.path);
    return answer;
}
