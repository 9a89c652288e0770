/*
 * seccomp.c: what becomes of recording when the program puts a system-call
 * filter on itself, as sandboxes do (sshd, vsftpd, chromium). Filters are
 * classic BPF, so what one would do with the calls the library makes can be
 * known beforehand: it is run here on each of them. If one would end the
 * process, or ask a supervisor, recording ends instead, and says so.
 *
 * Filters belong to threads; recording is ended in the whole process, whose
 * other threads will hand work to the filtered one.
 */
#define _GNU_SOURCE
#include "seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "readable.h"
#include "self.h"
#include "trace/syscall.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#ifdef __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#else
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/*
 * What the library calls after its start, with arguments as it gives them: X(name, can fail, arguments). One
 * that can fail may be answered with an error number: it then does without. (Those of watches on C globals
 * happen at the start, and in hooks of calls the program makes itself: fork, execve, mprotect.)
 */
/* clang-format off */
#define OWN_CALLS(X)                                                                    \
    X(getpid, false)                                                                    \
    X(gettid, false)                                                                    \
    X(clock_gettime, false, 1)                                                          \
    X(getppid, true)                                                                    \
    X(geteuid, true)                                                                    \
    X(rt_sigprocmask, true, -1)                                                         \
    X(openat, true, (uint32_t)AT_FDCWD, 0, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY)  \
    X(openat, true, (uint32_t)AT_FDCWD, 0, O_RDONLY | O_CLOEXEC)                        \
    X(read, true, 3)                                                                    \
    X(pread64, true, 3)                                                                 \
    X(pwritev, true, 3)                                                                 \
    X(close, true, 3)                                                                   \
    X(fstat, true, 3)                                                                   \
    X(newfstatat, true, (uint32_t)AT_FDCWD)                                             \
    X(readlinkat, true, (uint32_t)AT_FDCWD)                                             \
    X(getdents64, true, 3)                                                              \
    X(faccessat, true, (uint32_t)AT_FDCWD, 0, R_OK)                                     \
    X(faccessat2, true, (uint32_t)AT_FDCWD, 0, R_OK, AT_EACCESS)                        \
    X(prlimit64, true, 0, RLIMIT_FSIZE)                                                 \
    X(mmap, true, 0, 1 << 24, PROT_READ | PROT_WRITE, MAP_SHARED, 3)                    \
    X(mmap, true, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1)     \
    X(mremap, true, 0, 0, 1 << 24, MREMAP_MAYMOVE)                                      \
    X(remap_file_pages, true)                                                           \
    X(munmap, true)                                                                     \
    X(madvise, true, 0, 4096, MADV_RANDOM)                                              \
    X(madvise, true, 0, 4096, MADV_POPULATE_WRITE)                                      \
    X(getsockopt, true, 3, SOL_SOCKET, SO_TYPE)                                         \
    X(getsockname, true, 3)                                                             \
    X(getpeername, true, 3)                                                             \
    X(kill, true, 1, 0)
/* clang-format on */

static const struct own_call {
    const char *name;
    bool can_fail;
    struct seccomp_data data;
} own_calls[] = {
#define X(name, can_fail, ...) {#name, can_fail, {SYS_##name, ARCHITECTURE, 0, {__VA_ARGS__}}},
    OWN_CALLS(X)
#undef X
};

/* --- what a filter says ---------------------------------------------------------------------- */

/* Of the BPF that seccomp(2) lets in: load a word of the call, compute, jump forward, return. */
struct machine {
    uint32_t a, x, memory[BPF_MEMWORDS];
};

static uint32_t computed(unsigned operation, uint32_t a, uint32_t b)
{
    switch (operation) {
    case BPF_ADD: return a + b;
    case BPF_SUB: return a - b;
    case BPF_MUL: return a * b;
    case BPF_DIV: return b ? a / b : 0;
    case BPF_OR: return a | b;
    case BPF_AND: return a & b;
    case BPF_XOR: return a ^ b;
    case BPF_LSH: return b < 32 ? a << b : 0;
    case BPF_RSH: return b < 32 ? a >> b : 0;
    default: return -a; /* BPF_NEG */
    }
}

static bool holds(unsigned operation, uint32_t a, uint32_t b)
{
    switch (operation) {
    case BPF_JEQ: return a == b;
    case BPF_JGT: return a > b;
    case BPF_JGE: return a >= b;
    default: return a & b; /* BPF_JSET */
    }
}

static uint32_t loaded(const struct machine *m, const struct sock_filter *i, const struct seccomp_data *call)
{
    uint32_t word = 0;
    switch (BPF_MODE(i->code)) {
    case BPF_IMM: return i->k;
    case BPF_LEN: return sizeof *call;
    case BPF_MEM: return i->k < BPF_MEMWORDS ? m->memory[i->k] : 0;
    default:
        if (i->k <= sizeof *call - sizeof word) memcpy(&word, (const char *)call + i->k, sizeof word);
        return word;
    }
}

/* What it answers (SECCOMP_RET_*): to a program the kernel would refuse, anything: it will not be installed.
 */
static uint32_t answer(const struct sock_fprog *program, const struct seccomp_data *call)
{
    struct machine m = {0};
    for (unsigned at = 0; at < program->len; at++) {
        const struct sock_filter *i = &program->filter[at];
        uint32_t operand = BPF_SRC(i->code) == BPF_X ? m.x : i->k;
        switch (BPF_CLASS(i->code)) {
        case BPF_LD: m.a = loaded(&m, i, call); break;
        case BPF_LDX: m.x = loaded(&m, i, call); break;
        case BPF_ST:
        case BPF_STX:
            if (i->k < BPF_MEMWORDS) m.memory[i->k] = BPF_CLASS(i->code) == BPF_ST ? m.a : m.x;
            break;
        case BPF_ALU: m.a = computed(BPF_OP(i->code), m.a, operand); break;
        case BPF_JMP:
            at += BPF_OP(i->code) == BPF_JA ? i->k : holds(BPF_OP(i->code), m.a, operand) ? i->jt : i->jf;
            break;
        case BPF_RET: return BPF_RVAL(i->code) == BPF_A ? m.a : i->k;
        default: /* BPF_MISC */
            if (BPF_MISCOP(i->code) == BPF_TAX)
                m.x = m.a;
            else
                m.a = m.x;
        }
    }
    return SECCOMP_RET_KILL_PROCESS;
}

static bool survives(const struct own_call *call, const struct sock_fprog *program)
{
    switch (answer(program, &call->data) & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_LOG: return true;
    case SECCOMP_RET_ERRNO: return call->can_fail;
    default: return false;
    }
}

/* Every word of it: the kernel has not looked at the pointers yet. */
static bool is_readable(const struct sock_fprog *program)
{
    if (!readable(program) || !readable((const char *)program + sizeof *program - 1)) return false;
    if (!program->len || program->len > BPF_MAXINSNS) return false;
    const char *at = (const char *)program->filter, *end = (const char *)(program->filter + program->len);
    for (; at < end; at += FT_PAGE - (uintptr_t)at % FT_PAGE)
        if (!readable(at)) return false;
    return true;
}

/* The first of our calls that would not be survived; NULL: recording goes on. */
static const char *forbidden(unsigned long mode, const void *program)
{
    if (mode == SECCOMP_MODE_STRICT) return own_calls[0].name;
    if (mode != SECCOMP_MODE_FILTER || !is_readable(program)) return NULL; /* the kernel will refuse it */
    for (size_t i = 0; i < sizeof own_calls / sizeof *own_calls; i++)
        if (!survives(&own_calls[i], program)) return own_calls[i].name;
    return NULL;
}

/* --- what becomes of recording ----------------------------------------------------------------- */

static struct ft_note *told;
static bool on;

bool seccomp_on(void) { return on; }

/* Before the call: another thread may be under the filter when it returns. */
static bool coming(unsigned long mode, const void *program)
{
    ft_ref task = me();
    const char *call = task ? forbidden(mode, program) : NULL;
    if (!call) return false;
    ft_ref name = ft_string(&ft, call, strlen(call), task);
    told = ft_begin(&ft, FT_NOTE, sizeof *told, task);
    if (told) {
        told->what = FT_NOTE_SECCOMP;
        told->text = name;
        ft_commit(told);
    }
    on = true;
    ft_writer_stop(&ft);
    return true;
}

/* The kernel refused: recording goes on. */
static void refused(void)
{
    if (told) told->what = 0;
    on = false;
    ft_writer_resume(&ft);
}

int seccomp_prctl(prctl_call *real, unsigned long mode, unsigned long program, unsigned long rest[2])
{
    bool stopped = coming(mode, (const void *)program);
    int result = real(PR_SET_SECCOMP, mode, program, rest[0], rest[1]);
    if (stopped && result) refused();
    return result;
}

/* --- syscall() -------------------------------------------------------------------------------- */

typedef long syscall_call(long number, ...);
syscall_call *syscall_real __attribute__((visibility("hidden")));
static const struct hook hook_syscall
    __attribute__((used, section("ft_hooks"))) = {"syscall", (void **)(void *)&syscall_real};

#ifdef __x86_64__
/* Called by syscall.S: with a call that may install a filter, or before our start. */
long syscall_here(long number, long a, long b, long c, long d, long e, long f);
long syscall_here(long number, long a, long b, long c, long d, long e, long f)
{
    bool filter = number == SYS_seccomp && (a == SECCOMP_SET_MODE_STRICT || a == SECCOMP_SET_MODE_FILTER);
    bool stopped = filter && coming(a == SECCOMP_SET_MODE_STRICT ? SECCOMP_MODE_STRICT : SECCOMP_MODE_FILTER,
                                    (const void *)c);
    if (number == SYS_prctl && a == PR_SET_SECCOMP) stopped = coming((unsigned long)b, (const void *)c);
    long result =
        syscall_real ? syscall_real(number, a, b, c, d, e, f) : ft_syscall6(number, a, b, c, d, e, f);
    if (!syscall_real && result < 0) {
        errno = (int)-result;
        result = -1;
    }
    /* with TSYNC the thread that could not have it; else 0 or a listener's descriptor */
    bool threads = filter && b & SECCOMP_FILTER_FLAG_TSYNC && !(b & SECCOMP_FILTER_FLAG_NEW_LISTENER);
    if (stopped && (result < 0 || (threads && result))) refused();
    return result;
}
#endif
