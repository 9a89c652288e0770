/*
 * stub.S: code that is copied near the functions that are patched, so that
 * most stores into dicts cost two direct jumps and a compare, and a counter
 * that is counted up where it always is does not cost a call. Position-
 * independent: it reaches what it needs through three words that patch.c fills
 * in before the copy. What follows the end of a copy is the function itself.
 *
 * rax, r10 and r11 are nobody's at a function's entry; all else is kept. No
 * call is made and (but for two registers) no stack used, so that a signal
 * finds what an unwinder expects.
 */
#include "preload/python/stub.h"

#if defined __x86_64__
        .section .rodata.stub, "a", @progbits

        .macro words name
        .p2align 4
        .globl  \name\()_begin, \name\()_entry, \name\()_end
        .hidden \name\()_begin, \name\()_entry, \name\()_end
\name\()_begin:
1:      .quad   0                       /* python_modules */
2:      .quad   0                       /* stub_data */
3:      .quad   0                       /* the hook */
        .endm

        /* Is it one of the dicts that may be a module's? */
        .macro filter interesting
        mov     %rdi, %rax
        shr     $4, %rax
        and     $STUB_BUCKETS_MASK, %eax
        mov     1b(%rip), %r11
        cmpw    $0, (%r11,%rax,2)
        jne     \interesting
        .endm

        words   stub_plain
stub_plain_entry:
        jmp     *3b(%rip)
stub_plain_end:

        words   stub_filtered
4:      jmp     *3b(%rip)
stub_filtered_entry:
        filter  4b
stub_filtered_end:

/*
 * insertdict(dict rdi, key rsi, hash rdx, value rcx): bind_again of binding.c.
 */
        words   stub_bind
5:      pop     %r9
        pop     %r8
6:      jmp     *3b(%rip)

4:      mov     2b(%rip), %r11
        push    %r8
        push    %r9
        /* the spot */
        mov     STUB_HOLDER(%r11), %rax
        mov     (%rax), %rax
        mov     STUB_TS_CFRAME(%rax), %rax
        mov     STUB_CFRAME_FRAME(%rax), %rax
        test    %rax, %rax
        jz      5b
        mov     STUB_F_INSTR(%rax), %r8
        mov     STUB_F_CODE(%rax), %r9
        mov     %r8, %r10
        shr     $1, %r10
        xor     %rdx, %r10
        and     $STUB_SPOT_MASK, %r10d
        shl     $STUB_SPOT_BITS, %r10d
        add     STUB_SPOTS(%r11), %r10
        cmp     %rdi, STUB_SPOT_DICT(%r10)
        jne     5b
        cmp     %rdx, STUB_SPOT_HASH(%r10)
        jne     5b
        cmp     %rsi, STUB_SPOT_KEY(%r10)
        jne     5b
        cmp     %r8, STUB_SPOT_INSTR(%r10)
        jne     5b
        cmp     %r9, STUB_SPOT_CODE(%r10)
        jne     5b
        /* still that module's dict */
        mov     STUB_DICT_KEYS(%rdi), %rax
        cmp     %rax, STUB_SPOT_KEYS(%r10)
        jne     5b
        mov     STUB_SPOT_AT(%r10), %rax
        mov     (%rax), %rax
        cmp     %rax, STUB_SPOT_NAMED(%r10)
        jne     5b
        /* a small int, after one */
        mov     STUB_INT(%r11), %rax
        cmp     %rax, STUB_OB_TYPE(%rcx)
        jne     5b
        cmpq    $1, STUB_OB_SIZE(%rcx)
        jne     5b
        mov     STUB_SPOT_SLOT(%r10), %r9
        cmpb    $STUB_KIND_INT, STUB_SLOT_KIND(%r9)
        jne     5b
        /* what the slot refers to is still there */
        mov     STUB_LINEAGE(%r11), %rax
        mov     (%rax), %rax
        test    %rax, %rax
        jz      5b
        mov     STUB_PAGE_SEQ(%rax), %rax
        cmp     %rax, STUB_SPOT_SEQ(%r10)
        jne     5b
        /* me() */
        mov     STUB_SHARED(%r11), %rax
        cmpb    $0, (%rax)
        jne     5b
        mov     STUB_SELF(%r11), %rax
        mov     %fs:(%rax), %r8d
        test    %r8d, %r8d
        jz      5b
        cmpb    $0, %fs:STUB_SELF_BUSY(%rax)
        jne     5b
        /* an event: there is a page that knows the spot, and the same locks are held */
        cmpb    $0, STUB_SPOT_EVENT(%r10)
        je      7f
        mov     STUB_WRITES(%r11), %rax
        mov     %fs:(%rax), %rax
        sub     STUB_SPOT_PAGE(%r10), %rax
        cmp     $STUB_PAGE, %rax
        jae     5b
        mov     STUB_SELF(%r11), %rax
        mov     %fs:STUB_SELF_LANE(%rax), %rax
        test    %rax, %rax
        jz      11f
        movzbl  STUB_SPOT_HELD(%r10), %r8d
        cmp     STUB_LANE_HELD(%rax), %r8d
        jne     5b
        cmp     $1, %r8d
        jb      8f
        je      12f
        mov     STUB_LANE_LOCK + STUB_LOCK_SIZE(%rax), %r8
        cmp     STUB_SPOT_LOCK + 8(%r10), %r8
        jne     5b
12:     mov     STUB_LANE_LOCK(%rax), %r8
        cmp     STUB_SPOT_LOCK(%r10), %r8
        jne     5b
        jmp     8f
11:     cmpb    $0, STUB_SPOT_HELD(%r10)
        jne     5b
8:      mov     STUB_SELF(%r11), %rax
        mov     %fs:(%rax), %r8d
7:      /* told; the event first: a process killed in between has one more than was counted, never one less */
        mov     %rdx, %r11
        rdtsc
        shl     $32, %rdx
        or      %rdx, %rax
        mov     %r11, %rdx
        mov     %rax, STUB_SLOT_TIME(%r9)
        cmpb    $0, STUB_SPOT_EVENT(%r10)
        jne     9f
10:     mov     STUB_SPOT_NAME(%r10), %r11
        orl     $1, STUB_NAME_VERSION(%r11)
        mov     %rcx, STUB_NAME_OBJECT(%r11)
        movb    $STUB_KIND_INT, STUB_NAME_KIND(%r11)
        mov     %r8d, STUB_SLOT_WRITER(%r9)
        mov     STUB_DIGITS(%rcx), %eax
        mov     %rax, STUB_NAME_BITS(%r11)
        mov     %rax, STUB_SLOT_VALUE(%r9)
        mov     STUB_SPOT_FILE(%r10), %rax
        mov     %rax, STUB_SLOT_FILE(%r9)
        addq    $1, STUB_SLOT_WRITES(%r9)
        addl    $1, STUB_NAME_VERSION(%r11)
        pop     %r9
        pop     %r8
        jmp     stub_bind_end

9:      mov     2b(%rip), %r11
        mov     STUB_WRITES(%r11), %r11
        mov     %fs:(%r11), %r9
        mov     STUB_DIGITS(%rcx), %eax
        mov     %rax, 8(%r9)
        mov     STUB_SPOT_SLOT(%r10), %rax
        mov     STUB_SLOT_TIME(%rax), %rax
        shr     $4, %rax                /* FT_C_STAMP: the site is its lowest 16 bits */
        shl     $16, %rax
        or      STUB_SPOT_SITE(%r10), %ax
        mov     %rax, (%r9)
        addq    $16, %fs:(%r11)
        mov     STUB_SPOT_SLOT(%r10), %r9
        jmp     10b
stub_bind_entry:
        filter  4b
stub_bind_end:
#endif
        .section .note.GNU-stack, "", @progbits
