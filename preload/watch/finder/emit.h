/*
 * emit.h: what the files share that write a trampoline's code: code.c (bytes),
 * shape.c (what an instruction stores), save.c (registers, flags, values),
 * record.c, strings.c and locked.c (recording), unwinding.c (how to unwind out
 * of it), emit.c (a whole trampoline).
 */
#ifndef FINDER_EMIT_H
#define FINDER_EMIT_H

#include "finder.h"

/* --- bytes (code.c) ----------------------------------------------------------------------------- */

void code_put(struct job *job, const void *bytes, size_t length);
void code_put32(struct job *job, uint32_t value);
void code_put64(struct job *job, uint64_t value);
#define PUT(job, ...)                           \
    do {                                        \
        const uint8_t bytes_[] = {__VA_ARGS__}; \
        code_put(job, bytes_, sizeof bytes_);   \
    } while (0)
uint32_t code_here(const struct job *job);
/* A jump or call inside this code whose 32-bit distance ends at `from` leads to `to`. */
void code_lead(struct job *job, uint32_t from, uint32_t to);
/* The library fills in 32 or 16 bits there (plan.h). */
void code_fix(struct job *job, enum plan_fix_kind kind, uint32_t at, uint64_t target);
/* Jump over what follows; returns where its distance ends. */
uint32_t code_skip_if(struct job *job, uint8_t condition);
enum { NOT_EQUAL = 0x85, EQUAL = 0x84, AT_LEAST = 0x83, AT_MOST = 0x86, BELOW = 0x82 };

/* --- unwinding (unwinding.c) -------------------------------------------------------------------- */

/*
 * From here on rsp is `by` bytes lower than it was, and the program is as it
 * was at `pc`: what a handler that interrupts this, or an unwinder, has to know.
 */
void stack_grows(struct job *job, int by);
void stack_at(struct job *job, uint64_t pc);
/* Of the code from `start` on, which ends here. */
void unwinding_of(struct job *job, uint32_t start);

/* --- what an instruction stores (shape.c) ------------------------------------------------------- */

enum source {
    FROM_REGISTER,
    FROM_HIGH_BYTE,
    FROM_IMMEDIATE,
    FROM_VECTOR,
    FROM_BEFORE,
    FROM_SUM,
    FROM_MEMORY
};

struct shape {
    ZydisDecodedInstruction i;
    ZydisDecodedOperand o[ZYDIS_MAX_OPERAND_COUNT];
    const ZydisDecodedOperand *memory;
    enum source source;
    unsigned reg; /* 0..15 */
    uint64_t immediate;
    bool before;      /* `reg` has to be saved before it is executed */
    bool conditional; /* it has stored only if ZF is set afterwards */
    bool string;      /* it stores from (rdi before) up to (rdi after) */
    bool locked;      /* done as xadd, to know the sum */
};

#define RSP 4
#define RDI 7

/* False: it cannot be decoded, or stores to more than one place. */
bool shape_of(const struct code *c, struct shape *s);
bool shape_general(ZydisRegister r); /* rax..r15, or a part of one */
unsigned shape_number(ZydisRegister r);

/* --- registers, flags, values (save.c) ---------------------------------------------------------- */

/* Where things are on the stack, from rsp. */
struct frame {
    bool address; /* the store's address was pushed last */
    bool before;  /* what `reg` was before the instruction lies above all */
};
static inline uint8_t slot(const struct frame *f, unsigned n)
{
    return (uint8_t)((f->address ? 8 : 0) + 8 * n);
}
enum { SLOT_FLAGS, SLOT_RCX, SLOT_RDX, SLOT_RAX, SLOT_BEFORE };

void put_before(struct job *job, const struct shape *s);
void put_push(struct job *job, const struct frame *f);
void put_flags(struct job *job);
void put_address(struct job *job, const struct shape *s);
void put_restore(struct job *job, const struct frame *f);
/* Into rcx, but the last. */
void load_slot(struct job *job, const struct frame *f, unsigned n);
void load_memory(struct job *job, uint64_t size);
void load_constant(struct job *job, uint64_t value);
void load_source(struct job *job, const struct shape *s, const struct frame *f);
void load_rax(struct job *job, uint64_t value);

/* --- recording ---------------------------------------------------------------------------------- */

/* Slow paths lie behind the code: jumps to them wait for it. */
#define WAITING 64
struct waiting {
    size_t count;
    struct {
        uint32_t from[2], back;
        uint32_t site;
        int depth; /* of the stack, and the program's place, there */
        uint64_t pc;
    } slow[WAITING];
};

static inline bool scalar(const struct job *job, size_t watch) { return job->targets[watch].size <= 8; }

/* record.c; false: there is no room. The site's index. */
uint32_t add_site(struct job *job, const struct code *c, uint32_t global, uint64_t size, uint8_t flags);
void put_call(struct job *job);
bool put_record(struct job *job, uint32_t site, struct waiting *w);
void put_slow(struct job *job, const struct waiting *w);
bool put_direct(struct job *job, const struct code *c, const struct shape *s, const struct frame *f,
                size_t watch, struct waiting *w);
bool put_followed(struct job *job, const struct code *c, const struct shape *s, const struct frame *f,
                  size_t watch, struct waiting *w);
/* strings.c */
bool put_string(struct job *job, const struct code *c, const struct frame *f, size_t watch,
                struct waiting *w);
/* locked.c. The one watch whose value the sum is; SIZE_MAX: there is none, or more than one. */
size_t locked_watch(const struct job *job, const struct code *c, const struct shape *s);
bool put_locked(struct job *job, const struct code *c, const struct shape *s, size_t watch,
                struct waiting *w);

#endif
