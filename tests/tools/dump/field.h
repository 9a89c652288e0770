/*
 * field.h: how one field of a record is printed. Each prints a blank before
 * itself; records.c says which fields a record has.
 */
#ifndef DUMP_FIELD_H
#define DUMP_FIELD_H

#include "trace/reader.h"

#include <inttypes.h>
#include <stdio.h>

extern struct ft_reader dump_reader; /* the trace that is being printed */

/* The name of a value in one of the tables of trace/format/, which have fewer than 64 entries each. */
#define NAME_OF(TABLE, value)                                     \
    ({                                                            \
        static const char *const names_[64] = {TABLE(NAME_OF_X)}; \
        unsigned v_ = (unsigned)(value);                          \
        v_ < 64 && names_[v_] ? names_[v_] : "?";                 \
    })
#define NAME_OF_X(n, name) [n] = #name,

/* At most 200 of the bytes, in quotes; of what is no printable ASCII the code. */
void print_bytes(const char *bytes, size_t length);
void print_string(const char *label, ft_ref ref);
void print_origin(const struct ft_origin *origin);
/* What a global is bound to: enum ft_py_kind, and what it holds. */
void print_value(unsigned kind, uint64_t value);
/* ns from `since`, in units of the trace's clock, to the time of the record. */
void print_span(const char *label, const struct ft_head *head, uint64_t since);
/* The entries of a page of writes; `sites`: what the numbers of sites mean there (FT_PY_SITES of them), or
 * NULL. */
void print_entries(const struct ft_c_entry *entry, size_t count, const ft_ref *sites);

#endif
