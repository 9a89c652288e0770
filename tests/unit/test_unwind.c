/* test_unwind.c: the stack of a child that stands still at a known place, unwound from a copy. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "symbols/symbols.h"
#include "symbols/unwind.h"

#if defined __x86_64__

/* Frames of different sizes; no frame pointers at -O2. */
static __attribute__((noinline)) int innermost(volatile int *x)
{
    raise(SIGSTOP);
    return *x;
}

static __attribute__((noinline)) int in_the_middle(int n)
{
    volatile int room[100];
    room[n % 100] = n;
    return innermost(&room[n % 100]) + 1;
}

static __attribute__((noinline)) int outermost(int n)
{
    volatile int x = n;
    return in_the_middle(x) + x;
}

static size_t read_stack(pid_t pid, uint64_t from, void *bytes, size_t size)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    int fd = open(path, O_RDONLY);
    ssize_t n = pread(fd, bytes, size, (off_t)from);
    close(fd);
    return n > 0 ? (size_t)n : 0;
}

static bool lies_in(uint64_t pc, int (*function)(), size_t at_most)
{
    uint64_t start = (uint64_t)(uintptr_t)function;
    return pc > start && pc - start < at_most;
}

/* Stopped in raise(), which our child shares with us: same addresses. */
static pid_t stopped_child(struct unwind_state *state, char *stack, size_t room)
{
    pid_t child = fork();
    if (!child) {
        ptrace(PTRACE_TRACEME);
        _exit(outermost(7));
    }
    int status;
    struct user_regs_struct r;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSTOPPED(status));
    cr_assert_eq(ptrace(PTRACE_GETREGS, child, NULL, &r), 0);
    *state = (struct unwind_state){.ip = r.rip,
                                   .sp = r.rsp,
                                   .bp = r.rbp,
                                   .bx = r.rbx,
                                   .r12 = r.r12,
                                   .r13 = r.r13,
                                   .r14 = r.r14,
                                   .r15 = r.r15,
                                   .stack = stack};
    state->size = read_stack(child, r.rsp, stack, room);
    return child;
}

static void end(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

Test(unwind, frames_and_their_objects)
{
    static char stack[8192];
    struct unwind_state state;
    pid_t child = stopped_child(&state, stack, sizeof stack);
    struct unwind *u = unwind_open(child);
    cr_assert(u);
    uint64_t pcs[64];
    size_t count = unwind_frames(u, &state, pcs, 64), i = 0;
    while (i < count && !lies_in(pcs[i], innermost, 64)) i++; /* past raise() and what is in it */
    cr_assert_lt(i + 2, count, "%zu frames", count);
    cr_expect(lies_in(pcs[i + 1], in_the_middle, 200));
    cr_expect(lies_in(pcs[i + 2], outermost, 200));

    struct unwind_object object;
    uint64_t offset;
    cr_assert(unwind_object(u, pcs[i], &object));
    struct symbols *s = symbols_open(object.path, object.build_id, object.build_id_size);
    cr_assert(s);
    cr_expect_str_eq(symbols_name(s, pcs[i] - object.bias - 1, &offset) ?: "", "innermost");
    cr_expect_null(unwind_object(u, 8, &object));

    cr_expect_eq(unwind_frames(u, &state, pcs, 1), 1); /* no room for more */
    state.size = 0;                                    /* no memory at all: nothing beyond where we are */
    cr_expect_leq(unwind_frames(u, &state, pcs, 64), 1);
    state.ip = 8; /* in no object */
    cr_expect_leq(unwind_frames(u, &state, pcs, 64), 1);
    unwind_close(u);
    end(child);
    symbols_close_all();
}

Test(unwind, a_process_that_is_gone)
{
    pid_t child = fork();
    if (!child) _exit(0);
    waitpid(child, NULL, 0);
    cr_expect_null(unwind_open(child));
}

#endif
