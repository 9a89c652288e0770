/*
 * fuzz_finder.c: any bytes as a program whose globals are watched: forktrace-watch is asked about it as
 * the library asks (preload/watch/plan.h). It may find nothing; what it answers has to lie in the answer.
 *
 *     make fuzz FUZZ=finder    with libFuzzer (clang); FUZZ_SECONDS=60
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "preload/watch/finder/finder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char watches[] =
    "table;add;through_lea;vector;table[3];mov_reg32;wide;outcome.x;no_such;first;handled;late;"
    "shared;pool.used;0x404040/8;counter+4/2;hw:inc;filled;thrown";

static size_t ask(char *memory, const char *path)
{
    struct plan_question q = {
        .magic = PLAN_ASK, .objects = 1, .cursor = -64ull, .alive = 0x10000, .entry = 0x20000, .slots = 4};
    struct plan_loaded loaded = {.start = 0x400000, .end = 0x600000, .fresh = 1, .program = 1};
    char *at = mempcpy(memory, &q, sizeof q);
    at = mempcpy(at, watches, sizeof watches);
    at = mempcpy(at, &loaded, sizeof loaded);
    return (size_t)(stpcpy(at, path) + 1 - memory);
}

static void within(uint32_t offset, uint32_t count, size_t each, size_t size)
{
    if (offset > size || count > (size - offset) / each) abort();
}

static void check(void)
{
    struct plan_answer a;
    off_t size = lseek(PLAN_FD, 0, SEEK_END);
    if (pread(PLAN_FD, &a, sizeof a, 0) != sizeof a || a.magic != PLAN_ANSWER || a.size != size) abort();
    char *bytes = mmap(NULL, a.size, PROT_READ, MAP_PRIVATE, PLAN_FD, 0);
    if (bytes == MAP_FAILED) abort();
    within(a.watches, a.watch_count, sizeof(struct plan_watch), a.size);
    within(a.globals, a.global_count, sizeof(struct plan_global), a.size);
    within(a.sites, a.site_count, sizeof(struct plan_site), a.size);
    within(a.codes, a.code_count, sizeof(struct plan_code), a.size);
    within(a.patches, a.patch_count, sizeof(struct plan_patch), a.size);
    within(a.fixes, a.fix_count, sizeof(struct plan_fix), a.size);
    within(a.slots, a.slot_count, sizeof(struct plan_slot), a.size);
    const struct plan_code *code = (const void *)(bytes + a.codes);
    const struct plan_fix *fix = (const void *)(bytes + a.fixes);
    const struct plan_patch *patch = (const void *)(bytes + a.patches);
    const struct plan_site *site = (const void *)(bytes + a.sites);
    for (uint32_t i = 0; i < a.code_count; i++) {
        within(code[i].code, code[i].length, 1, a.size);
        within(code[i].frames, 8, 1, code[i].length);
    }
    for (uint32_t i = 0; i < a.fix_count; i++)
        if (fix[i].code >= a.code_count || fix[i].at + 4 > code[fix[i].code].length) abort();
    for (uint32_t i = 0; i < a.patch_count; i++)
        if (patch[i].code >= a.code_count || patch[i].target >= code[patch[i].code].length ||
            !patch[i].length || patch[i].length > PLAN_LONGEST)
            abort();
    for (uint32_t i = 0; i < a.site_count; i++)
        if (site[i].global >= a.global_count) abort();
    munmap(bytes, a.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int program = -1;
    static char path[64], memory[4096];
    if (program < 0) {
        int answer = memfd_create("answer", 0);
        if (answer < 0 || (answer != PLAN_FD && dup2(answer, PLAN_FD) != PLAN_FD)) abort();
        program = memfd_create("program", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", program);
        symbols_map_files();
    }
    if (ftruncate(program, 0) || pwrite(program, data, size, 0) != (ssize_t)size) abort();
    if (finder_answer(memory, ask(memory, path))) check();
    symbols_close_all();
    return 0;
}
