/*
 * stub.h: code that is copied near the functions of CPython 3.11 that are
 * patched (stub.S, patch.c), and what it reads. Numbers here are for the
 * assembler: stub.c asserts each. Inside preload/python/ only; x86-64 only.
 */
#ifndef PYTHON_STUB_H
#define PYTHON_STUB_H

#define STUB_HOLDER  0
#define STUB_SPOTS   8
#define STUB_INT     16
#define STUB_SELF    24
#define STUB_SHARED  32
#define STUB_LINEAGE 40
#define STUB_WRITES  48

#define STUB_SELF_LANE 8
#define STUB_SELF_BUSY 31
#define STUB_LANE_HELD 4
#define STUB_LANE_LOCK 8
#define STUB_LOCK_SIZE 16
#define STUB_PAGE      4096
#define STUB_PAGE_SEQ  8

#define STUB_SPOT_BITS  7 /* of its size */
#define STUB_SPOT_MASK  63
#define STUB_SPOT_DICT  0
#define STUB_SPOT_KEY   8
#define STUB_SPOT_HASH  16
#define STUB_SPOT_KEYS  24
#define STUB_SPOT_AT    32
#define STUB_SPOT_NAMED 40
#define STUB_SPOT_CODE  48
#define STUB_SPOT_INSTR 56
#define STUB_SPOT_NAME  64
#define STUB_SPOT_SLOT  72
#define STUB_SPOT_SEQ   80
#define STUB_SPOT_FILE  88 /* and line */
#define STUB_SPOT_EVENT 98
#define STUB_SPOT_PAGE  104
#define STUB_SPOT_HELD  99
#define STUB_SPOT_SITE  100
#define STUB_SPOT_LOCK  112

#define STUB_NAME_VERSION 32
#define STUB_NAME_OBJECT  48
#define STUB_NAME_BITS    64
#define STUB_NAME_KIND    72

#define STUB_SLOT_TIME   8
#define STUB_SLOT_WRITES 24
#define STUB_SLOT_VALUE  32
#define STUB_SLOT_KIND   48
#define STUB_SLOT_WRITER 52
#define STUB_SLOT_FILE   56 /* and line */
#define STUB_KIND_INT    3

#define STUB_BUCKETS_MASK 4095
#define STUB_DICT_KEYS    32
#define STUB_OB_TYPE      8
#define STUB_OB_SIZE      16
#define STUB_DIGITS       24
#define STUB_TS_CFRAME    56
#define STUB_CFRAME_FRAME 8
#define STUB_F_CODE       32
#define STUB_F_INSTR      56

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stdint.h>

#include "preload/python/spot.h"

/* A piece of code: 8 bytes for the address of python_modules, of stub_data, of the hook; then instructions.
 */
struct stub {
    const uint8_t *begin, *entry, *end;
};
extern const struct stub stub_plain, stub_filtered, stub_bind;

/* From now on a small int that is bound where it was before does not enter C. The thread state that holds the
 * GIL is at *holder. */
#if defined __x86_64__
void stub_arm(const void *const *holder);
#else
static inline void stub_arm(const void *const *holder) {}
#endif

struct stub_data {
    const void *const *holder; /* leads to no frame until stub_arm */
    struct spot *spots;
    const void *int_type;
    int64_t self; /* from the thread pointer */
    const bool *shared;
    struct ft_page **lineage;
    int64_t writes; /* from the thread pointer */
};
extern struct stub_data stub_data __attribute__((visibility("hidden")));
#endif
#endif
