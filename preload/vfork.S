/*
 * vfork.S: vfork for x86-64 and aarch64. It cannot be written in C: the child
 * runs on its parent's stack and returns from here first, so whatever lies
 * above the stack pointer when the parent wakes up is the child's leftovers.
 * What the parent needs then waits in registers, which the kernel keeps for it:
 *   rdi, x30  the return address, as in glibc's own vfork
 *   rsi, x10  the FT_FORK record
 *   rdx, x11  who the parent is (see vfork.c)
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

#elif defined __aarch64__
#include <sys/syscall.h>
#define FLAGS 0x4111        /* CLONE_VFORK | CLONE_VM | SIGCHLD: there is no SYS_vfork */

    .text
    .globl vfork, __vfork
    .type vfork, %function
    .p2align 4
vfork:
__vfork:
    .cfi_startproc
    hint #34                /* bti c */
    stp x29, x30, [sp, #-16]!
    .cfi_def_cfa_offset 16
    .cfi_rel_offset x29, 0
    .cfi_rel_offset x30, 8
    mov x29, sp
    mov x0, x30
    bl vfork_before         /* (return address): record in x0, the parent in x1 */
    ldp x29, x30, [sp], #16
    .cfi_def_cfa_offset 0
    .cfi_restore x29
    .cfi_restore x30
    mov x10, x0
    mov x11, x1
    mov x0, #FLAGS
    mov x1, #0
    mov x2, #0
    mov x3, #0
    mov x4, #0
    mov x8, #SYS_clone
    svc #0
    stp x29, x30, [sp, #-16]!
    .cfi_def_cfa_offset 16
    .cfi_rel_offset x29, 0
    .cfi_rel_offset x30, 8
    mov x29, sp
    mov x2, x0
    mov x0, x10
    mov x1, x11
    cbz x2, 1f
    bl vfork_in_parent      /* (record, parent, result): the pid, or -1 with errno set */
    b 2f
1:  bl vfork_in_child       /* (record, parent) */
    mov x0, #0
2:  ldp x29, x30, [sp], #16
    .cfi_def_cfa_offset 0
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_endproc
    .size vfork, . - vfork
#endif
    .section .note.GNU-stack, "", %progbits
