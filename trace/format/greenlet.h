/*
 * greenlet.h: records of greenlets. Part of ../format.h, which includes it.
 */
#ifndef FT_FORMAT_GREENLET_H
#define FT_FORMAT_GREENLET_H

/*
 * A greenlet (gevent, eventlet) when it was first seen. It is memory of the
 * process and runs on a thread's stack: a fork copies those of the forking
 * thread, and the copy in the child goes by the same reference.
 */
struct ft_greenlet { /* task: the thread that runs it */
    struct ft_head head;
    ft_ref type;     /* of the object: "gevent._gevent_cgreenlet.Greenlet" */
    ft_ref name;     /* of the threading.Thread it stands for, or 0 */
    ft_ref function; /* FT_PY_FUNCTION it runs, or 0 */
    ft_ref spawned;  /* FT_PY_STACK of where it was spawned, or 0 */
    uint32_t flags;  /* FT_GREENLET_* */
    uint32_t pad;
};
/* The event loop, which runs the others; the thread itself, outside of all greenlets (FT_GREENLET_SLOT). */
enum { FT_GREENLET_HUB = 1, FT_GREENLET_THREAD = 2 };

/* The greenlets of a thread that had not ended. One that is not listed any more has, unless `others`. */
struct ft_greenlets {
    struct ft_head head; /* task: the thread */
    uint32_t when;       /* FT_PY_AT_* */
    ft_ref fork;         /* FT_PY_AT_FORK: the child has them too */
    uint32_t count;
    uint32_t others; /* for which there was no room */
    ft_ref current;  /* the one that runs; 0: the thread itself does */
    uint32_t pad;
    struct ft_greenlet_at {
        ft_ref greenlet;
        ft_ref stack; /* FT_PY_STACK where it is waiting for its turn; 0: not started, or not known */
    } greenlet[];
};

/* FORKTRACE_GREENLETS=switches: a greenlet kept its thread for at least the threshold of waits. */
struct ft_greenlet_run {
    struct ft_head head; /* task: the thread; time: when it gave way */
    uint64_t since;
    ft_ref greenlet; /* 0: the thread itself, outside of all greenlets */
    ft_ref stack;    /* FT_PY_STACK in which it gave way; 0: it ended */
    uint32_t others; /* of this thread's had begun before and have not ended: they had to wait */
    uint32_t pad;
};

/* The same: what runs on this thread now, overwritten at each switch. */
struct ft_greenlet_slot {
    struct ft_head head; /* task: the thread; time: since when */
    ft_ref greenlet;     /* 0: see flags, or it had no picture taken yet */
    ft_ref function;     /* FT_PY_FUNCTION it runs, or 0 */
    uint32_t flags;      /* FT_GREENLET_* */
    uint32_t pad;
    uint64_t switches; /* so far */
    uint64_t ran;      /* so long something else than the event loop did, in counts of the clock */
    uint64_t longest;  /* of those */
    uint64_t pad2;
};
static_assert(sizeof(struct ft_greenlet_slot) == FT_SLOT_SIZE, "slot");

#endif
