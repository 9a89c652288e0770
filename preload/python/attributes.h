/*
 * attributes.h: attributes of objects of C extensions, without running Python
 * code. Inside preload/python/ only; GIL held.
 */
#ifndef PYTHON_ATTRIBUTES_H
#define PYTHON_ATTRIBUTES_H

#include "preload/python/runtime.h"

/* Find what is needed; false if this interpreter lacks it. */
bool attributes_init(void);

/* A type (not those it is derived from) has such an attribute in C. */
bool attribute_is(const void *type, const char *name);

/* What a C attribute of its type holds, borrowed; NULL: None, or no such attribute. Runs its getter only. */
const void *py_attribute(const void *object, const char *name);
/* One that is a small int, made anew at each call; 0 if it is none. */
uint32_t py_attribute_number(const void *object, const char *name);

/* The value of a str key of a dict, and of the object's own __dict__; borrowed, NULL: none. */
const void *py_item(const void *dict, const char *name);
const void *py_own_item(const void *object, const char *name);
/* The object's __dict__ if it has one. */
const void *py_own_dict(const void *object);

/* Without const: CPython's functions take no other. */
static inline void *py_own(const void *object) { return (void *)(uintptr_t)object; }

#endif
