/*
 * entry.S: what the patched entries of CPython's functions jump to. The
 * common path, a dict nobody watches, costs two jumps and two compares.
 *
 * Static functions may be called with knowledge of which registers they leave
 * alone (gcc -fipa-ra): everything is preserved, also caller-saved registers;
 * the C side is compiled without SSE.
 */
#if defined __x86_64__
        .text

        .macro save
        push    %rcx
        .cfi_adjust_cfa_offset 8
        push    %rdx
        .cfi_adjust_cfa_offset 8
        push    %rsi
        .cfi_adjust_cfa_offset 8
        push    %rdi
        .cfi_adjust_cfa_offset 8
        push    %r8
        .cfi_adjust_cfa_offset 8
        push    %r9
        .cfi_adjust_cfa_offset 8
        push    %r10
        .cfi_adjust_cfa_offset 8
        .endm

        .macro restore
        pop     %r10
        .cfi_adjust_cfa_offset -8
        pop     %r9
        .cfi_adjust_cfa_offset -8
        pop     %r8
        .cfi_adjust_cfa_offset -8
        pop     %rdi
        .cfi_adjust_cfa_offset -8
        pop     %rsi
        .cfi_adjust_cfa_offset -8
        pop     %rdx
        .cfi_adjust_cfa_offset -8
        pop     %rcx
        .cfi_adjust_cfa_offset -8
        .endm

        .macro entry name, back, function, filtered
        .globl  \name
        .hidden \name
        .type   \name, @function
        .p2align 4
\name:
        .cfi_startproc
        push    %rax
        .cfi_adjust_cfa_offset 8
        push    %r11
        .cfi_adjust_cfa_offset 8
        .if \filtered
        mov     %rdi, %rax
        shr     $4, %rax
        and     $255, %eax
        shl     $4, %eax
        lea     python_dicts(%rip), %r11
        cmp     %rdi, (%r11,%rax)       /* two ways */
        je      1f
        cmp     %rdi, 8(%r11,%rax)
        jne     2f
        .endif
1:      save
        call    \function
        restore
2:      pop     %r11
        .cfi_adjust_cfa_offset -8
        pop     %rax
        .cfi_adjust_cfa_offset -8
        jmp     *\back(%rip)
        .cfi_endproc
        .size   \name, . - \name
        .endm

        entry   python_entry_insert0, python_back_insert0, python_insert, 1
        entry   python_entry_insert1, python_back_insert1, python_insert, 1
        entry   python_entry_delete, python_back_delete, python_delete, 1
        entry   python_entry_eval, python_back_eval, python_eval, 0
#endif
        .section .note.GNU-stack, "", @progbits
