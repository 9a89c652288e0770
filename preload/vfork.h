/*
 * vfork.h: a child that borrows its parent's memory and thread: until it
 * execs or exits, this thread's `self` says who the child is.
 */
#ifndef VFORK_H
#define VFORK_H

#include "self.h"

/* In the child: become the task of `record` (NULL: nobody, nothing is recorded). Writes FT_CHILD. */
void borrow(const struct ft_fork *record);
/* In the parent, awake again: who it was before. */
void give_back(ft_ref parent);

#endif
