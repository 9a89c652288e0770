/*
 * entry.S: what the patched entries of CPython's functions jump to, if their
 * stub (stub.S) has not dealt with it.
 *
 * All general registers are preserved, also the caller-saved ones: the moved
 * instructions go on with what their caller left there. The vector registers
 * carry nothing at these entries (no floating-point arguments; and a caller
 * that knows what the function itself clobbers, gcc -fipa-ra, must assume all
 * of them: each of these calls through pointers).
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

        .macro entry name, back, function
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
        save
        call    \function
        restore
        pop     %r11
        .cfi_adjust_cfa_offset -8
        pop     %rax
        .cfi_adjust_cfa_offset -8
        jmp     *\back(%rip)
        .cfi_endproc
        .size   \name, . - \name
        .endm

        entry   python_entry_insert0, python_back_insert0, python_insert
        entry   python_entry_insert1, python_back_insert1, python_insert
        entry   python_entry_delete, python_back_delete, python_delete
        entry   python_entry_eval, python_back_eval, python_eval
        entry   python_entry_release, python_back_release, python_release
        entry   python_entry_finalize, python_back_finalize, python_finalize
#endif
        .section .note.GNU-stack, "", @progbits
