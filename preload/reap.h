/*
 * reap.h: a child that ended and was waited for.
 */
#ifndef REAP_H
#define REAP_H

#include "self.h"

/*
 * FT_REAP, unless `status` (a wait status) says that the child only stopped
 * or went on. pid 0: unknown. Async-signal-safe; keeps errno.
 */
void reaped(enum ft_reap_api api, uint64_t site, int pid, int status);

#endif
