/*
 * switches.h: which greenlet runs when, if asked for (FORKTRACE_GREENLETS=switches).
 * Inside preload/python/ only, but for switches_init.
 *
 * A greenlet.settrace() function of ours, written in C, is called after each
 * switch on the main thread. It costs about as much as the switch itself, and
 * a program that asks greenlet.gettrace() sees it: hence only if asked for. One
 * that the program had set before goes on being called.
 */
#ifndef PYTHON_SWITCHES_H
#define PYTHON_SWITCHES_H

#include "preload/python/runtime.h"

/* FORKTRACE_GREENLETS; may be NULL. Constructor only. */
void switches_init(const char *mode);

/* Asked for, and not done yet. */
extern bool switches_wanted;

/* The slow half of switches_arm. */
void switches_try(void);

/* A module's body is about to run, or an event of a thread that holds the GIL. */
static inline void switches_arm(void)
{
    if (unlikely(switches_wanted)) switches_try();
}

/* The process is about to end: nothing runs from here on. */
void switches_end(void);

/* At a picture: does the program trace itself now? */
void switches_check(void);

#endif
