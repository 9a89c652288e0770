/*
 * stack.c: the Python stack of the calling thread. Walking costs 2-4 ns a
 * frame; names and lines are only looked up for a stack not seen before.
 */
#include "preload/python/dictwatch.h"
#include "preload/python/globals.h"
#include "preload/python/greenlets.h"
#include "preload/python/runtime.h"
#include "preload/python/switches.h"

#define FRAMES_MAX 48

static ft_ref write_stack(const void *frame, unsigned count, bool cut)
{
    struct ft_py_frame frames[FRAMES_MAX];
    unsigned n = 0;
    for (; frame && n < count; frame = py_frame_back(frame)) {
        const void *code = py_frame_code(frame);
        if (!code) continue;
        frames[n].function = py_string(py_read(code, python.layout->co_qualname));
        frames[n].file = py_string(py_read(code, python.layout->co_filename));
        frames[n++].line = py_frame_line(frame, code);
    }
    struct ft_py_stack *stack = ft_begin(&ft, FT_PY_STACK, sizeof *stack + n * sizeof *frames, self.task);
    if (!stack) return 0;
    stack->count = (uint16_t)n;
    stack->cut = cut;
    __builtin_memcpy(stack->frame, frames, n * sizeof *frames);
    ft_ref ref = ft_ref_of(stack);
    ft_commit(stack);
    return ref;
}

ft_ref py_stack(const void *first)
{
    /* a code object's address may be used again after it is gone: its names and first line count too */
    uint64_t hash = 0x5079;
    unsigned count = 0;
    bool cut = false;
    for (const void *frame = first; frame; frame = py_frame_back(frame)) {
        const void *code = py_frame_code(frame);
        if (!code) continue;
        if (count == FRAMES_MAX) {
            cut = true;
            break;
        }
        const uint64_t key[] = {(uintptr_t)code, (uintptr_t)py_read(frame, python.layout->f_instr),
                                (uintptr_t)py_read(code, python.layout->co_qualname),
                                py_read32(code, python.layout->co_firstlineno)};
        for (unsigned i = 0; i < 4; i++) hash = (hash ^ key[i]) * 0x9e3779b97f4a7c15u, hash ^= hash >> 29;
        count++;
    }
    if (!count) return 0;
    ft_ref ref = ft_interned_find(&ft, hash);
    if (ref) return ref;
    ref = write_stack(first, count, cut);
    ft_interned_keep(&ft, hash, ref);
    return ref;
}

ft_ref python_stack_walk(void)
{
    if (!py_here()) return 0;
    globals_arm();
    const void *state = py_thread_state();
    if (state) dictwatch_arm(state);
    const void *first = state ? py_frame(state) : NULL;
    if (!first) return 0;
    switches_arm();
    greenlets_now_and_then(state);
    return py_stack(first);
}
