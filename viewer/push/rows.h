/*
 * rows.h: statements that make the tables, and objects as their rows
 * (JSONEachRow). What is null is left out: it becomes NULL, or the type's
 * nothing.
 */
#ifndef PUSH_ROWS_H
#define PUSH_ROWS_H

#include <stdio.h>

#include "tables.h"

void rows_create_table(FILE *out, const struct table *table);
void rows_create_view(FILE *out, const struct table *table);

/* What all rows of a push begin with, for rows_put; the caller's to free. NULL: out of memory. */
char *rows_common(const struct pushed *p);
/* One row; `object` is the caller's. */
void rows_put(FILE *out, const char *common, const struct table *table, const cJSON *object);

#endif
