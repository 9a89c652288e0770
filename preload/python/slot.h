/*
 * slot.h: what a name is bound to, in the trace: a slot a name and process,
 * overwritten in place. Inside preload/python/ only; GIL held.
 */
#ifndef PYTHON_SLOT_H
#define PYTHON_SLOT_H

#include "preload/python/table.h"
#include "preload/python/value.h"

/* The slot of this process, made at its first binding. `dict` still has the value before. False: no room. */
bool slot_make(struct name *n, const void *dict, const void *key, ft_ref task);
/* The value of the slot, between name_change and name_changed. */
void slot_value(struct name *n, struct ft_py_global *slot, const struct value *value);
/* In a flight recorder that has come round, what the slot refers to may be overwritten: written anew. */
void slot_refresh(struct name *n, const void *key);
/* A secret's value is none of ours. */
void slot_hide(const struct name *n, struct value *value);

#endif
