/*
 * event.h: what an event is, what its types are called, and what is kept of
 * it. timeline.h puts it together (timeline_event) and says more of it.
 */
#ifndef TIMELINE_EVENT_H
#define TIMELINE_EVENT_H

#include <stdint.h>

#include "trace/reader.h"

#define NONE  UINT32_MAX
#define NEVER INT64_MIN

typedef uint32_t process_id, thread_id, event_id, object_id, stack_id, global_id, copy_id;

/* Event types, in JSON spelling. One table: enum, names, one-character marks on lanes. */
/* clang-format off */
#define EVENT_TYPES(X) \
    X(FORK, "fork", 'Y') X(EXEC, "exec", 'X') X(EXEC_FAILED, "exec-failed", 'x') X(EXIT, "exit", 'E') \
    X(WAIT, "wait", 'w') X(THREAD_CREATE, "thread-create", '+') X(THREAD_START, "thread-start", 't') \
    X(THREAD_END, "thread-end", 'e') X(THREAD_JOIN, "thread-join", 'j') \
    X(THREAD_DETACH, "thread-detach", 'd') X(THREAD_CANCEL, "thread-cancel", 'c') \
    X(THREAD_NAME, "thread-name", 'n') X(SIGACTION, "sigaction", 's') X(SIGMASK, "sigmask", 'm') \
    X(KILL, "kill", 'k') X(SIGNAL, "signal", '!') X(LOCK_WAIT, "lock-wait", '=') \
    X(LOCK_HELD, "lock-held", 'h') X(ATFORK, "atfork", 'a') X(BIND, "bind", 'b') \
    X(SESSION, "session", 'S') X(CREDENTIALS, "credentials", 'u') X(NOTE, "note", '*') \
    X(WRITE, "write", 'W') X(CHANGE, "change", '~') X(TEARDOWN, "teardown", 'z') X(STDIO, "stdio", 'o') \
    X(UNSAFE_CALL, "unsafe-call", 'v') X(NO_CHILD, "no-child", 'r') X(GREENLET, "greenlet", 'g') X(GREENLET_RUN, "greenlet-run", 'G') \
    X(FD_USE, "fd-use", 'f')
/* clang-format on */
enum event_type {
#define X(id, name, mark) EVENT_##id,
    EVENT_TYPES(X)
#undef X
        EVENT_TYPE_COUNT
};

/*
 * An event says where its record is; the record is decoded when looked at
 * (FT_GET). `child` is what the type is about: FORK its child
 * process, THREAD_CREATE its thread, WAIT the reaped process, JOIN/DETACH/
 * CANCEL/NAME the target thread, KILL the target process (timeline_kill_thread:
 * or thread), LOCK_WAIT the owner thread where known (timeline_owner_alive:
 * perhaps an ancestor's), EXEC_FAILED its errno, NO_CHILD the process asked for, STDIO the child of the fork,
 * FD_USE the thread that used it before, WRITE, CHANGE and TEARDOWN the global, GREENLET the greenlet that
 * was first seen then, GREENLET_RUN the one that kept the thread (NONE: the thread itself, or not known
 * which), SIGACTION the install it replaced (perhaps an ancestor's); else NONE.
 *
 * SIGNAL: `child` is the sender's thread (timeline_sender knows more).
 *
 * What only forktrace-ebpf saw (EVENT_KERNEL) has a record as the library would
 * have written it, without a call site; SIGNAL is always its word.
 *
 * EXIT: its duration is how long exit() took until its very end; UNFINISHED: it
 * never got there. The main thread of a process is the same through all its
 * images, whichever thread called exec.
 */
struct event {
    int64_t ns;
    const struct ft_head *record; /* NULL: inferred, nothing was written */
    process_id process;
    thread_id thread;
    uint32_t child;
    uint16_t image; /* generation in the process */
    uint8_t type;   /* enum event_type */
    uint8_t flags;  /* EVENT_* below */
    event_id id;
    uint32_t about; /* index of abouts */
    ft_place place; /* of the record, or of an entry in it; 0: only a pointer names it */
};
enum {
    EVENT_INFERRED = 1,
    EVENT_UNFINISHED = 2, /* a wait that never ended, a call that never returned */
    EVENT_KERNEL = 4      /* the library did not see it */
};

/*
 * What is kept of an event, of which there may be many millions: 16 bytes, and
 * what it has in common with others that are alike (SIGMASK, WRITE and TEARDOWN;
 * each of the others has its own). timeline_event puts both together.
 */
struct event_kept {
    int64_t ns;
    ft_place place; /* of its record; 0: `about` has it */
    uint32_t about; /* index of abouts */
};
struct event_about {
    union {
        const struct ft_head *record; /* of one of its own kind */
        struct {
            uint32_t site; /* of a store to a C global; else NONE */
            copy_id copy;  /* what was written */
        };
    };
    process_id process;
    thread_id thread;
    uint32_t child;
    uint16_t image;
    uint8_t type, flags;
};

#endif
