/*
 * finder.h: what the parts of forktrace-watch share: question.c, answer.c, slots.c
 * (hardware), regions.c (which instructions are moved), emit.c (their code).
 */
#ifndef FINDER_H
#define FINDER_H

#include "preload/watch/plan.h"
#include "symbols/watch.h"

/* An array that grows. */
struct list {
    void *items;
    size_t count, room, each;
};
/* `count` items; exits if there is no memory. */
void list_append(struct list *list, const void *items, size_t count);
void list_free(struct list *list);
static inline void list_add(struct list *list, const void *item) { list_append(list, item, 1); }

struct answer {
    const struct plan_question *question;
    struct list watches, globals, sites, codes, patches, fixes, slots, text;
};
uint32_t answer_text(struct answer *a, const char *bytes, size_t length); /* its offset in a->text */

/* As the library reads it, to PLAN_FD; nothing is left of it here. */
bool answer_write(struct answer *a);

#define OBJECTS 1024
#define WATCHES 64

struct question {
    const struct plan_question *head;
    struct watch_object objects[OBJECTS];
    bool fresh[OBJECTS];
    bool first; /* the library asks for the first time */
    size_t object_count;
    struct watch watches[WATCHES];
    uint64_t addresses[WATCHES];
    struct plan_watch counts[WATCHES];
    size_t watch_count;
    uint32_t slots_left; /* of the hardware */
    bool go;             /* the Go runtime is among the objects */
};

/* Answer what `memory` asks, whose byte at `size` is 0. False: it is no question, or the answer cannot be
 * written. */
bool finder_answer(char *memory, size_t size);

/*
 * slots.c: share out the hardware: among those that ask for it, before any store
 * is looked for; and those of whose writes others are not seen, after.
 */
void slots_share(struct question *q, bool asked);
/* It asks for hardware, and has it, or gets it now: nothing of it is patched. */
bool slots_only(const struct question *q, size_t i);
/* Describe those of watch `i`; `watch`: its index in the answer. */
void slots_place(struct question *q, struct answer *a, size_t i, uint32_t watch);

/* Instructions that are moved together, to make room for a jump; of one alone there may be too little. */
#define REGION_LONGEST 8
struct region {
    struct code code[REGION_LONGEST];
    uint8_t count;
    bool dropped; /* a branch from elsewhere leads into it */
};

/* All watches, in one object's code. */
struct job {
    struct answer *answer;
    const struct watch *const *watches;
    const uint64_t *addresses; /* of what each watches, in memory */
    const struct stores_target *targets;
    struct plan_watch **counts; /* of each */
    size_t count;
    const struct watch_object *object; /* whose code */
    uint32_t code;                     /* index of its plan_code */
    struct list bytes;                 /* of that code */
    struct list regions;
    struct list rows, stretches; /* unwinding.c */
    int depth;                   /* of the stack at the end of the code, below the program's */
    uint64_t pc;                 /* where the program is there */
};

/* The plan_global of what a watch watches, or of `size` bytes at an offset into it. */
uint32_t job_global(struct job *job, size_t watch, uint64_t offset, uint64_t size);

/* May this store write to what a watch watches? */
bool job_concerns(const struct job *job, const struct code *c, size_t watch);

/* regions.c: find the regions of a function. */
void regions_of(void *job, const struct function *function);
/*
 * Make patches of all regions. Those into whose middle code elsewhere branches
 * come apart before.
 */
void regions_place(struct job *job, struct symbols *s);

/* unwinding.c: begin, and append .eh_frame_hdr and .eh_frame to the code; where the former lies in it. */
void unwinding_begin(struct job *job);
uint32_t unwinding_put(struct job *job);

/*
 * emit.c: append code for `count` instructions from `code` on to the job's
 * bytes: each as it was, after each store what records it. False: one of them
 * cannot be done; nothing was appended then.
 */
bool emit_region(struct job *job, const struct code *code, size_t count);
/* Whether emit_region can do this store. */
bool emit_can(const struct code *c);
/* Whether it can do this branch or return (or call), as what ends a region. */
bool emit_can_leave(const struct code *c, bool calls);

#endif
