/*
 * ebpf.h: forktrace-ebpf beside `forktrace record`: a privileged process of
 * its own that looks at the command, which waits for it, and never runs it.
 */
#ifndef EBPF_H
#define EBPF_H

#include <signal.h>
#include <sys/types.h>

struct ebpf {
    pid_t pid; /* of forktrace-ebpf; 0: there is none */
    int stop;  /* closing it tells forktrace-ebpf to end */
};

/*
 * Start it on process `held` and trace `path`; back when its probes are on. 0,
 * or EXIT_UNUSABLE after one sentence on stderr. buffer, watch: NULL for what it would do anyway. mask: the
 * signal mask to run it with.
 */
int ebpf_start(struct ebpf *e, const char *path, pid_t held, const char *buffer, const char *watch,
               const sigset_t *mask);

/* It writes down what it has and ends. */
void ebpf_stop(struct ebpf *e);

#endif
