/*
 * build_inside.h: what the files behind build_trace.h share.
 */
#ifndef BUILD_INSIDE_H
#define BUILD_INSIDE_H

#include "build_trace.h"

extern struct ft_writer build_writer;

/* A claimed record and its reference; every kind begins like this. */
#define RECORD(type, NAME, task)                                                 \
    struct ft_##type *r = ft_begin(&build_writer, FT_##NAME, sizeof *r, (task)); \
    cr_assert(r);                                                                \
    ft_ref ref = ft_ref_of(r);                                                   \
    (void)ref

/* An FT_STRING; of an argv, its parts separated by spaces in `argv`. */
ft_ref record_text(const char *string, ft_ref task);
ft_ref record_arguments(const char *argv, ft_ref task);

#endif
