/*
 * self.h: who is calling: the state of this process and of this thread.
 *
 * A fork child that only exits must not dirty pages of ours: nothing here is
 * stored to in a child but its thread's `self`, which lies next to the thread
 * descriptor that glibc's fork writes anyway.
 */
#ifndef SELF_H
#define SELF_H

#include <stdint.h>

#include "hook.h"
#include "trace/writer.h"

/* The locks a thread holds. In memory of its own (never unmapped): a fork reads all of them. */
#define HELD_MAX 12
struct lane {
    ft_ref task;   /* 0: free */
    uint32_t held; /* locks held, in lock[], oldest first; of more than HELD_MAX the newest */
    struct {
        const void *address;
        uint32_t kind; /* enum ft_wait_kind */
    } lock[HELD_MAX];
    uint64_t pthread;
    uint32_t tid;
} __attribute__((
    aligned(256))); /* each thread its own cache lines, and one page: each costs a copy after a fork */

/* Of this thread. Initial-exec TLS: no allocation, safe in signal handlers. */
struct self {
    ft_ref task;       /* 0: not known yet */
    ft_ref child;      /* the task of the child being forked by this thread, else 0 */
    struct lane *lane; /* NULL until needed */
    uint64_t untold;   /* unsafe.h: functions whose first call here is to be told, bit n for enum ft_unsafe */
    uint32_t pid;      /* of the process `task` belongs to; 0 in threads nobody saw created */
    uint8_t fork_api;  /* enum ft_fork_api of the libc call we are in, for the atfork handlers */
    uint8_t vforked;   /* this many vfork children borrow this thread */
    uint8_t end;       /* enum ft_thread_end_how seen so far, or SELF_ENDED */
    uint8_t busy;      /* in our own code: hooks call through */
    uint8_t no_lane;   /* there was none left when it needed one */
};
#define SELF_ENDED 255 /* its FT_THREAD_END is written: no lane any more */
extern __thread struct self self __attribute__((tls_model("initial-exec")));

extern struct ft_writer ft;

/*
 * One page that the kernel empties in every new process (MADV_WIPEONFORK): 0 there means "a fork was not
 * noticed". Its second word counts this process's other threads (thread.h). Behind it there is room for what
 * only one process may know (python/spot.h): SELF_SPARE bytes, emptied in the same way, if it is a page at
 * all.
 */
#define SELF_SPARE (2 * FT_PAGE)
extern volatile uint32_t *self_alive;
#define SELF_QUICK   4 /* of its words: 0 there: the code of watched stores calls watch_write (watch/) */
#define SELF_LOOKING 5 /* not 0: a thread of this process looks at what was loaded (watch/) */
extern bool self_shared_tls; /* a clone() child runs on its parent's thread pointer */
extern bool self_slow;       /* that, or there are watched globals to look at: me() has more to do */

/* A clone() child without a thread pointer of its own: from now on identity goes by gettid. */
void self_register_tid(uint32_t tid, ft_ref task);

/* The slow half of me(); and without looking at what is watched, for those who record what they wrote to it.
 */
ft_ref self_slowly(void), self_identify(void);

/*
 * The task to record as, 0: do not record. Notices a fork nobody told us of
 * and threads born out of our sight, and writes their birth certificate.
 * Async-signal-safe; keeps errno.
 */
static inline ft_ref me(void)
{
    if (likely(ft.header && *self_alive && self.task && !self_slow)) return self.busy ? 0 : self.task;
    return self_slowly();
}

/*
 * me() for a call that ends the process: compares the pid (a system call)
 * instead of dirtying the page behind self_alive in a short-lived child.
 */
ft_ref me_leaving(void);

/* This thread's lane, made at first use; NULL when there are too many threads (counted as lost). */
struct lane *my_lane(void);
/* Free it when the thread ends (its slot too). */
void lane_release(void);
/* Call visit for each lane in use: from the forking thread. */
void lanes_each(void (*visit)(void *context, const struct lane *lane), void *context);

/* In a new child: become `child`, whose record the parent wrote; writes FT_CHILD. */
void self_become_child(ft_ref child);

/* The absolute path of the library itself and of the trace: for environments of new images. */
const char *self_library(void);
const char *self_trace(void);

/* The path of the program, "" if unknown. */
const char *self_program(void);

/* A note about ourselves (enum ft_note_what), once per text. */
void self_note(uint32_t what, const char *text);

#endif
