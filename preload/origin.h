/*
 * origin.h: where a call came from.
 *
 * Stacks are unwound with _Unwind_Backtrace from libgcc, linked statically: it
 * finds unwind tables through _dl_find_object (glibc 2.35), which takes no lock
 * and allocates nothing, so it is safe after fork in a multithreaded process.
 * (libunwind and dl_iterate_phdr take the loader's lock and hung there.)
 * A stack seen before is recognised instead of unwound again (stacks.h).
 */
#ifndef ORIGIN_H
#define ORIGIN_H

#include "self.h"

/* The call site only: for events that are cheap. */
struct ft_origin origin_site(uint64_t site);

/* _Unwind_Backtrace may be called here (libgcc's, see above). */
bool origin_unwinds(void);

/* The whole stack, from `site` outwards. */
struct ft_origin origin_full(uint64_t site);

/* Write an FT_SITE with the full stack the first time this call site is seen in this address space. */
void origin_first(uint64_t site);

/*
 * Beyond code of the greenlet package there is nothing to unwind: it switches stacks there, and what lies
 * further out may by now belong to another greenlet.
 */
bool origin_is_bottom(uint64_t pc);

/* Constructor only. */
void origin_init(void);

#endif
