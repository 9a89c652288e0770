/* source.h: a few lines of a source file, if it is here. */
#ifndef TUI_SOURCE_H
#define TUI_SOURCE_H

#include "facts.h"

/*
 * The lines around `line`, as facts. A relative name is looked for where the
 * process ran. Only regular files are opened, and no more than the first
 * megabyte is read; nothing is added where there is nothing to show.
 */
void facts_add_source(struct facts *f, const struct event *e, const char *file, uint32_t line);

/* The absolute path of a file an event names: relative to where the process ran then. False: that is not
 * known. */
bool source_path(const struct timeline *t, const struct event *e, const char *file, char *path, size_t size);

#endif
