/* frames.h: what the frames of a greenlet say about it. Inside preload/python/ only; CPython 3.11. */
#ifndef PYTHON_FRAMES_H
#define PYTHON_FRAMES_H

#include "preload/python/runtime.h"

enum { FRAME_FRAME = 24 }; /* PyFrameObject.f_frame: the interpreter's own */

/* The code object of the outermost frame, what it was started with; `first` is the innermost, or NULL. */
const void *frames_outermost(const void *first);

struct frames {
    const void *outermost;
    const void *own;    /* the outermost that is not gevent's, eventlet's or threading's; NULL: none */
    const void *thread; /* the threading.Thread whose _bootstrap it runs, or NULL */
    bool hub;           /* it is an event loop of gevent's or eventlet's */
};

struct frames frames_of(const void *first);

/* FT_PY_STACK of a stack gevent remembered at a spawn: objects linked by f_back, with f_code and f_lineno. */
ft_ref frames_spawned(const void *first);

#endif
