/* racy_stores.h: the rule racy-writes for C globals; racy_writes.c calls it. */
#ifndef FINDINGS_RACY_STORES_H
#define FINDINGS_RACY_STORES_H

#include "find.h"

void racy_stores_find(struct findings *f);
void racy_stores_tell(const struct timeline *t, struct finding *x, struct say *title, struct say *why);

#endif
