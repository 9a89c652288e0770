/*
 * vfork.S: vfork for x86-64. It cannot be written in C: the child runs on its
 * parent's stack and returns from here first, so whatever lies above the stack
 * pointer when the parent wakes up is the child's leftovers. What the parent
 * needs then waits in registers, which the kernel keeps for it:
 *   rdi  the return address, as in glibc's own vfork
 *   rsi  the FT_FORK record
 *   rdx  who the parent is (see vfork.c)
 * Elsewhere vfork is left alone: its children are known by their images' birth
 * certificates.
 */
#ifdef __x86_64__
#include <sys/syscall.h>

    .text
    .globl vfork, __vfork
    .type vfork, @function
    .p2align 4
vfork:
__vfork:
    .cfi_startproc
    endbr64
    movq (%rsp), %rdi
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    call vfork_before       /* (return address): record in rax, the parent in rdx */
    popq %rdi               /* the alignment */
    .cfi_adjust_cfa_offset -8
    popq %rdi               /* the return address: its place is the child's to overwrite */
    .cfi_adjust_cfa_offset -8
    .cfi_register %rip, %rdi
    movq %rax, %rsi
    movl $SYS_vfork, %eax
    syscall
    pushq %rdi
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rip, 0
    movq %rsi, %rdi
    movq %rdx, %rsi
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    testl %eax, %eax
    je 1f
    movl %eax, %edx
    call vfork_in_parent    /* (record, parent, result): the pid, or -1 with errno set */
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    ret
    .cfi_adjust_cfa_offset 8
1:  call vfork_in_child     /* (record, parent) */
    xorl %eax, %eax
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    ret
    .cfi_endproc
    .size vfork, . - vfork
#endif
    .section .note.GNU-stack, "", @progbits
