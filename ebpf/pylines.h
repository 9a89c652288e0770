/*
 * pylines.h: the file and line of an instruction of a CPython 3.11 code object.
 */
#ifndef FT_EBPF_PYLINES_H
#define FT_EBPF_PYLINES_H

#include "record.h"
#include "trace/writer.h"

/* A code object was told. */
void pylines_keep(const struct event_code *e);

/* Its file (as it has it; NULL: not told) and the line, 0 unknown. Valid until the next pylines_keep. */
const char *pylines_find(const struct event_bound *e, uint32_t *line);

void pylines_close(void);

#endif
