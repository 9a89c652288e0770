/*
 * init.h: what each family does once, called by the constructor in start.c
 * after the trace file is open. None of them may print or fail.
 */
#ifndef INIT_H
#define INIT_H

/* Remember the FORKTRACE_* settings of this image: the program may wipe them (setproctitle). */
void env_init(char **envp);
/* Register our pthread_atfork handlers: as the first of all, so that they run nearest to the fork. */
void fork_init(void);
/* Threads of this image are counted from here. */
void thread_init(void);
/* Register what exit() runs last. */
void exit_init(void);

#endif
