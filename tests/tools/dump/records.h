/*
 * records.h: the fields of a record as words, each with a blank before it;
 * nothing for a type that this build does not know.
 */
#ifndef DUMP_RECORDS_H
#define DUMP_RECORDS_H

#include "trace/format.h"

void print_record(const struct ft_head *head);

#endif
