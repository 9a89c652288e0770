/*
 * unsafe.c: the functions of FT_UNSAFE_CALLS. For x86-64: each is a jump to
 * libc's, with every argument where the caller put it and no frame of ours in
 * between. dlopen finds libraries by who calls it ($ORIGIN, RUNPATH), syslog
 * takes any number of arguments, and a C wrapper would stand in the way of
 * both.
 *
 * pthread_create has a wrapper already (thread.c), which asks for itself.
 */
#include "unsafe.h"

#include <errno.h>
#include <stddef.h>

#include "origin.h"

void unsafe_tell(enum ft_unsafe function, uint64_t site)
{
    int saved = errno;
    ft_ref task = me();
    self.untold &= ~(1ull << function);
    if (task) {
        struct ft_origin origin = origin_full(site);
        struct ft_unsafe_call *record = ft_begin(&ft, FT_UNSAFE_CALL, sizeof *record, task);
        if (record) {
            record->origin = origin;
            record->function = function;
            ft_commit(record);
        }
    }
    errno = saved;
}

#ifdef __x86_64__
static_assert(offsetof(struct self, untold) == 16, "said in JUMP");

/* Called by the jumps below with all the caller's registers put aside: where to go on. */
__attribute__((used, visibility("hidden"))) void *unsafe_slowly(const struct hook *hook, uint64_t function,
                                                                uint64_t site)
{
    if (self.untold >> function & 1) unsafe_tell((enum ft_unsafe)function, site);
    int saved = errno;
    void *real = *hook->real ? *hook->real : hook_find(hook->name); /* before our constructor */
    errno = saved;
    return real;
}

/* r11 is free between caller and callee: lazy binding uses it too. */
#define JUMP(n, name)                             \
    HOOK_REAL(void, name, (void));                \
    __asm__(".text\n"                             \
            ".globl " #name "\n"                  \
            ".type " #name ", @function\n"        \
            ".p2align 4\n" #name ":\n"            \
            "  .cfi_startproc\n"                  \
            "  endbr64\n"                         \
            "  movq self@gottpoff(%rip), %r11\n"  \
            "  btq $" #n ", %fs:16(%r11)\n"       \
            "  jc 1f\n"                           \
            "  movq real_" #name "(%rip), %r11\n" \
            "  testq %r11, %r11\n"                \
            "  jz 1f\n"                           \
            "  jmp *%r11\n"                       \
            "1: pushq $" #n "\n"                  \
            "  .cfi_adjust_cfa_offset 8\n"        \
            "  leaq hook_" #name "(%rip), %r11\n" \
            "  jmp unsafe_put_aside\n"            \
            "  .cfi_endproc\n"                    \
            ".size " #name ", . - " #name "\n");

/* The stack: the function's number, the return address. Arguments may be in six registers and eight xmm. */
__asm__(".text\n"
        ".type unsafe_put_aside, @function\n"
        "unsafe_put_aside:\n"
        "  .cfi_startproc\n"
        "  .cfi_def_cfa_offset 16\n"
        "  pushq %rbp\n"
        "  .cfi_adjust_cfa_offset 8\n"
        "  .cfi_rel_offset %rbp, 0\n"
        "  movq %rsp, %rbp\n"
        "  .cfi_def_cfa_register %rbp\n"
        "  subq $192, %rsp\n"
        "  andq $-16, %rsp\n"
        "  movq %rdi, 128(%rsp)\n"
        "  movq %rsi, 136(%rsp)\n"
        "  movq %rdx, 144(%rsp)\n"
        "  movq %rcx, 152(%rsp)\n"
        "  movq %r8, 160(%rsp)\n"
        "  movq %r9, 168(%rsp)\n"
        "  movq %rax, 176(%rsp)\n"
        "  movaps %xmm0, (%rsp)\n"
        "  movaps %xmm1, 16(%rsp)\n"
        "  movaps %xmm2, 32(%rsp)\n"
        "  movaps %xmm3, 48(%rsp)\n"
        "  movaps %xmm4, 64(%rsp)\n"
        "  movaps %xmm5, 80(%rsp)\n"
        "  movaps %xmm6, 96(%rsp)\n"
        "  movaps %xmm7, 112(%rsp)\n"
        "  movq %r11, %rdi\n"
        "  movq 8(%rbp), %rsi\n"
        "  movq 16(%rbp), %rdx\n"
        "  call unsafe_slowly\n"
        "  movq %rax, %r11\n"
        "  movq 128(%rsp), %rdi\n"
        "  movq 136(%rsp), %rsi\n"
        "  movq 144(%rsp), %rdx\n"
        "  movq 152(%rsp), %rcx\n"
        "  movq 160(%rsp), %r8\n"
        "  movq 168(%rsp), %r9\n"
        "  movq 176(%rsp), %rax\n"
        "  movaps (%rsp), %xmm0\n"
        "  movaps 16(%rsp), %xmm1\n"
        "  movaps 32(%rsp), %xmm2\n"
        "  movaps 48(%rsp), %xmm3\n"
        "  movaps 64(%rsp), %xmm4\n"
        "  movaps 80(%rsp), %xmm5\n"
        "  movaps 96(%rsp), %xmm6\n"
        "  movaps 112(%rsp), %xmm7\n"
        "  leave\n"
        "  .cfi_def_cfa %rsp, 16\n"
        "  leaq 8(%rsp), %rsp\n"
        "  .cfi_adjust_cfa_offset -8\n"
        "  jmp *%r11\n"
        "  .cfi_endproc\n"
        ".size unsafe_put_aside, . - unsafe_put_aside\n");

/* clang-format off */
JUMP(1, rand) JUMP(2, random) JUMP(3, srand) JUMP(4, srandom) JUMP(5, localtime) JUMP(6, localtime_r)
JUMP(7, gmtime) JUMP(8, gmtime_r) JUMP(9, mktime) JUMP(12, tzset)
JUMP(13, ctime) JUMP(14, setenv) JUMP(15, putenv) JUMP(16, unsetenv) JUMP(17, clearenv) JUMP(18, dlopen)
JUMP(19, dlclose) JUMP(20, getaddrinfo) JUMP(21, gethostbyname) JUMP(22, getpwnam) JUMP(23, getpwuid)
JUMP(24, getgrnam) JUMP(25, getgrgid) JUMP(26, syslog) JUMP(27, vsyslog) JUMP(28, __syslog_chk)
JUMP(29, __vsyslog_chk) JUMP(30, setlocale)
/* clang-format on */
#endif
