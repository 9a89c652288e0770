/*
 * fork.h: the record of a new process, shared by everything that makes one.
 * All of it is async-signal-safe and keeps errno.
 */
#ifndef FORK_H
#define FORK_H

#include <sys/types.h>

#include "self.h"

/*
 * FT_FORK with the caller's stack, already counting (FT_OPEN). To be called
 * before the process is made; NULL when nothing is recorded.
 */
struct ft_fork *fork_record(enum ft_fork_api api, uint64_t site);

/* It is over in the parent: the child's pid, 1 if there is one whose pid we cannot know, or -errno. */
void fork_result(struct ft_fork *record, int32_t result);

/*
 * Around a libc function that runs the atfork handlers. What an interrupted
 * fork of this thread had noted is kept by the caller meanwhile: a signal
 * handler may fork in the middle of a fork.
 */
struct fork_call {
    uint64_t site;
    struct ft_fork *record; /* NULL: nobody waits for its result */
    uint64_t time;          /* of the record */
    uint32_t parent;        /* its pid */
    uint32_t number;        /* forks of this thread, with this one */
    ft_ref child;
    int *errno_at; /* finding it costs the child a page fault */
    int error;     /* the program's errno */
    bool threads;  /* the process has others: what they were doing in libc stays undone in the child */
    bool armed;    /* between the prepare handler and the others, and recorded */
    uint8_t api;
};
struct fork_call fork_enter(enum ft_fork_api api, uint64_t site);
void fork_leave(struct fork_call *outer, pid_t pid);

/* When this process was forked, in units of the trace's clock; 0: it was not, or out of our sight. */
uint64_t fork_born(void);
/* By which process; and it was the how manieth fork of that thread, from 1. */
uint32_t fork_parent(void), fork_number(void);
/* How often this thread has forked since its process was born. */
uint32_t fork_count(void);

#endif
