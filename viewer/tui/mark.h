/*
 * mark.h: how an event looks on a lane. One table for drawing, for which of
 * several events in one cell is shown (the strongest), and for the legend.
 */
#ifndef TUI_MARK_H
#define TUI_MARK_H

#include "style.h"
#include "viewer/timeline/timeline.h"
#include <uchar.h>

/* clang-format off */
/* type, strength, character (0: lines and shading show it), in ASCII, style, in the legend */
#define MARKS(X)                                                            \
    X(EXEC_FAILED,   95, U'x', 'x', TROUBLE,   "exec that failed")          \
    X(FORK,          90, 0,    'Y', CONNECTOR, "fork: a line to the child") \
    X(EXEC,          85, U'▶', '>', PROCESS,   "exec: a new image")         \
    X(KILL,          80, U'↯', '!', SIGNAL,    "signal sent")               \
    X(SIGNAL,        78, U'ϟ', '?', SIGNAL,    "signal received")           \
    X(EXIT,          75, U'◂', '<', MARK,      "exit asked for")            \
    X(THREAD_CREATE, 70, 0,    '+', CONNECTOR, "thread created: a line to it") \
    X(LOCK_WAIT,     60, 0,    '%', WAIT,      "waiting: shaded as long as it lasts") \
    X(WAIT,          55, U'w', 'w', MARK,      "child reaped")              \
    X(BIND,          50, U'b', 'b', MARK,      "bind")                      \
    X(CREDENTIALS,   45, U'u', 'u', MARK,      "user or group changed")     \
    X(SESSION,       44, U'S', 'S', MARK,      "new session")               \
    X(THREAD_CANCEL, 43, U'c', 'c', MARK,      "thread cancelled")          \
    X(THREAD_JOIN,   40, U'j', 'j', MARK,      "thread joined")             \
    X(THREAD_DETACH, 35, U'd', 'd', DIM,       "thread detached")           \
    X(NO_CHILD,      54, U'r', 'r', TROUBLE,   "wait for a child that is not there") \
    X(UNSAFE_CALL,   34, U'U', 'U', WAIT,      "call that a fork makes unsafe") \
    X(FD_USE,        22, U'f', 'f', DIM,       "connection taken over by another") \
    X(STDIO,         32, U'o', 'o', WAIT,      "output left in a buffer at a fork") \
    X(LOCK_HELD,     33, U'h', 'h', WAIT,      "lock held at a fork")       \
    X(SIGACTION,     30, U's', 's', SIGNAL,    "signal handler installed")  \
    X(SIGMASK,       25, U'm', 'm', DIM,       "signal mask changed")       \
    X(ATFORK,        20, U'a', 'a', DIM,       "pthread_atfork handler")    \
    X(THREAD_NAME,   15, U'n', 'n', DIM,       "thread named")              \
    X(THREAD_END,    10, 0,    0,   MARK,      NULL)                        \
    X(THREAD_START,   5, 0,    0,   MARK,      NULL)                        \
    X(GREENLET_RUN,  58, U'G', 'G', WAIT,      "a greenlet kept the thread") \
    X(GREENLET,      38, U'g', 'g', MARK,      "greenlet first seen")       \
    X(WRITE,         12, U'∙', 'v', VALUE,     "watched global written")    \
    X(CHANGE,        13, U'≈', '~', VALUE,     "global changed, writer not seen") \
    X(TEARDOWN,       8, U'∙', 'v', DIM,       "global cleared at shutdown") \
    X(NOTE,          28, U'*', '*', DIM,       "note of the recorder")
/* clang-format on */

struct mark {
    uint8_t strength;
    char plain;
    uint8_t style;
    char32_t ch;
    const char *legend;
};
extern const struct mark marks[EVENT_TYPE_COUNT];

static inline const struct mark *mark_of_type(unsigned type)
{
    return &marks[type < EVENT_TYPE_COUNT ? type : EVENT_NOTE];
}
static inline const struct mark *mark_of(const struct event *e) { return mark_of_type(e->type); }

#endif
