/*
 * code.c: appending to the code of an object's trampolines.
 */
#include <string.h>

#include "emit.h"

void code_put(struct job *job, const void *bytes, size_t length) { list_append(&job->bytes, bytes, length); }

void code_put32(struct job *job, uint32_t value) { code_put(job, &value, 4); }
void code_put64(struct job *job, uint64_t value) { code_put(job, &value, 8); }

uint32_t code_here(const struct job *job) { return (uint32_t)job->bytes.count; }

/* A jump or call inside this code whose 32-bit distance ends here leads to `to`. */
void code_lead(struct job *job, uint32_t from, uint32_t to)
{
    uint32_t distance = to - from;
    memcpy((uint8_t *)job->bytes.items + from - 4, &distance, 4);
}

void code_fix(struct job *job, enum plan_fix_kind kind, uint32_t at, uint64_t target)
{
    struct plan_fix f = {.target = target, .code = job->code, .at = at, .kind = kind};
    list_add(&job->answer->fixes, &f);
}

/* Jump over what follows; returns where its distance ends. */
uint32_t code_skip_if(struct job *job, uint8_t condition)
{
    PUT(job, 0x0f, condition, 0, 0, 0, 0);
    return code_here(job);
}
