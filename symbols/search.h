/*
 * search.h: what the files share that look for stores: stores.c (which functions
 * to look at), flow.c (what their instructions do), jumps.c (where they may lead).
 */
#ifndef SYMBOLS_SEARCH_H
#define SYMBOLS_SEARCH_H

#include "private.h"
#include "stores.h"

#define WIDEST    64 /* bytes a store may begin before the range */
#define SLOTS_MAX 64

struct search {
    struct symbols *symbols;
    const struct stores_target *targets;
    size_t target_count;
    struct slot { /* of the GOT: it holds the address of a target's object */
        uint64_t address;
        uint64_t targets;
    } slot[SLOTS_MAX];
    size_t slots;
    bool absolute; /* not position-independent: addresses are immediates */
    bool landings; /* it has exception tables: handlers are entered from anywhere */
    struct stores_counts *counts;
    stores_visit *visit;
    void *context;
    ZydisDecoder decoder;
    uint64_t done; /* end of the function looked at last */
    struct code *code;
    struct flow *flow;
    size_t room;
    uint64_t *words; /* addresses of code that data holds, sorted: jumps.c */
    size_t word_count, word_room;
    bool words_read;
    uint64_t code_start, code_end; /* of all sections with code */
};

/* What an instruction does to the registers that hold the address; bit n: register n. */
struct flow {
    uint16_t in, out; /* before and after it */
    uint16_t kills;   /* it overwrites */
    uint16_t from;    /* if one of these holds it, `to` does afterwards */
    uint16_t to;
    uint64_t takes;       /* `to` does in any case: whose address it is; bit n: target n */
    uint64_t escapes;     /* addresses it stores: no register holds them */
    uint16_t addressing;  /* registers in the address it stores to */
    bool stops, indirect; /* control does not go on behind it; it may go anywhere */
    uint64_t target;      /* of a branch, or 0 */
    uint64_t constant;    /* an address it makes: of a table, or of a label; 0: none */
    uint16_t through;     /* indirect: the register that it jumps to; 0: to what memory holds */
    bool loads;           /* a register, from memory as it is there */
};

/* flow.c. False: this is no code. */
bool flow_decode(struct search *s, const uint8_t *bytes, size_t left, uint64_t address, struct code *c,
                 struct flow *f);
/* Branch targets, also those in the middle of an instruction. Is there a jump to who knows where? */
bool flow_targets(struct code *code, const struct flow *flow, size_t count);
void flow_target(struct code *code, size_t count, uint64_t address);
/* To a fixed point: what holds before an instruction is what holds after any that leads to it. */
void flow_follow(const struct code *code, struct flow *flow, size_t count);
/* The targets whose object this is in, or a little off. */
uint64_t flow_in_object(const struct search *s, uint64_t address, uint64_t off);

/* jumps.c: the targets of those that go through a register or memory, too. False: they are not all known. */
bool jumps_targets(struct search *s, struct code *code, const struct flow *flow, size_t count);

/* stores.c: the sections with code (or with data). */
typedef void section_visit(struct search *s, const uint8_t *bytes, uint64_t start, size_t size);
void each_section(struct search *s, bool code, section_visit *visit);

#endif
