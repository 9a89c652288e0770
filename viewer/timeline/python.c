/*
 * python.c: what Python said: the names of its threads, its frames, and who
 * stands behind a handler that to C is always the same one.
 */
#include "build.h"

/* A name by reference, as a string of the timeline's: kept by reference, so that each is copied once. */
static const char *name(const struct timeline *t, ft_ref ref)
{
    struct build *b = build_of(t);
    return ref ? build_string_once(b, ref) : NULL;
}

struct python_function python_function_of(const struct timeline *t, ft_ref ref)
{
    const struct ft_head *record = ref ? ft_reader_find(t->reader, ref, FT_PY_FUNCTION) : NULL;
    if (!record) return (struct python_function){0};
    struct ft_py_function f = FT_GET(py_function, record);
    return (struct python_function){.name = name(t, f.name), .file = name(t, f.file), .line = f.line};
}

void python_thread(struct build *b, const struct item *it)
{
    struct ft_py_thread record = FT_GET(py_thread, it->record);
    struct task *task = task_find(b, record.thread);
    if (!task || task->thread == NONE) return;
    struct thread *thread = &b->t->threads[task->thread];
    const char *text = name(b->t, record.name);
    thread->python_name = text && *text ? text : NULL; /* one that begins with a NUL is as good as none */
    thread->python = python_function_of(b->t, record.function);
}

struct python_function timeline_python_handler(const struct timeline *t, const struct event *e)
{
    if (e->type != EVENT_SIGACTION || !e->record) return (struct python_function){0};
    return python_function_of(t, FT_GET(sigaction, e->record).py_handler);
}

static ft_ref stack_of(const struct ft_head *record)
{
    switch (record->type) {
    case FT_FORK: return FT_GET(fork, record).origin.py_stack;
    case FT_EXEC: return FT_GET(exec, record).origin.py_stack;
    case FT_EXIT: return FT_GET(exit, record).origin.py_stack;
    case FT_THREAD_CREATE: return FT_GET(thread_create, record).origin.py_stack;
    case FT_WAIT: return FT_GET(wait, record).origin.py_stack;
    case FT_WAIT_SLOT: return FT_GET(wait_slot, record).origin.py_stack;
    case FT_BIND: return FT_GET(bind, record).origin.py_stack;
    case FT_REAP: return FT_GET(reap, record).py_stack;
    case FT_UNSAFE_CALL: return FT_GET(unsafe_call, record).origin.py_stack;
    case FT_FD_USE: return FT_GET(fd_use, record).origin.py_stack;
    case FT_NO_CHILD: return FT_GET(no_child, record).origin.py_stack;
    case FT_SIGACTION: return FT_GET(sigaction, record).py_stack;
    case FT_SIGMASK: return FT_GET(sigmask, record).py_stack;
    case FT_KILL: return FT_GET(kill, record).py_stack;
    case FT_GREENLET: return FT_GET(greenlet, record).spawned;
    case FT_GREENLET_RUN: return FT_GET(greenlet_run, record).stack;
    default: return 0;
    }
}

static bool frame_of(const struct timeline *t, ft_ref stack, size_t i, struct python_function *frame)
{
    const struct ft_head *record = stack ? ft_reader_find(t->reader, stack, FT_PY_STACK) : NULL;
    if (!record) return false;
    size_t length;
    const struct ft_py_frame *frames = ft_tail(record, sizeof(struct ft_py_stack), &length);
    if (i >= FT_GET(py_stack, record).count || i >= length / sizeof *frames) return false;
    *frame = (struct python_function){
        .name = name(t, frames[i].function), .file = name(t, frames[i].file), .line = frames[i].line};
    return true;
}

bool timeline_python_frame(const struct timeline *t, const struct event *e, size_t i,
                           struct python_function *frame)
{
    return e->record && frame_of(t, stack_of(e->record), i, frame);
}

bool timeline_greenlet_frame(const struct timeline *t, thread_id greenlet, size_t i,
                             struct python_function *frame)
{
    return frame_of(t, t->threads[greenlet].waits_at, i, frame);
}
