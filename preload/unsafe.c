/*
 * unsafe.c: the functions of FT_UNSAFE_CALLS. For x86-64 and aarch64: each is a
 * jump to libc's, with every argument where the caller put it and no frame of
 * ours in between. dlopen finds libraries by who calls it ($ORIGIN, RUNPATH), syslog
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

#if defined __x86_64__ || defined __aarch64__
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

#if defined __x86_64__
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
#else
/* x16 and x17 are free between caller and callee: the linker's veneers use them too. `hint 34` is `bti c`. */
#define JUMP(n, name)                                  \
    HOOK_REAL(void, name, (void));                     \
    __asm__(".text\n"                                  \
            ".globl " #name "\n"                       \
            ".type " #name ", %function\n"             \
            ".p2align 4\n" #name ":\n"                 \
            "  .cfi_startproc\n"                       \
            "  hint 34\n"                              \
            "  adrp x16, :gottprel:self\n"             \
            "  ldr x16, [x16, :gottprel_lo12:self]\n"  \
            "  mrs x17, tpidr_el0\n"                   \
            "  add x16, x16, x17\n"                    \
            "  ldr x16, [x16, 16]\n"                   \
            "  tbnz x16, " #n ", 1f\n"                 \
            "  adrp x16, real_" #name "\n"             \
            "  ldr x16, [x16, :lo12:real_" #name "]\n" \
            "  cbz x16, 1f\n"                          \
            "  br x16\n"                               \
            "1: adrp x16, hook_" #name "\n"            \
            "  add x16, x16, :lo12:hook_" #name "\n"   \
            "  mov x17, " #n "\n"                      \
            "  b unsafe_put_aside\n"                   \
            "  .cfi_endproc\n"                         \
            ".size " #name ", . - " #name "\n");

/* Arguments may be in x0 to x7, x8 and q0 to q7. */
__asm__(".text\n"
        ".type unsafe_put_aside, %function\n"
        "unsafe_put_aside:\n"
        "  .cfi_startproc\n"
        "  stp x29, x30, [sp, -224]!\n"
        "  .cfi_def_cfa_offset 224\n"
        "  .cfi_rel_offset x29, 0\n"
        "  .cfi_rel_offset x30, 8\n"
        "  mov x29, sp\n"
        "  stp x0, x1, [sp, 16]\n"
        "  stp x2, x3, [sp, 32]\n"
        "  stp x4, x5, [sp, 48]\n"
        "  stp x6, x7, [sp, 64]\n"
        "  str x8, [sp, 80]\n"
        "  stp q0, q1, [sp, 96]\n"
        "  stp q2, q3, [sp, 128]\n"
        "  stp q4, q5, [sp, 160]\n"
        "  stp q6, q7, [sp, 192]\n"
        "  mov x0, x16\n"
        "  mov x1, x17\n"
        "  mov x2, x30\n"
        "  bl unsafe_slowly\n"
        "  mov x16, x0\n"
        "  ldp x0, x1, [sp, 16]\n"
        "  ldp x2, x3, [sp, 32]\n"
        "  ldp x4, x5, [sp, 48]\n"
        "  ldp x6, x7, [sp, 64]\n"
        "  ldr x8, [sp, 80]\n"
        "  ldp q0, q1, [sp, 96]\n"
        "  ldp q2, q3, [sp, 128]\n"
        "  ldp q4, q5, [sp, 160]\n"
        "  ldp q6, q7, [sp, 192]\n"
        "  ldp x29, x30, [sp], 224\n"
        "  .cfi_def_cfa_offset 0\n"
        "  .cfi_restore x29\n"
        "  .cfi_restore x30\n"
        "  br x16\n"
        "  .cfi_endproc\n"
        ".size unsafe_put_aside, . - unsafe_put_aside\n");
#endif

/* clang-format off */
JUMP(1, rand) JUMP(2, random) JUMP(3, srand) JUMP(4, srandom) JUMP(5, localtime) JUMP(6, localtime_r)
JUMP(7, gmtime) JUMP(8, gmtime_r) JUMP(9, mktime) JUMP(12, tzset)
JUMP(13, ctime) JUMP(14, setenv) JUMP(15, putenv) JUMP(16, unsetenv) JUMP(17, clearenv) JUMP(18, dlopen)
JUMP(19, dlclose) JUMP(20, getaddrinfo) JUMP(21, gethostbyname) JUMP(22, getpwnam) JUMP(23, getpwuid)
JUMP(24, getgrnam) JUMP(25, getgrgid) JUMP(26, syslog) JUMP(27, vsyslog) JUMP(28, __syslog_chk)
JUMP(29, __vsyslog_chk) JUMP(30, setlocale)
/* clang-format on */
#endif
