/*
 * watch.h: writes to C globals, seen by patched stores: every instruction found
 * to store to a watched object jumps into a trampoline that does the store and
 * then appends 16 bytes to a page of the trace that is this thread's alone.
 *
 * Nothing here costs anything while no C global is watched: `watching` is one
 * load. x86-64 only; elsewhere values are compared (sample.c), and a note says so.
 */
#ifndef WATCH_H
#define WATCH_H

#include "preload/self.h"

extern bool watching; /* set once, by the constructor */

/*
 * Constructor only, after the birth record. `list` is FORKTRACE_WATCH, kept by
 * the caller; items that begin with "py:" are not ours.
 */
void watch_init(const char *list);

/* Is this an address in code that was put in for watched stores? Async-signal-safe. */
bool watch_placed(uint64_t address);
static inline bool watch_is_ours(uint64_t address) { return unlikely(watching) && watch_placed(address); }

/* The same at an event that is about to be recorded: me() asks for it. */
void watch_sample(void);

/* The values as they are, where they changed since they were told last. Async-signal-safe. */
void watch_tell(ft_ref fork);
static inline void watch_at_fork(ft_ref fork)
{
    if (unlikely(watching)) watch_tell(fork);
}
static inline void watch_at_end(void)
{
    if (unlikely(watching)) watch_tell(0);
}

/*
 * Where this thread's next write goes. Known to the trampolines: cursor is
 * first. Its low 12 bits below WATCH_FIRST: there is no page, or it is full.
 */
struct place {
    uint64_t cursor;
    struct ft_c_writes *page; /* that cursor is in, or was */
    uint32_t count;           /* writes before there was a page */
    uint64_t held, before;    /* signs of the locks held, as the page has them; before its last entry */
    uint64_t pending; /* the cursor behind that entry: no write has followed if it is still there; 0: none */
};
#define WATCH_FIRST 128
extern __thread struct place place __attribute__((tls_model("initial-exec")));

/* This thread took or released a lock: for who has a page (held.h). Async-signal-safe. */
void watch_held(void);
static inline void watch_locks(void)
{
    if (unlikely(place.cursor >> 12)) watch_held();
}

/* What follows is not this task's any more: a child after a fork, a thread at its end, a vfork child. */
void watch_leave(bool ours);
static inline void watch_reset(bool ours)
{
    if (unlikely(place.cursor)) watch_leave(ours);
}

#endif
