/*
 * frames.c: from the frames of a suspended greenlet to the function it is
 * about: below it lie those of gevent or eventlet and of threading.
 */
#include "preload/python/frames.h"

#include <string.h>

#include "preload/python/attributes.h"

#define FRAMES_MAX  200
#define SPAWNED_MAX 16 /* gevent remembers 10 */

static bool ends(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcmp(text + n - m, end);
}

static void text_of(const void *code, int offset, char *text, size_t room)
{
    text[py_text(py_read(code, offset), text, room - 1)] = 0;
}

static bool is_plumbing(const char *file)
{
    return strstr(file, "/gevent/") || strstr(file, "/eventlet/") || ends(file, "/threading.py");
}

const void *frames_outermost(const void *first)
{
    const void *outermost = NULL, *frame = first;
    for (unsigned i = 0; frame && i < FRAMES_MAX; i++, frame = py_frame_back(frame)) {
        const void *code = py_frame_code(frame);
        if (code) outermost = code;
    }
    return outermost;
}

struct frames frames_of(const void *first)
{
    struct frames f = {0};
    char file[512] = "", name[64];
    const void *frame = first;
    for (unsigned i = 0; frame && i < FRAMES_MAX; i++, frame = py_frame_back(frame)) {
        const void *code = py_frame_code(frame);
        if (!code) continue;
        text_of(code, python.layout->co_filename, file, sizeof file);
        f.outermost = code;
        if (!is_plumbing(file)) f.own = code;
        if (!ends(file, "/threading.py")) continue;
        text_of(code, python.layout->co_qualname, name, sizeof name);
        if (!strcmp(name, "Thread._bootstrap")) f.thread = py_read(frame, python.layout->f_locals); /* self */
    }
    if (f.outermost) {
        text_of(f.outermost, python.layout->co_qualname, name, sizeof name);
        f.hub = !f.own && (!strcmp(name, "Hub.run") || !strcmp(name, "BaseHub.run"));
    }
    return f;
}

ft_ref frames_spawned(const void *first)
{
    struct ft_py_frame frames[SPAWNED_MAX];
    unsigned count = 0;
    for (const void *at = first; at && count < SPAWNED_MAX; at = py_attribute(at, "f_back")) {
        const void *code = py_attribute(at, "f_code");
        if (!py_is(code, python.PyCode_Type)) break;
        frames[count].function = py_string(py_read(code, python.layout->co_qualname));
        frames[count].file = py_string(py_read(code, python.layout->co_filename));
        frames[count++].line = py_attribute_number(at, "f_lineno");
    }
    if (!count) return 0;
    size_t bytes = count * sizeof *frames;
    uint64_t hash = ft_hash(frames, bytes);
    ft_ref ref = ft_interned_find(&ft, hash);
    if (ref) return ref;
    struct ft_py_stack *stack = ft_begin(&ft, FT_PY_STACK, sizeof *stack + bytes, self.task);
    if (!stack) return 0;
    stack->count = (uint16_t)count;
    memcpy(stack->frame, frames, bytes);
    ref = ft_ref_of(stack);
    ft_commit(stack);
    ft_interned_keep(&ft, hash, ref);
    return ref;
}
