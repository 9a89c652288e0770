/*
 * syscall.S: libc's syscall() for x86-64, which libseccomp installs filters
 * with: seccomp(2) has no function of its own. It cannot be written in C: a
 * vfork child would return through a frame that is not there any more, so
 * everything but those calls is left for libc's by a jump.
 *
 * Elsewhere only filters that come by prctl() are seen.
 */
#ifdef __x86_64__
#include <sys/syscall.h>

    .text
    .globl syscall
    .type syscall, @function
    .p2align 4
syscall:
    .cfi_startproc
    endbr64
    cmpq $SYS_seccomp, %rdi
    je syscall_here
    cmpq $SYS_prctl, %rdi
    je syscall_here
    movq syscall_real(%rip), %rax
    testq %rax, %rax
    je syscall_here      /* before our start */
    jmp *%rax
    .cfi_endproc
    .size syscall, . - syscall
#endif
    .section .note.GNU-stack, "", @progbits
