/*
 * current.c: the thread state that holds the GIL, faster than by calling
 * CPython. From 3.12 on it is a thread-local variable of CPython's (not
 * exported), which its function finds with __tls_get_addr each time, if it is
 * in a shared libpython: 6 ns of the 30 that a binding costs. A variable of one
 * thread stays where it is: asked for once a thread.
 */
#include <string.h>

#include "preload/python/runtime.h"

__thread void *const *py_current_at __attribute__((tls_model("initial-exec"))); /* of this thread */

#if defined __x86_64__
struct tls_index {
    unsigned long module, offset;
};
void *__tls_get_addr(struct tls_index *index);

static struct tls_index *variable;

static void *current(void)
{
    if (unlikely(!py_current_at)) py_current_at = __tls_get_addr(variable);
    return *py_current_at;
}

static bool skip(const uint8_t **at, const char *bytes, size_t length)
{
    bool there = !memcmp(*at, bytes, length);
    if (there) *at += length;
    return there;
}

/* The general dynamic model, as the x86-64 psABI spells it, so that linkers can find and relax it. */
static struct tls_index *variable_of(const uint8_t *at)
{
    int32_t distance;
    skip(&at, "\xf3\x0f\x1e\xfa", 4);                   /* endbr64 */
    if (!skip(&at, "\x48\x83\xec\x08", 4))              /* sub $8,%rsp */
        skip(&at, "\x50", 1);                           /* push %rax */
    if (!skip(&at, "\x66\x48\x8d\x3d", 4)) return NULL; /* data16 lea index(%rip),%rdi */
    memcpy(&distance, at, 4);
    at += 4;
    const uint8_t *index = at + distance;
    if (!skip(&at, "\x66\x66\x48\xe8", 4) && !skip(&at, "\x66\x48\xff\x15", 4)) return NULL; /* call */
    at += 4;
    return skip(&at, "\x48\x8b\x00", 3) ? (struct tls_index *)(uintptr_t)index : NULL; /* mov (%rax),%rax */
}

void *(*py_current_fast(void *(*slow)(void)))(void)
{
    variable = variable_of((const uint8_t *)(uintptr_t)slow);
    return variable ? current : slow;
}
#else
void *(*py_current_fast(void *(*slow)(void)))(void) { return slow; }
#endif
