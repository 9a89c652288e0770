/*
 * seccomp.h: a system-call filter the program puts on itself (seccomp(2)).
 * Under it a call of ours that the filter does not know would end the process.
 */
#ifndef SECCOMP_H
#define SECCOMP_H

#include <stdbool.h>

/*
 * prctl(PR_SET_SECCOMP, mode, program, rest...) by libc's own. If the library could not go on under the
 * filter, that is written, and recording ends in this process. The result and errno are the call's.
 */
typedef int prctl_call(int option, ...);
int seccomp_prctl(prctl_call *real, unsigned long mode, unsigned long program, unsigned long rest[2]);

/* Recording ended so, here or in an ancestor whose memory this is: we may make no system call. */
bool seccomp_on(void);

#endif
