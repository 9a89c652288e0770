/* racy_stores.h: the rule racy-writes for C globals; racy_writes.c calls it. */
#ifndef FINDINGS_RACY_STORES_H
#define FINDINGS_RACY_STORES_H

#include "find.h"

/* Of several copies the one with the most to tell, as finding_keep keeps it: Python's and C's. */
struct racy {
    copy_id copy;
    uint64_t writes, unlocked, lost; /* lost: for certain */
    int64_t step, first, last;       /* Python's */
};
void racy_keep(struct findings *f, struct finding *x, const struct racy *now);

void racy_stores_find(struct findings *f);
void racy_stores_tell(const struct timeline *t, struct finding *x, struct say *title, struct say *why);

#endif
