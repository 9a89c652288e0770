/*
 * entry.S: where a trampoline goes when its thread has no page to write to, or
 * after a fork: saves what C code may change and calls watch_write.
 *
 * No popf here: the kernel (6.18) takes the trap flag of a debugger that steps
 * over it for the program's own, and leaves it set for ever.
 *
 * In: rcx the value, rdx what was written (see watch_write). The trampoline has
 * saved rax, rcx, rdx and the flags it needs, and skipped the red zone. The
 * vector registers are the program's: they are saved with xsave, or fxsave on
 * machines without it.
 */
#if defined __x86_64__
        .text
        .globl  watch_entry
        .hidden watch_entry
        .type   watch_entry, @function
        .p2align 4
watch_entry:
        .cfi_startproc
        pushfq
        .cfi_adjust_cfa_offset 8
        cld
        push    %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        mov     %rsp, %rbp
        .cfi_def_cfa_register %rbp
        push    %rsi
        push    %rdi
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        mov     %rcx, %rdi
        mov     %rdx, %rsi
        mov     watch_state_size(%rip), %eax
        sub     %rax, %rsp
        and     $-64, %rsp
        mov     watch_state_mask(%rip), %eax
        test    %eax, %eax
        jz      1f
        xor     %edx, %edx
        mov     %rdx, 512(%rsp)         /* the header of the area */
        mov     %rdx, 520(%rsp)
        mov     %rdx, 528(%rsp)
        mov     %rdx, 536(%rsp)
        mov     %rdx, 544(%rsp)
        mov     %rdx, 552(%rsp)
        mov     %rdx, 560(%rsp)
        mov     %rdx, 568(%rsp)
        xsave64 (%rsp)
        call    watch_write
        mov     watch_state_mask(%rip), %eax
        xor     %edx, %edx
        xrstor64 (%rsp)
        jmp     2f
1:      fxsave64 (%rsp)
        call    watch_write
        fxrstor64 (%rsp)
2:      lea     -48(%rbp), %rsp
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rdi
        pop     %rsi
        pop     %rbp
        .cfi_def_cfa %rsp, 16
        .cfi_restore %rbp
        testb   $4, 1(%rsp)             /* all that is needed of the flags: the direction */
        jz      3f
        std
3:      lea     8(%rsp), %rsp
        .cfi_adjust_cfa_offset -8
        ret
        .cfi_endproc
        .size   watch_entry, . - watch_entry

/*
 * .eh_frame_hdr and .eh_frame of all islands (islands.c), one instruction each:
 * jmp *0(%rip), 6 bytes, with its target behind. A frame without a stack, called
 * by the first instruction of what it leads to (see finder/unwinding.c). An
 * unwinder that comes from a signal's frame has the pc in register 16.
 */
        .globl  watch_island_frames
        .hidden watch_island_frames
        .p2align 3
watch_island_frames:
        .byte   1, 0x1b, 0xff, 0xff     /* the frames: relative to here; no table */
        .long   3f - .
3:      .long   5f - 4f
4:      .long   0                       /* the common part */
        .byte   1
        .asciz  "zR"
        .byte   1, 0x78, 16, 1, 0
        .byte   0x0c, 7, 0              /* cfa = rsp */
        .byte   0x16, 16, 5             /* return address: *(pc + 6) + 1 */
        .byte   0x80, 6, 0x06, 0x23, 1
        .p2align 2
5:      .long   7f - 6f
6:      .long   6b - 3b
        .quad   0x1000, 0x7fffffffe000  /* anywhere */
        .byte   0
        .p2align 2
7:      .long   0
#endif
        .section .note.GNU-stack, "", @progbits
